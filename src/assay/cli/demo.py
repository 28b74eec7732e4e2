"""``assay demo``: two specialists from real data to signed answers, each step with its reason."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from assay.cli import options
from assay.cli.console import TerminalProgress, emit, line, seconds, size, stdout
from assay.observability.progress import SILENT, Progress

if TYPE_CHECKING:
    from assay.packaging.keys import KeyPair
    from assay.run import Run

NAME, PANEL = None, "Start here"
KEY = "demo"
PROFILE = "local"
app = typer.Typer()


@dataclass(frozen=True)
class Act:
    """One specialist of the demo: its recipe, why it is shown, what it is asked."""

    recipe: str
    why: str
    questions: tuple[str, ...]


ACTS = (
    Act(
        "banking-intent",
        "A bank customer's message becomes one of 77 intents (Banking77, its official test set). "
        "The ladder is climbed from the cheapest rung to the dearest, and the first that passes "
        "the gate is taken: a language model is not needed where a small encoder does the job.",
        (
            "my card still has not turned up in the post",
            "somebody used my account to buy things I never ordered",
            "what does it cost to get cash from a machine abroad?",
        ),
    ),
    Act(
        "request-json",
        "A spoken request becomes JSON with its intent and its slots (SNIPS 2017, its official "
        "validation set as the test). Here only a language model can answer: a LoRA adapter is "
        "trained on SmolLM2-135M, and decoding is constrained by the JSON Schema, so that every "
        "answer is valid.",
        (
            "book a table for four at an italian place in Boston tomorrow night",
            "will it rain in Paris this weekend",
            "add the new Adele song to my workout playlist",
        ),
    ),
)
OPENING = (
    "Two specialists are trained on real data, proved against the model they started from on items "
    "held out from training, judged, signed, verified, and served. What does not pass is not "
    "signed. Everything runs on this machine; nothing is sent anywhere."
)


@dataclass
class Stage:
    """Where the demo speaks: a console, a progress, and whether it speaks at all."""

    console: Console
    progress: Progress

    def heading(self, title: str) -> None:
        """A rule across the screen."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="cyan"))

    def why(self, text: str) -> None:
        """What is about to happen, and why."""
        self.console.print(Padding(Text(text), (0, 2, 1, 2)))


@app.command("demo", rich_help_panel=PANEL)
def demo(
    root: options.Root = options.RUNS,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again what is finished.")] = False,
    as_json: options.Json = False,
) -> None:
    """Train, prove, sign and serve two specialists on real data: 8 to 17 minutes."""
    began = time.monotonic()
    console = Console(quiet=True) if as_json else stdout()
    stage = Stage(console, SILENT if as_json else TerminalProgress(console))
    stage.heading("Assay: two specialists, from real data to signed answers")
    stage.why(f"{OPENING} {_expected_time()}")
    runs = [_prove(stage, act, root, fresh) for act in ACTS]
    shipped = [act for act, run in zip(ACTS, runs, strict=True) if run.verdict == "pass"]
    packages = _sign(stage, [run for run in runs if run.verdict == "pass"])
    answers = _serve(stage, packages, shipped)
    spent = time.monotonic() - began
    _close(stage, runs, packages, spent)
    if as_json:
        emit(_summary(runs, packages, answers, spent))
    if len(packages) < len(ACTS):
        raise typer.Exit(3)


def _expected_time() -> str:
    """How long it will take, as measured on two cores (docs/results.md)."""
    from assay.models.precision import decide

    if decide("auto").name == "fp32":
        return (
            "This processor does not compute bf16 natively, so the language model is trained in "
            "fp32: about 17 minutes on two cores, where a processor with AVX512-BF16 takes 8."
        )
    return "It takes about 8 minutes on two cores."


def _prove(stage: Stage, act: Act, root: Path, fresh: bool) -> Run:
    """Train one specialist and show how it did."""
    from assay import run as execution
    from assay.cli import show
    from assay.recipe.load import load

    stage.heading(f"Train and prove {act.recipe}")
    stage.why(act.why)
    line(stage.console, f"  $ assay train {act.recipe} --profile {PROFILE}", style="bold cyan")
    loaded = load(act.recipe, profile=PROFILE)
    run = execution.train(loaded, root=root, fresh=fresh, progress=stage.progress)
    for kind, rows in run.curves().items():
        show.curve(stage.console, kind, rows)
    stage.console.print()
    show.result(stage.console, run)
    if run.verdict != "pass":
        line(stage.console, "  Not signed and not served: that is what the gate is for.")
    return run


