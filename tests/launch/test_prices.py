"""The price table: every figure with a source, and a warning where it is old or undated."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml

from assay.errors import DataError
from assay.launch import prices
from assay.launch.prices import STALE_DAYS, Price

SEEDS_OWN = ("g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "p4d.24xlarge")


def test_the_seeds_instances_are_there_with_source_and_place() -> None:
    table = prices.instances()
    assert set(SEEDS_OWN) <= set(table)
    for name, machine in table.items():
        assert machine.cloud and machine.region and machine.gpu_memory > 8e9, name
        assert machine.bandwidth > 1e11 and machine.speed_source.startswith("http"), name
        assert {"on_demand", "spot"} >= set(machine.prices) and "on_demand" in machine.prices
        for price in machine.prices.values():
            assert price.usd_per_hour > 0 and price.source


def test_every_source_that_is_named_is_described() -> None:
    table = yaml.safe_load(prices.TABLE.read_text(encoding="utf-8"))
    named = {gpu["source"] for gpu in table["gpus"].values()} | {
        row[kind]["source"] for row in table["instances"].values() for kind in ("on_demand", "spot")
    }
    assert named <= set(table["sources"])
    for source in table["sources"].values():
        assert source["url"] and (source["date"] is None or isinstance(source["date"], date))


def test_an_old_price_and_an_undated_one_warn_and_name_their_date() -> None:
    today = date(2026, 11, 22)
    young = Price(1.0, "a page", today - timedelta(days=STALE_DAYS))
    old = Price(1.0, "a page", today - timedelta(days=STALE_DAYS + 1))
    assert young.warning("g5.xlarge", today) is None
    warning = old.warning("g5.xlarge", today)
    assert warning is not None and str(old.date) in warning and "181 days" in warning
    undated = Price(0.42, "the seed", None).warning("g5.xlarge", today)
    assert undated is not None and "undated" in undated and "the seed" in undated
    assert prices.given(2.0).warning("g5.xlarge", prices.today()) is None


def test_an_unknown_instance_is_told_with_those_there_are() -> None:
    with pytest.raises(DataError, match=r'"g5.xlrage".*Did you mean "g5.xlarge"') as caught:
        prices.instance("g5.xlrage")
    assert "p4d.24xlarge" in caught.value.remedy
