"""Generated arguments: facts, rules, and a claim that follows from them, contradicts them, or neither.

A chain of rules leads from a fact to a claim, forwards (modus ponens) or backwards (modus tollens). Where
nothing is to follow, one rule of the chain is turned round, which makes the argument one of the two
classical fallacies (affirming the consequent, denying the antecedent): its words stay the same, so that
words alone do not tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from shipped.card import Card, Generated, Row, Splits, generated_card
from shipped.people import LAST

SEED = 36
ROWS = {"train": 1_800, "validation": 150, "test": 300}
LABELS = ("FOLLOWS", "CONTRADICTED", "UNDECIDED")
Literal = tuple[str, bool]  # what is said of a thing, and whether it is so
# "If {p}, then {q}" in other words; {not_q} is the opposite of {q}.
RULES = {
    "train": (
        "If a {kind} is {p}, it is {q}.",
        "Every {kind} that is {p} is {q}.",
        "A {kind} is {q} whenever it is {p}.",
        "Only a {kind} that is {q} is {p}.",
        "No {kind} that is {p} is {not_q}.",
    ),
    "validation": ("Whatever {kind} is {p} is {q}.", "Being {p} makes a {kind} {q}."),
    "test": (
        "Any {kind} that is {p} is also {q}.",
        "When a {kind} is {p}, then it is {q}.",
        "A {kind} cannot be {p} without being {q}.",
        "There is no {kind} that is {p} and {not_q}.",
        "All that is {p} among the {kind}s is {q}.",
    ),
}
FACTS = {
    "train": ("{Kind} {name} is {p}.", "It is known that {kind} {name} is {p}.", "{Kind} {name}, as we know, is {p}."),
    "validation": ("We know {kind} {name} to be {p}.",),
    "test": ("The records show that {kind} {name} is {p}.", "{Kind} {name} was found to be {p}.", "For sure, {kind} {name} is {p}."),
}  # fmt: skip
CLAIMS = {
    "train": ("Claim: {kind} {name} is {p}.", "So {kind} {name} is {p}.", "Hence {kind} {name} is {p}."),
    "validation": ("Conclusion: {kind} {name} is {p}.",),
    "test": ("Therefore {kind} {name} is {p}.", "It follows that {kind} {name} is {p}.", "Thus {kind} {name} is {p}."),
}  # fmt: skip
KINDS = {
    "train": ("parcel", "contract", "bill", "machine", "supplier", "request"),
    "validation": ("cheque", "licence"),
    "test": ("shipment", "tender", "vehicle", "ledger"),
}
QUALITIES = {
    "train": ("urgent", "insured", "taxable", "large", "foreign", "signed", "paid", "registered", "new", "certified", "sealed", "tested", "leased", "damaged", "local", "approved", "expensive", "complete", "secret", "renewed", "listed", "stamped", "heavy", "returned"),
    "validation": ("late", "cheap", "private", "open", "valid", "small", "known", "blocked"),
    "test": ("overdue", "verified", "exempt", "domestic", "reserved", "audited", "rare", "locked", "standard", "funded", "public", "modern"),
}  # fmt: skip


def opposite(literal: Literal) -> Literal:
    """The same quality, denied where it was said."""
    return literal[0], not literal[1]


def worded(literal: Literal) -> str:
    return literal[0] if literal[1] else f"not {literal[0]}"


def argument(random: Random, split: str, label: str) -> Row:
    """A text with a chain of one or two rules, a rule beside the point, and sometimes another thing."""
    kind, names = random.choice(KINDS[split]), random.sample(LAST[split], 2)
    length = random.randrange(1, 3)
    said = [(word, random.random() < 0.5) for word in random.sample(QUALITIES[split], length + 3)]
    chain, beside = said[: length + 1], said[length + 1 :]
    rules = [(chain[n], chain[n + 1]) for n in range(length)]
    forwards = random.random() < 0.5
    fact, proved = (chain[0], chain[-1]) if forwards else map(opposite, (chain[-1], chain[0]))
    claim = proved if label == "FOLLOWS" else opposite(proved)
    if label == "UNDECIDED":
        claim = random.choice((proved, opposite(proved)))
        turned = random.randrange(length)
        rules[turned] = rules[turned][::-1]
    rules.append((beside[0], beside[1]))
    random.shuffle(rules)

    def say(templates: dict[str, tuple[str, ...]], name: str, literal: Literal) -> str:
        template = random.choice(templates[split])
        return template.format(Kind=kind.capitalize(), kind=kind, name=name, p=worded(literal))

    sentences = [
        random.choice(RULES[split]).format(
            kind=kind, p=worded(p), q=worded(q), not_q=worded(opposite(q))
        )
        for p, q in rules
    ]
    sentences.append(say(FACTS, names[0], fact))
    if random.random() < 0.5:  # of something else, which decides nothing
        word = random.choice(chain)[0]
        sentences.append(say(FACTS, names[1], (word, random.random() < 0.5)))
    random.shuffle(sentences)
    return {"text": " ".join([*sentences, say(CLAIMS, names[0], claim)]), "label": label}


def rows_of(split: str) -> Iterator[Row]:
    """The rows of a split, labels in turn, no text twice."""
    random, seen = Random(f"logical-reasoning {SEED} {split}"), set[str]()
    while len(seen) < ROWS[split]:
        row = argument(random, split, LABELS[len(seen) % len(LABELS)])
        if row["text"] not in seen:
            seen.add(row["text"])
            yield row


def build() -> Splits:
    """Arguments to judge."""
    return {split: list(rows_of(split)) for split in ROWS}


CARDS: dict[str, Card] = {
    "made-arguments": generated_card(
        Generated(
            by="tools/shipped/logic.py",
            seed=SEED,
            templates={
                split: sum(len(said[split]) for said in (RULES, FACTS, CLAIMS)) for split in ROWS
            },
            values="names, kinds of things and their qualities from lists by hand, apart by split.",
        ),
        summary="Facts, rules and a claim: it follows, it is contradicted, or it is undecided.",
        columns={
            "text": "two or three rules and one or two facts in any order, the claim last",
            "label": "FOLLOWS, CONTRADICTED or UNDECIDED",
        },
        rules="A chain of one or two rules leads from the fact to the claim, forwards or backwards; one more"
        " rule, and in half the texts one more fact, decide nothing. An UNDECIDED text has one rule of the"
        " chain turned round. What is not said is not taken as false.",
        build=build,
    ),
}
