from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from federation.kube.workqueue import Backoff, WorkQueue


class Queue(RuleBasedStateMachine):
    """Nothing is lost, nothing is handed out twice, nothing runs that nobody wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue: WorkQueue[int] = WorkQueue()
        self.wanted: set[int] = set()
        self.later: set[int] = set()
        self.held: list[int] = []

    @rule(key=st.integers(0, 4))
    def add(self, key: int) -> None:
        self.queue.add(key)
        self.wanted.add(key)

    @rule(key=st.integers(0, 4), delay=st.sampled_from([1e6, 2e6]))
    def add_after(self, key: int, delay: float) -> None:
        async def add() -> None:
            self.queue.add_after(key, delay)

        self.loop.run_until_complete(add())
        self.later.add(key)

    @rule(key=st.integers(0, 4))
    def time_passes(self, key: int) -> None:
        if (timer := self.queue._timers.get(key)) is not None:
            timer.cancel()
            self.queue._due(key)
            self.later.discard(key)
            self.wanted.add(key)

    @precondition(lambda self: len(self.queue))
    @rule()
    def get(self) -> None:
        key = self.loop.run_until_complete(self.queue.get())
        assert key not in self.held
        assert key in self.wanted
        self.wanted.discard(key)
        self.later.discard(key)  # the run sees all that was known before it
        self.held.append(key)

    @precondition(lambda self: self.held)
    @rule(position=st.integers(0, 4))
    def done(self, position: int) -> None:
        self.queue.done(self.held.pop(position % len(self.held)))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.queue._dirty == self.wanted
        assert sorted(self.queue._ready) == sorted(self.wanted - set(self.held))
        assert self.queue._timers.keys() == self.later
        assert {key for key in range(5) if self.queue.waiting(key)} == self.wanted
        assert {key for key in range(5) if self.queue.running(key)} == set(self.held)

    def teardown(self) -> None:
        for timer in self.queue._timers.values():
            timer.cancel()
        self.loop.close()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=200, deadline=None)


async def test_a_key_added_while_it_runs_runs_once_more_afterwards() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert len(queue) == 1


async def test_the_sooner_of_two_delays_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 3600)
    queue.add_after("a", 0.01)
    queue.add_after("a", 7200)
    assert await asyncio.wait_for(queue.get(), 5) == "a"


async def test_a_key_that_is_put_off_runs_at_once_when_it_is_added() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.retry("a", Backoff(600, 600))
    queue.add("a")
    assert await asyncio.wait_for(queue.get(), 5) == "a"


async def test_a_key_that_rests_runs_once_after_its_pause_whoever_adds_it() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    began = asyncio.get_running_loop().time()
    queue.retry("a", Backoff(0.001, 0.001), pause=0.2)
    queue.done("a")
    queue.add("a")
    queue.add_after("a", 0.001)
    assert await asyncio.wait_for(queue.get(), 5) == "a"
    assert asyncio.get_running_loop().time() - began >= 0.19
    queue.done("a")
    assert queue.idle()
    queue.add("a")
    assert await asyncio.wait_for(queue.get(), 5) == "a"


async def test_a_run_settles_what_was_scheduled_before_it() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.02)
    queue.add("a")
    await queue.get()
    queue.done("a")
    queue.add_after("b", 0.05)
    assert await asyncio.wait_for(queue.get(), 5) == "b"


async def test_keys_leave_in_the_order_they_came() -> None:
    queue: WorkQueue[int] = WorkQueue()
    for key in (3, 1, 2):
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == [3, 1, 2]


async def test_the_back_off_doubles_to_its_cap_until_it_went_well() -> None:
    queue: WorkQueue[str] = WorkQueue()
    backoff = Backoff(1, 8)
    delays = [queue.retry("a", backoff) for _ in range(6)]
    for delay, full in zip(delays, [1, 2, 4, 8, 8, 8], strict=True):
        assert full / 2 <= delay <= full
    queue.forget("a")
    assert queue.retry("a", backoff) <= 1
    assert queue.retry("a", backoff, pause=30) == 30


async def test_another_back_off_begins_with_its_first_step() -> None:
    queue: WorkQueue[str] = WorkQueue()
    short, long = Backoff(1, 8), Backoff(10, 1000)
    for _ in range(6):
        queue.retry("a", short)
    assert queue.retry("a", long) <= 10
    assert queue.retry("a", long) >= 10
    assert queue.retry("a", short) <= 1
