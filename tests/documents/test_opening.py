"""Whatever a stranger sends ends in a verdict with a reason, and the next document is opened."""

from __future__ import annotations

import os
import struct
import zlib
from email.message import EmailMessage
from pathlib import Path

import made
import pytest
from PIL import Image

from assay.documents import opening
from assay.documents.inside.refused import (
    ACTIVE,
    AMBIGUOUS,
    DAMAGED,
    EMPTY,
    ENCRYPTED,
    OPENED,
    TOO_LARGE,
    TOO_SLOW,
    UNKNOWN,
)
from assay.documents.opening import Limits, Opener
from assay.errors import ConstraintError, DataError, DependencyError


def encrypted(data: bytes, password: str) -> bytes:
    """A PDF that asks for a password; "" asks for none, and only forbids printing."""
    import io

    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


def huge_png(side: int) -> bytes:
    """A PNG that says it has ``side`` x ``side`` dots, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    dots = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + dots + chunk(b"IEND", b"")


def bomb() -> bytes:
    """A PDF whose one page unpacks to 3 GB of drawing."""
    packed = zlib.compress(zlib.compress(b"0 0 m 9 9 l S " * 1_500_000, 9), 9)
    stream = (
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n" % len(packed)
        + packed + b"\nendstream"
    )  # fmt: skip
    return made.minimal("", stream.decode("latin-1"), "/Contents [" + "4 0 R " * 300 + "]")


def launch(action: str) -> bytes:
    return made.minimal("/OpenAction 4 0 R", f"<< /S /{action} >>")


@pytest.mark.parametrize(
    ("data", "name", "verdict", "reason"),
    [
        (b"", "empty.pdf", EMPTY, "no bytes"),
        (b"<!DOCTYPE html><html><body>Log on</body></html>", "a.pdf", UNKNOWN, "an HTML page"),
        (b"<?xml version='1.0'?><Invoice/>", "a.xml", UNKNOWN, "it is XML"),
        (b"PK\x03\x04rest", "a.pdf", UNKNOWN, "a ZIP archive or an Office document"),
        (b"just words", "a.txt", UNKNOWN, "no known kind. Read are PDF"),
        (b"%PDF-1.7\nnothing more", "a.pdf", DAMAGED, "no document"),
        (made.minimal(count=0).replace(b"[3 0 R]", b"[]     "), "a.pdf", DAMAGED, "no document"),
        (made.pdf(made.LINES)[:700], "half.pdf", DAMAGED, "no document"),
        (encrypted(made.pdf(made.LINES), "secret"), "a.pdf", ENCRYPTED, "asks for a password"),
        (made.pdf(*[()] * 101), "a.pdf", TOO_LARGE, "101 pages, and 100 are read (--max-pages)"),
        (made.minimal().replace(b"200 200", b"20000000 200"), "a.pdf", TOO_LARGE, "no page can be"),
        (launch("JavaScript"), "a.pdf", ACTIVE, "it holds a script; nothing of it was run"),
        (launch("Launch"), "a.pdf", ACTIVE, "it holds a call of a program"),
        (made.minimal("", "", "/AA << /O << /S /SubmitForm >> >>"), "a.pdf", ACTIVE, "sends itself"),
        (huge_png(50_000), "a.png", TOO_LARGE, "50,000 x 50,000 dots"),
        (b"\x89PNG\r\n\x1a\n", "a.png", DAMAGED, "no whole picture"),
        (b"Subject: hello\n\nno file\n", "a.eml", EMPTY, "nothing is attached"),
    ],
)  # fmt: skip
def test_refused(opener: Opener, data: bytes, name: str, verdict: str, reason: str) -> None:
    with opener.open(data, name) as opened:
        assert opened.verdict == verdict, opened.reason
        assert reason in opened.reason


def test_a_document_that_only_forbids_printing_is_opened(opener: Opener) -> None:
    with opener.open(encrypted(made.pdf(made.LINES), "")) as opened:
        assert (opened.verdict, opened.kind, opened.pages) == (OPENED, "PDF", 1)


def test_scripts_are_read_past_where_that_is_asked() -> None:
    with Opener(Limits(acts=True)) as opener, opener.open(launch("JavaScript")) as opened:
        assert opened.verdict == OPENED
        assert opened.notes == ("it holds a script; nothing of it was run",)


def test_two_readers_that_count_other_pages_are_not_believed(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = opener._run
    monkeypatch.setattr(
        opener,
        "_run",
        lambda job, handle, **more: (
            opening.Result({"verdict": OPENED, "pages": 3, "acts": []}, [])
            if job == "second"
            else whole(job, handle, **more)
        ),
    )
    with opener.open(made.pdf(made.LINES)) as opened:
        assert opened.verdict == AMBIGUOUS
        assert "one reader finds 1 pages in it and another 3" in opened.reason


def test_a_bomb_ends_its_child_and_not_the_others(opener: Opener) -> None:
    with opener.open(bomb(), "bomb.pdf") as opened:
        assert opened.verdict == OPENED
        found = opener.page(opened, 0, 150)
        assert found.verdict in (TOO_SLOW, TOO_LARGE, DAMAGED)
        assert found.parts == []
    with opener.open(made.pdf(made.LINES)) as opened:
        assert opened.verdict == OPENED
        assert len(opener.page(opened, 0, 72).head["words"]) == 24


def test_a_child_cannot_write_nor_connect(opener: Opener, tmp_path: Path) -> None:
    """The limits are the sandbox's own; here they are asked of the process that reads."""
    code = (
        "import os, socket, sys; sys.path.insert(0, sys.argv[1]); "
        "from assay.confine import confine; confine(2, 512, 10)\n"
        "for act in (lambda: open(sys.argv[2], 'w'), socket.socket, os.fork):\n"
        "    try: act()\n"
        "    except OSError: continue\n"
        "    os._exit(1)\n"
        "os._exit(0)"
    )
    import subprocess
    import sys

    root = str(opening.ROOT)
    done = subprocess.run([sys.executable, "-c", code, root, str(tmp_path / "x")], check=False)
    assert done.returncode == 0
    assert not (tmp_path / "x").exists()


