"""The number a text comes to: what a worked answer is judged by."""

from __future__ import annotations

import re
from decimal import Decimal

MARK = "####"  # before the final answer, as GSM8K writes it (Cobbe et al. 2021, arXiv:2110.14168)
# Digits grouped by thousands or not at all, then perhaps decimals. A minus counts where it is no
# operator: "12-5" and "12 - 5" end in 5, "is -5" in -5.
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.)\]%])[-−])?(?:[$€£¥]\s?)?"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+)",
    re.ASCII,
)


def final_number(text: str) -> Decimal | None:
    """The first number after the last ``####``, or without that mark the last number; else None.

    "1,250.00" is one number and equals "1250"; a percent sign or a currency is left out.
    """
    _, mark, marked = text.rpartition(MARK)
    found = list(_NUMBER.finditer(marked if mark else text))
    if not found:
        return None
    match = found[0 if mark else -1]
    value = Decimal(match["digits"].replace(",", ""))
    return -value if match["sign"] else value
