"""What was seen a moment ago: never too old, and nobody looks while nobody asks."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tensorboard_plugin_epochline import lookout
from tensorboard_plugin_epochline.lookout import IDLE_SECONDS, OLDEST_SECONDS, Lookout
from tests.plugin.threads import lookout_threads

PATIENCE_SECONDS = 60.0


class Clock:
    """A clock that goes on when the test says so, or the thread sleeps, which costs no time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.computed = 0.0
        self._turn = threading.Condition()
        self._asleep = False
        self._may_wake = False

    def sleep(self, seconds: float) -> None:
        """Sleeps until the test lets it go on, and then has slept so long."""
        with self._turn:
            self._asleep = True
            assert self._turn.wait_for(lambda: self._may_wake, PATIENCE_SECONDS)
            self._asleep = self._may_wake = False
            self.now += seconds

    def let_it_sleep(self) -> None:
        """Lets the thread sleep to the end of its pause, and act until it sleeps again or ends."""
        with self._turn:
            self._wait_until_asleep()
            self._may_wake = True
            self._turn.notify_all()
            self._wait_until_asleep()

    def _wait_until_asleep(self) -> None:
        while lookout_threads() and (self._may_wake or not self._asleep):
            self._turn.wait(0.001)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The clock that lookouts of this test go by; their thread ends with the test."""
    clock = Clock()
    told = SimpleNamespace(
        monotonic=lambda: clock.now, thread_time=lambda: clock.computed, sleep=clock.sleep
    )
    monkeypatch.setattr(lookout, "time", told)
    yield clock
    clock.now += 2 * IDLE_SECONDS
    clock.let_it_sleep()
    assert lookout_threads() == []


class Watched:
    """What is looked at: tells how often it was looked at, and when."""

    def __init__(self, clock: Clock, *, wall: float = 0.0, cpu: float = 0.0) -> None:
        self.began: list[float] = []
        self.broken = False
        self._clock = clock
        self._wall = wall
        self._cpu = cpu

    def look(self) -> int:
        """Takes its time."""
        if self.broken:
            message = "the data server is gone"
            raise ConnectionError(message)
        self.began.append(self._clock.now)
        self._clock.now += self._wall
        self._clock.computed += self._cpu
        return len(self.began)


def test_question_is_answered_from_what_was_seen(clock: Clock) -> None:
    """Who asks soon after a look does not look himself."""
    watch = Lookout(Watched(clock).look)

    told = []
    for _ in range(10):
        told.append(watch.latest())
        clock.now += OLDEST_SECONDS / 10

    assert told == [1] * 10


def test_nothing_older_is_told(clock: Clock) -> None:
    """When the thread does not come to look, whatever holds it, who asks looks."""
    watch = Lookout(Watched(clock).look)
    assert watch.latest() == 1

    clock.now += OLDEST_SECONDS + 0.01

    assert watch.latest() == 2


def test_age_counts_from_when_the_look_began(clock: Clock) -> None:
    """What changed while a look went on may not be in it."""
    watch = Lookout(Watched(clock, wall=OLDEST_SECONDS + 0.01).look)

    assert [watch.latest() for _ in range(3)] == [1, 2, 3]


def test_thread_looks_before_what_was_seen_is_too_old(clock: Clock) -> None:
    """Who goes on asking never has to wait for a look."""
    watched = Watched(clock, wall=0.1)
    watch = Lookout(watched.look)
    for count in range(1, 10):
        assert watch.latest() == count
        clock.let_it_sleep()

    assert all(
        following + 0.1 - began <= OLDEST_SECONDS
        for began, following in itertools.pairwise(watched.began)
    )


@pytest.mark.parametrize(
    ("wall", "cpu", "pause"),
    [(0.0, 0.0, 0.65), (0.1, 0.0, 0.45), (1.0, 0.0, 4.0), (0.0, 0.1, 2.0)],
)
def test_looks_are_as_rare_as_they_are_dear(
    clock: Clock, wall: float, cpu: float, pause: float
) -> None:
    """A look takes at most a quarter of the time, and a twentieth of a core."""
    watched = Watched(clock, wall=wall, cpu=cpu)
    Lookout(watched.look).latest()

    clock.let_it_sleep()

    assert watched.began == pytest.approx([100.0, 100.0 + pause])


def test_nobody_is_told_what_was_seen_before_it_expired(clock: Clock) -> None:
    """What was done by hand is in the next answer."""
    watch = Lookout(Watched(clock).look)
    watch.latest()
    clock.now += 0.01

    watch.expire()

    assert watch.latest() == 2


def test_nothing_is_looked_at_while_nobody_asks(clock: Clock) -> None:
    """The thread ends soon after the last question, and begins again with the next one."""
    watched = Watched(clock)
    watch = Lookout(watched.look)
    assert lookout_threads() == []
    watch.latest()
    (thread,) = lookout_threads()
    assert thread.daemon  # TensorBoard ends without waiting for it

    while lookout_threads():
        clock.let_it_sleep()
    assert watched.began[-1] <= 100.0 + IDLE_SECONDS
    assert clock.now <= 100.0 + 2 * IDLE_SECONDS

    watch.latest()
    assert len(lookout_threads()) == 1


def test_error_of_a_look_reaches_who_asks(clock: Clock) -> None:
    """Also when it was the thread that failed; and what works again is told."""
    watched = Watched(clock)
    watch = Lookout(watched.look)
    watch.latest()
    watched.broken = True
    clock.let_it_sleep()
    with pytest.raises(ConnectionError, match="data server"):
        watch.latest()

    watched.broken = False
    assert watch.latest() == 2
