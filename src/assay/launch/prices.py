"""Machines that can be rented: what they have and what an hour of them costs, with source and date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import yaml

from assay.errors import DataError, did_you_mean
from assay.recipe.catalogue import FOLDER

TABLE = FOLDER / "instances.yaml"
STALE_DAYS = 180
Purchase = Literal["on_demand", "spot"]


@dataclass(frozen=True)
class Price:
    """US dollars an hour, and who said so when; ``date`` is None where the source states none."""

    usd_per_hour: float
    source: str
    date: date | None

    def warning(self, what: str, today: date) -> str | None:
        """Why the price may be another by now, or None."""
        if self.date is None:
            return f"{what}: the price of ${self.usd_per_hour:g} an hour is undated ({self.source})"
        age = (today - self.date).days
        if age > STALE_DAYS:
            return (
                f"{what}: the price of ${self.usd_per_hour:g} an hour is of {self.date}, "
                f"{age} days ago ({self.source})"
            )
        return None


@dataclass(frozen=True)
class Instance:
    """One machine: a GPU's speed (dense tera-operations a second by type), and the prices of all."""

    name: str
    cloud: str
    region: str
    gpu: str
    gpus: int
    gpu_memory: int  # bytes of one GPU
    memory: int  # bytes of the host
    tflops: dict[str, float | None]
    bandwidth: float  # bytes a second of one GPU's memory
    speed_source: str
    prices: dict[Purchase, Price]


def instances() -> dict[str, Instance]:
    """Every machine of the table, in its order."""
    table: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: _instance(name, row, table) for name, row in table["instances"].items()}


def instance(name: str) -> Instance:
    """The machine of that name; raises ``DataError`` that lists those there are."""
    known = instances()
    if name not in known:
        raise DataError(
            f'no instance is called "{name}" in the price table.{did_you_mean(name, [*known])}',
            f"Instances: {', '.join(known)}. Another one: add it to {TABLE}, with source and date.",
        )
    return known[name]


def today() -> date:
    """The date that the age of a price is counted to."""
    return datetime.now(UTC).date()


def given(usd_per_hour: float) -> Price:
    """A price that the user names; it is as good as the user's word, so it never warns."""
    return Price(usd_per_hour, "given with --price", today())


def _instance(name: str, row: dict[str, Any], table: dict[str, Any]) -> Instance:
    gpu, sources = table["gpus"][row["gpu"]], table["sources"]
    prices: dict[Purchase, Price] = {}
    kinds: tuple[Purchase, ...] = ("on_demand", "spot")
    for kind in kinds:
        said: dict[str, Any] | None = row.get(kind)
        if said is not None:
            source = sources[said["source"]]
            prices[kind] = Price(float(said["usd_per_hour"]), source["url"], source["date"])
    return Instance(
        name=name,
        cloud=row["cloud"],
        region=row["region"],
        gpu=row["gpu"],
        gpus=row["gpus"],
        gpu_memory=row["gpu_memory_mib"] * 2**20,
        memory=row["host"]["memory_gib"] * 2**30,
        tflops=gpu["tflops"],
        bandwidth=gpu["bandwidth_gb_s"] * 1e9,
        speed_source=sources[gpu["source"]]["url"],
        prices=prices,
    )
