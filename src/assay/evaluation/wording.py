"""Numbers as people read them, the same in verdicts and in reports."""

from __future__ import annotations

from collections.abc import Sequence

from assay.recipe.schema import PASS_AT


def number(value: float) -> str:
    """Three decimals: ``0.912``."""
    return f"{value:.3f}"


def signed(value: float) -> str:
    """Three decimals with a sign: ``+0.302``; a true minus sign would not copy into a shell."""
    return f"{value:+.3f}" if round(value, 3) else "0.000"


def interval(bounds: Sequence[float], *, sign: bool = False) -> str:
    """``[0.902, 0.922]``."""
    write = signed if sign else number
    return f"[{write(bounds[0])}, {write(bounds[1])}]"


def threshold(value: float) -> str:
    """At least two decimals, more where they matter: ``0.90``, ``0.925``."""
    short = f"{value:.2f}"
    return short if float(short) == value else f"{value:g}"


def percent(share: float) -> str:
    """``4.2 %``; a small share is never rounded to none."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    text = f"{100 * share:.1f}"
    return f"{text.removesuffix('.0')} %"


def p_value(p: float) -> str:
    """``p = 0.012`` or ``p < 0.0001``."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def count(value: int, noun: str) -> str:
    """``1 item``, ``3,080 items``, ``12 classes``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}{ending}"


METRIC_NAMES = {  # in the order in which reports list them
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "exact_match": "Exact match",
    "intent_accuracy": "Intent accuracy",
    "slot_precision": "Slot precision",
    "slot_recall": "Slot recall",
    "slot_f1": "Slot F1",
    "span_precision": "Entity precision",
    "span_recall": "Entity recall",
    "span_f1": "Entity F1",
    "span_macro_f1": "Entity macro-F1",
    "overlap_f1": "Entity F1, overlap",
    "token_f1": "Token F1",
    "ndcg_10": "NDCG@10",
    "mrr_10": "MRR@10",
    "recall_10": "Recall@10",
    "recall_100": "Recall@100",
    "success_1": "First is relevant",
    "number_match": "Right number",
    "pass_at_1": "Pass@1",
    **{f"pass_at_{k}": f"Pass@{k}" for k in PASS_AT},
    "execution_match": "Right rows",
    "sql_exact": "Same query",
    "sql_executes": "Queries that run",
    "sql_parses": "Queries that parse",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "chrf_pp": "chrF++",
    "bleu": "BLEU",
    "compression": "Compression",
    "bits_per_byte": "Bits per byte",
    "valid": "Valid answers",
    "ece": "ECE",
    "brier": "Brier score",
}
LOWER_IS_BETTER = ("ece", "brier", "bits_per_byte")


def metric_name(metric: str) -> str:
    """How a metric is written in a heading."""
    return METRIC_NAMES.get(metric, metric)
