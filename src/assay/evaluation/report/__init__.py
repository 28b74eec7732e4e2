"""The report of a run: one self-contained page, Markdown and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay import files
from assay.evaluation.report.charts import draw_charts
from assay.evaluation.report.page import render


def write_report(
    run_folder: Path,
    evaluation: dict[str, Any],
    ladder: list[dict[str, Any]],
    curves: dict[str, list[dict[str, Any]]],
    context: dict[str, Any],
) -> Path:
    """Write ``report/{index.html,report.md,*.png}``; returns the path of ``index.html``.

    ``evaluation``, ``ladder`` and ``curves`` are the contents of ``evaluation.json``,
    ``ladder.json`` and each rung's ``metrics.jsonl``. ``context`` holds ``name, profile, summary,
    created, recipe_yaml, data, environment, commands, parity, base`` and may hold ``stages``. The
    folder is replaced as a whole, and the same input gives the same bytes.
    """
    pictures = draw_charts(evaluation, ladder, curves)
    html, markdown = (
        render(template, evaluation, ladder, pictures, context)
        for template in ("index.html.j2", "report.md.j2")
    )
    with files.new_directory(run_folder / "report") as folder:
        for picture in pictures.values():
            files.write_bytes(folder / f"{picture.name}.png", picture.png)
        files.write_text(folder / "report.md", markdown)
        files.write_text(folder / "index.html", html)
    return run_folder / "report" / "index.html"
