"""Generated business news, and who did what to whom in them.

Which relations hold between whom is drawn first, a sentence for each after them: active, passive or as a
noun, so that who comes first in a sentence does not tell who acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from shipped.card import Card, Generated, Row, Splits, generated_card
from shipped.people import FIRST, LAST

SEED = 35
ROWS = {"train": 1_500, "validation": 150, "test": 300}
OF_PEOPLE = ("founded", "leads")  # their subject is a person; of all others, a company
# Of each relation: how it is said, {s} the one who acts and {o} the other.
SAID: dict[str, dict[str, tuple[str, ...]]] = {
    "acquired": {
        "train": ("{s} bought {o}.", "{s} has taken over {o}.", "{o} was acquired by {s}.", "{o} has been sold to {s}.", "{s} completed its purchase of {o}.", "The takeover of {o} by {s} is complete."),
        "validation": ("{o} went to {s} for an undisclosed sum.", "{s} closed the acquisition of {o}."),
        "test": ("{o} was snapped up by {s}.", "{s} swallowed {o}.", "The owners of {o} sold it to {s}.", "{s} has made {o} its subsidiary.", "{o} now belongs to {s}."),
    },
    "supplies": {
        "train": ("{s} supplies {o}.", "{s} delivers parts to {o}.", "{o} is supplied by {s}.", "{o} gets its materials from {s}.", "{s} won a contract to supply {o}.", "{o} chose {s} as its supplier."),
        "validation": ("{o} buys its components from {s}.", "{s} will equip {o}."),
        "test": ("{o} orders its raw materials from {s}.", "{s} keeps {o} stocked.", "The shelves of {o} are filled by {s}.", "{s} ships its goods to {o}.", "{o} relies on deliveries from {s}."),
    },
    "invested_in": {
        "train": ("{s} invested in {o}.", "{s} holds a stake in {o}.", "{o} raised money from {s}.", "{o} received funding from {s}.", "{s} took part in the financing of {o}.", "A tenth of {o} is owned by {s}."),
        "validation": ("{s} put money into {o}.", "{o} won {s} as an investor."),
        "test": ("{o} was given fresh capital by {s}.", "{s} became a shareholder of {o}.", "{o} is backed by {s}.", "{s} financed the growth of {o}.", "Shares of {o} went to {s}."),
    },
    "sued": {
        "train": ("{s} sued {o}.", "{s} is taking {o} to court.", "{o} was sued by {s}.", "{o} faces a lawsuit from {s}.", "{s} filed a complaint against {o}.", "A suit against {o} was brought by {s}."),
        "validation": ("{s} started proceedings against {o}.", "{o} must answer in court to {s}."),
        "test": ("{s} dragged {o} before a judge.", "{o} has been taken to court by {s}.", "{s} demands damages from {o}.", "Legal action against {o} was begun by {s}.", "{o} is the defendant in a case of {s}."),
    },
    "founded": {
        "train": ("{s} founded {o}.", "{s} set up {o}.", "{o} was founded by {s}.", "{o} was started by {s}.", "{s} established {o}.", "{o}, a foundation of {s}, is growing."),
        "validation": ("{o} was created by {s}.", "{s} is the founder of {o}."),
        "test": ("{o} goes back to its founder {s}.", "{s} built {o} from nothing.", "{o} was brought into being by {s}.", "It was {s} who launched {o}.", "{s} opened {o}."),
    },
    "leads": {
        "train": ("{s} leads {o}.", "{s} is chief executive of {o}.", "{o} is led by {s}.", "{o} is run by {s}.", "{s} was named head of {o}.", "{o} appointed {s} as its chief executive."),
        "validation": ("{s} took the helm of {o}.", "{o} has {s} at its top."),
        "test": ("{o} is managed by {s}.", "{s} heads {o}.", "At {o}, {s} is in charge.", "{s} became president of {o}.", "The board of {o} made {s} its managing director."),
    },
}  # fmt: skip
# What states no relation, though it may name two.
OTHER = {
    "train": (
        "{a} and {b} did not comment.",
        "{a} competes with {b}.",
        "{a} reports its figures in {month}.",
        "{a} and {b} met in {month}.",
        "Analysts follow {a} closely.",
        "{a} employs {n} people.",
    ),
    "validation": ("{a} is larger than {b}.", "Nothing was heard from {a}."),
    "test": (
        "{a} and {b} are neighbours.",
        "Talks of {a} with {b} are planned for {month}.",
        "{a} has {n} offices.",
        "Experts compare {a} to {b}.",
    ),
}
MONTHS = {
    "train": ("January", "March", "April", "June", "July", "September", "October", "December"),
    "validation": ("May",),
    "test": ("February", "August", "November"),
}
TRADES = {
    "train": ("Foods", "Logistics", "Software", "Steel", "Energy", "Textiles", "Pharma", "Media", "Motors", "Chemicals"),
    "validation": ("Paper", "Glass", "Robotics"),
    "test": ("Optics", "Shipping", "Plastics", "Brewing", "Timber", "Airlines"),
}  # fmt: skip


def story(random: Random, split: str, first: str) -> Row:
    """A text with ``first`` and up to two more relations, among three companies and two people."""
    companies = [
        f"{name} {trade}"
        for name, trade in zip(
            random.sample(LAST[split], 3), random.sample(TRADES[split], 3), strict=True
        )
    ]
    people = [f"{random.choice(FIRST[split])} {random.choice(LAST[split])}" for _ in range(2)]
    others = [relation for relation in SAID if relation != first]
    chosen = sorted([first, *random.sample(others, random.randrange(3))])
    relations: dict[str, dict[str, str]] = {}
    sentences: list[str] = []
    for relation in chosen:
        s, o = random.sample(companies, 2)
        if relation in OF_PEOPLE:
            s = random.choice(people)
        relations[relation] = {"subject": s, "object": o}
        sentences.append(random.choice(SAID[relation][split]).format(s=s, o=o))
    a, b = random.sample(companies, 2)
    other = random.choice(OTHER[split])
    month, n = random.choice(MONTHS[split]), random.randrange(12, 900)
    sentences.append(other.format(a=a, b=b, month=month, n=n))
    random.shuffle(sentences)
    return {"text": " ".join(sentences), "facts": {"relations": relations}}


def rows_of(split: str) -> Iterator[Row]:
    """The rows of a split, relations in turn, no text twice."""
    random, seen = Random(f"relation-extraction {SEED} {split}"), set[str]()
    while len(seen) < ROWS[split]:
        row = story(random, split, tuple(SAID)[len(seen) % len(SAID)])
        if row["text"] not in seen:
            seen.add(row["text"])
            yield row


def build() -> Splits:
    """News to read."""
    return {split: list(rows_of(split)) for split in ROWS}


CARDS: dict[str, Card] = {
    "made-relations": generated_card(
        Generated(
            by="tools/shipped/relations.py",
            seed=SEED,
            templates={
                split: len(OTHER[split]) + sum(len(said[split]) for said in SAID.values())
                for split in ROWS
            },
            values="people, companies and months from lists by hand, apart by split.",
        ),
        summary="Short business news, and the relations between the companies and people in them.",
        columns={
            "text": "two to four sentences: one for each relation, and one that states none",
            "facts": "`relations`: of each relation that is stated, its `subject` (who acts) and `object`",
        },
        rules="Six relations (acquired, founded, invested_in, leads, sued, supplies), each at most once in a"
        " text. Sentences are active, passive or built on a noun, so either may come first. The"
        " sentence that states no relation may name two companies.",
        build=build,
    ),
}