def _sign(stage: Stage, runs: Sequence[Run]) -> list[Path]:
    """Package every run with the demo's key, and verify each as a stranger would."""
    from assay import run as execution
    from assay.files import home
    from assay.packaging.keys import TrustStore
    from assay.packaging.verify import verify

    stage.heading("Sign and verify")
    stage.why(
        "A package holds weights and JSON, never code. It is signed with Ed25519 and ML-DSA-65, "
        "and opened only if both signatures come from a key this machine trusts and every byte "
        "is the signed one."
    )
    if not runs:
        line(stage.console, "  Nothing passed, so there is nothing to sign.")
        return []
    key = _key(stage)
    packages: list[Path] = []
    for run in runs:
        line(stage.console, f"  $ assay package {run.folder} --key {KEY}", style="bold cyan")
        path = execution.package(run, key, progress=stage.progress)
        with verify(path, TrustStore.load(home())) as verified:
            told = f"  ✓ {path.name}: {size(path.stat().st_size)}, sha256 {verified.sha256[:16]}"
            line(stage.console, f"{told}, signed by {verified.signer.name}", style="green")
        packages.append(path)
    return packages


def _key(stage: Stage) -> KeyPair:
    """The key ``demo``, made and trusted on this machine if it is not there yet."""
    from assay.files import home
    from assay.packaging import keys

    if KEY not in [public.name for public in keys.list_keys(home())]:
        keys.new(KEY, home())
        line(stage.console, f"  $ assay keys new {KEY}", style="bold cyan")
    pair = keys.load(KEY, home())
    if pair.public.key_id not in keys.TrustStore.load(home()).keys:
        keys.trust(KEY, home())
        line(stage.console, f"  $ assay keys trust {KEY}", style="bold cyan")
    return pair


def _serve(stage: Stage, packages: Sequence[Path], acts: Sequence[Act]) -> list[dict[str, Any]]:
    """Serve the packages in this process on a free port, and ask each three questions."""
    stage.heading("Serve and ask")
    if not packages:
        line(stage.console, "  Nothing was signed, so there is nothing to serve.")
        return []
    from assay.files import home
    from assay.packaging.keys import TrustStore
    from assay.web.server import create_app, start_in_thread

    stage.why(
        "One process serves both over an OpenAI-compatible API. The questions were written for "
        "this demo; they are in no data set."
    )
    names = " ".join(str(path) for path in packages)
    line(stage.console, f"  $ assay serve {names}", style="bold cyan")
    application = create_app(
        packages, trust=TrustStore.load(home()), progress=stage.progress, require_key=False
    )
    answers: list[dict[str, Any]] = []
    with start_in_thread(application) as address:
        line(stage.console, f"  listening on {address}", style="dim")
        for act in acts:
            line(stage.console, f"\n  {act.recipe}", style="bold")
            answers += [_ask(stage, address, act.recipe, text) for text in act.questions]
    return answers


def _ask(stage: Stage, address: str, model: str, text: str) -> dict[str, Any]:
    began = time.perf_counter()
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    reply = _post(f"{address}/v1/chat/completions", body)
    took = time.perf_counter() - began
    answer: str = reply["choices"][0]["message"]["content"]
    confidence: float | None = reply.get("assay", {}).get("confidence")
    line(stage.console, f"    {text}")
    sure = f"confidence {confidence:.2f}, " if confidence is not None else ""
    shown = Text(f"    → {answer}", style="green")
    shown.append(f"   {sure}{1000 * took:.0f} ms", style="dim")
    stage.console.print(shown, soft_wrap=True)
    return {
        "specialist": model,
        "question": text,
        "answer": answer,
        "confidence": confidence,
        "seconds": round(took, 4),
    }


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST JSON to our own server; a proxy of the environment is not asked."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=120) as reply:
        return json.loads(reply.read())


def _close(stage: Stage, runs: Sequence[Run], packages: Sequence[Path], spent: float) -> None:
    stage.heading("What is on disk now")
    for run in runs:
        line(stage.console, f"  report   {run.report_path.resolve()}")
    for path in packages:
        line(stage.console, f"  package  {path.resolve()}")
    if packages:
        line(stage.console, f'  try it   assay ask {packages[0]} "where is my card?"', style="cyan")
    shipped = "1 specialist" if len(packages) == 1 else f"{len(packages)} specialists"
    line(stage.console, f"\n  {shipped} shipped in {seconds(spent)}", style="bold")


def _summary(
    runs: Sequence[Run], packages: Sequence[Path], answers: list[dict[str, Any]], spent: float
) -> dict[str, Any]:
    from assay.cli import show

    return {
        "runs": [show.summary(run) for run in runs],
        "packages": [str(path) for path in packages],
        "answers": answers,
        "seconds": round(spent, 1),
    }
