"""Pieces of work of which one computes at a time, and passes on."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from assay.training.signals import SHARED_STOP, StopRequest, interruptible
from assay.training.turns import Turns, pass_on


def steps(name: str, count: int, said: list[str]) -> Callable[[], str]:
    def work() -> str:
        for step in range(count):
            said.append(f"{name}{step}")
            pass_on()
        return name

    return work


def test_each_takes_a_step_in_turn_and_who_has_ended_is_left_out() -> None:
    said: list[str] = []
    works = [steps("a", 3, said), steps("b", 1, said), steps("c", 2, said)]
    assert Turns(works, 3).run() == ["a", "b", "c"]
    assert said == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_no_more_than_asked_are_under_way() -> None:
    said: list[str] = []
    assert Turns([steps(name, 2, said) for name in "abcd"], 2).run() == list("abcd")
    assert said[:4] == ["a0", "b0", "a1", "b1"]
    assert sorted(said[4:]) == ["c0", "c1", "d0", "d1"]


def test_one_alone_computes_at_a_time() -> None:
    busy = threading.Lock()

    def work() -> bool:
        for _ in range(20):
            assert busy.acquire(blocking=False)
            time.sleep(0.001)
            busy.release()
            pass_on()
        return True

    assert Turns([work] * 4, 4).run() == [True] * 4


def test_outside_there_is_nobody_to_pass_on_to() -> None:
    pass_on()
    assert Turns[int]([], 2).run() == []


def test_an_error_stops_the_others_and_is_raised() -> None:
    """Those under way are asked to stop, and no other begins."""
    said: list[str] = []

    def fails() -> str:
        pass_on()
        raise ValueError("broken")

    def lasts() -> str:
        stop = SHARED_STOP.get()
        assert stop is not None
        while not stop.requested:
            time.sleep(0.01)
            pass_on()
        said.append(stop.name)
        return "stopped"

    with pytest.raises(ValueError, match="broken"):
        Turns([fails, lasts, steps("late", 1, said)], 2).run()
    assert said == ["SIGTERM"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_all(number: signal.Signals) -> None:
    heard: list[str] = []

    def lasts() -> None:
        stop = SHARED_STOP.get()
        assert stop is not None
        for _ in range(2000):
            if stop.requested:
                heard.append(stop.name)
                return
            time.sleep(0.005)
            pass_on()

    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    timer.start()
    before = signal.getsignal(number)
    Turns([lasts, lasts], 2).run()
    assert heard == [number.name] * 2
    assert signal.getsignal(number) is before


def test_all_are_in_the_thread_of_who_waits_for_them() -> None:
    def work() -> int:
        pass_on()
        return threading.get_ident()

    assert set(Turns([work] * 3, 3).run()) == {threading.get_ident()}


@pytest.mark.parametrize("entered", [StopRequest, interruptible])
def test_who_takes_turns_sets_no_handler_of_its_own(entered: Callable[[], Any]) -> None:
    """They are left in another order than they were entered in."""

    def work(count: int) -> None:
        during = signal.getsignal(signal.SIGTERM)
        with entered():
            for _ in range(count):
                pass_on()
                assert signal.getsignal(signal.SIGTERM) == during

    before = signal.getsignal(signal.SIGTERM)
    Turns([lambda: work(1), lambda: work(3), lambda: work(2)], 3).run()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_ends_them_at_once() -> None:
    said: list[str] = []

    def lasts() -> None:
        try:
            for _ in range(1000):
                pass_on()
            said.append("went on")
        finally:
            said.append("tidied")

    def hurried() -> None:
        pass_on()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a test process may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            Turns([lasts, hurried], 2).run()
    finally:
        signal.signal(signal.SIGINT, before)
    gc.collect()
    assert said == ["tidied"]
