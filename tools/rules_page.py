"""Writes docs/sap-rules.md: how rules are written, and every one that ships.

Usage: python tools/rules_page.py
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import yaml

from assay.sap.rules import rules
from assay.sap.rules.names import KNOWLEDGE, settings
from assay.sap.rules.rule import Rule

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sap-rules.md"
HEAD = """\
# Rules

`assay sap validate FILE.json` checks a document against every rule of its type, and its payload against
SAP's metadata. The list below is made from the rules by `tools/rules_page.py`; a test keeps it in step, and
runs every rule's examples.

A rule says what must hold. Its answer is `pass`, `fail`, `unknown` where something that it needs is not known
(never a pass), or `not applicable`. Every answer comes with the values that decided, and a failure with what
to do. Severity `error` makes the command end with code 3.

## Your own rules

`--rules FILE.yaml` adds rules, replaces those with the same id, and switches off those under `off`:

```yaml
about: What our company holds invoices to
off: [DUP-002]
rules:
  - id: OWN-001
    name: An invoice above the limit has an order
    applies: [supplier_invoice]
    when: gross_total > 1000 and currency = "EUR"
    holds: purchase_order_number is present
    severity: error
    action: review
    message: '{gross_total} {currency} without an order.'
    remedy: Ask for the order's number.
    source: our purchasing policy
    examples:
      base: invoice
      pass: [{purchase_order_number: "4500000123", gross_total: 2000}]
      fail: [{purchase_order_number: null, gross_total: 2000}]
```

An expression has fields of the document by their [canonical names](sap-fields.md), and with `each: items` (or
`taxes`) those of a row; `order.x` and `order_item.x` of the purchase order, `received` and `invoiced`
quantities, `supplier.x`, `customer.x`, `company.x`, `product.x`, `history.x`, `setting.x`, `today`. It may use
`+ - * /`, `= != < <= > >=`, `a = b within t`, `and`, `or`, `not`, `implies`, `in [...]`, `is present`,
`is missing`, `matches iban` (and other formats), and functions: `sum(items.net_amount)`,
`sum(items: quantity * unit_price)`, `count`, `all(items: ...)`, `any(items: ...)`, `min`, `max`, `abs`, `round`,
`days(a, b)`, `default(a, b)` and others. A name or a type that does not fit is told with file and line
when the rules are loaded.

## What is known beside the document

`--with FILE.json` holds `order` and `receipts` as documents in canonical fields, the document's own `supplier`,
`customer` and `company`, `products` by number, `history`, and `settings`; see
`examples/evidence/supplier_invoice.json`. What is left out is not known.

"""


def page() -> str:
    """The page's text."""
    return HEAD + _evidence() + _settings() + _rules()


def _evidence() -> str:
    said = yaml.safe_load((KNOWLEDGE / "evidence.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| {group}.{name} | {each['type']} | {each['means']} |\n"
        for group, names in said.items()
        for name, each in names.items()
    ]
    return "| name | type | meaning |\n|---|---|---|\n" + "".join(rows)


def _settings() -> str:
    head = "\n## Settings\n\n| setting | value | meaning | source |\n|---|---|---|---|\n"
    rows = (f"| {n} | {s.value} | {s.means} | {s.source} |\n" for n, s in settings().items())
    return head + "".join(rows)


def _rules() -> str:
    every = sorted(rules(), key=lambda rule: rule.id)
    parts = [f"\n## The {len(every)} rules that ship\n"]
    for area, group in groupby(every, key=lambda rule: rule.id.partition("-")[0]):
        parts.append(
            f"\n### {area}\n\n| id | rule | of | severity | source |\n|---|---|---|---|---|\n"
        )
        parts += [_row(rule) for rule in group]
    return "".join(parts)


def _row(rule: Rule) -> str:
    types = ", ".join(sorted(rule.applies))
    cells = (rule.id, rule.name, types, rule.severity, rule.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