def test_mails_hand_out_their_files(opener: Opener) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Invoice"
    mail.set_content("see attached")
    mail.add_attachment(
        b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="../../a.pdf"
    )
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.add_attachment(b"abc", maintype="application", subtype="octet-stream", filename="b.bin")
    mail.add_attachment(inner)
    with opener.open(mail.as_bytes()) as opened:
        assert (opened.verdict, opened.kind) == (OPENED, "e-mail")
        assert [each.name for each in opened.attached] == ["a.pdf", "part-1"]
        assert opened.attached[0].data == b"%PDF-1.7 x"
        with opener.open(opened.attached[1].data) as within:
            assert [each.name for each in within.attached] == ["b.bin"]


def test_pictures_have_pages_and_the_name_is_not_believed(opener: Opener) -> None:
    frames = [made.scan(size=(300, 100)), made.scan(size=(200, 100))]
    data = made.encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with opener.open(data, "a.pdf") as opened:
        assert (opened.kind, opened.sizes) == ("TIFF", ((300, 100), (200, 100)))
        assert opened.notes == ("it is named .pdf, and is TIFF",)
        assert len(opener.page(opened, 1, 150).parts[0]) == 200 * 100 * 3
    with opener.open(made.encoded(frames[0])[:-300]) as opened:
        found = opener.page(opened, 0, 150)
        assert found.verdict == DAMAGED
        assert "cannot be decoded" in found.reason


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16", "CMYK", "1", "LA"])
def test_every_kind_of_dots_becomes_rgb_on_white(opener: Opener, mode: str) -> None:
    picture = Image.new(mode, (4, 2), 0 if mode in ("P", "I;16", "1") else None)
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    with opener.open(made.encoded(picture, kind)) as opened:
        dots = opener.page(opened, 0, 150).parts[0]
    assert len(dots) == 24
    assert set(dots) == {255 if mode in ("RGBA", "LA", "CMYK") else 0}


def test_files_inside_a_pdf_are_handed_out(opener: Opener) -> None:
    import io

    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made.pdf(made.LINES))))
    writer.add_attachment("factur-x.xml", b"<Invoice/>")
    held = io.BytesIO()
    writer.write(held)
    with opener.open(held.getvalue()) as opened:
        assert [(each.name, each.data) for each in opened.attached] == [
            ("factur-x.xml", b"<Invoice/>")
        ]


def test_paths_that_cannot_be_read(opener: Opener, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"), opener.open(tmp_path / "none.pdf"):
        pass
    with pytest.raises(DataError, match="this is a folder"), opener.open(tmp_path):
        pass
    big = tmp_path / "big.pdf"
    with big.open("wb") as handle:
        handle.truncate(60_000_000)
    with opener.open(big) as opened:
        assert opened.verdict == TOO_LARGE
        assert "60,000,000 bytes, and 50,000,000 are read" in opened.reason


def test_an_answer_that_is_not_sound_is_not_believed() -> None:
    handle = os.memfd_create("result")
    for data in (b"", b"\xff" * 9, struct.pack("=Q", 2) + b"{}", struct.pack("=Q", 5) + b"null "):
        os.truncate(handle, 0)
        os.pwrite(handle, data, 0)
        assert opening._read(handle).verdict == DAMAGED
    os.close(handle)


def test_a_server_that_dies_is_told_and_replaced() -> None:
    with Opener() as opener:
        with opener.open(made.pdf(made.LINES)) as opened:
            assert opened.verdict == OPENED
        assert opener._server is not None
        opener._server.kill()
        with pytest.raises((ConstraintError, OSError)), opener.open(b"%PDF-"):
            pass
        with opener.open(made.pdf(made.LINES)) as opened:
            assert opened.verdict == OPENED


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "server.py"
    monkeypatch.setattr(opening, "SERVER", server)
    server.write_text("import pypdfium3", encoding="utf-8")
    with pytest.raises(DependencyError, match="pypdfium3"), Opener() as opener, opener.open(b"x"):
        pass
    server.write_text("raise SystemExit('no such kernel')", encoding="utf-8")
    with (
        pytest.raises(ConstraintError, match="no such kernel"),
        Opener() as opener,
        opener.open(b"x"),
    ):
        pass
    monkeypatch.setattr(opening.sys, "platform", "darwin")
    with pytest.raises(ConstraintError, match="darwin"), Opener() as opener, opener.open(b"x"):
        pass
