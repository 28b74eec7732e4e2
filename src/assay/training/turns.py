"""Several trainings in one process, which take turns: a step of one, then a step of the next.

Each runs from beginning to end on a stack of its own (a greenlet), exactly as it would alone, and passes
on after each step of a loop that says so (``pass_on``). All are in one thread: nothing that a process
has only once (random numbers, the processor's threads) is ever between two of them. Threads of
their own would cost them time and memory: each would have its own team of OpenMP's threads, which
wake one another at every product, and its own heap, which keeps what the others could use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Generic, TypeVar

from greenlet import getcurrent, greenlet

from assay.training.signals import SHARED_STOP, StopRequest

Result = TypeVar("Result")
_WHO_DEALS: ContextVar[greenlet | None] = ContextVar("who_deals", default=None)


def pass_on() -> None:
    """Let the others take a step, if there are any; returns when it is this one's turn again."""
    dealer = _WHO_DEALS.get()
    if dealer is not None:
        dealer.switch()


class Turns(Generic[Result]):
    """Work that takes turns, at most ``most`` pieces at once; a new one begins when one has ended."""

    def __init__(self, works: Sequence[Callable[[], Result]], most: int) -> None:
        self._works = works
        self._most = most
        self._results: dict[int, Result] = {}

    def run(self) -> list[Result]:
        """The result of each piece of work, in their order.

        SIGTERM and Ctrl-C reach all of them as a ``StopRequest``, and so does an exception of one:
        it is raised once the others under way have ended, and no other begins.
        """
        with StopRequest() as stop:
            shared, dealer = SHARED_STOP.set(stop), _WHO_DEALS.set(getcurrent())
            try:
                self._deal(stop)
            finally:
                _WHO_DEALS.reset(dealer)
                SHARED_STOP.reset(shared)
        return [self._results[number] for number in range(len(self._works))]

    def _deal(self, stop: StopRequest) -> None:
        waiting = deque(range(len(self._works)))
        under_way: deque[greenlet] = deque()
        error: Exception | None = None
        while waiting or under_way:
            while waiting and len(under_way) < self._most:
                under_way.append(self._stack(waiting.popleft()))
            turn = under_way.popleft()
            try:
                turn.switch()
            except Exception as raised:
                error = error or raised
                stop.stop()
                waiting.clear()
            # A second Ctrl-C goes through and ends the others where they are: what is on disk is
            # good at any moment.
            if not turn.dead:
                under_way.append(turn)
        if error is not None:
            raise error

    def _stack(self, number: int) -> greenlet:
        made = greenlet(partial(self._do, number))
        made.gr_context = copy_context()
        return made

    def _do(self, number: int) -> None:
        self._results[number] = self._works[number]()
