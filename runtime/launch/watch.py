"""Whether a rank gets on: how long its heartbeat has said the same, against the limit of its phase."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.launch.limits import AUTO, DEFAULTS, Longest, Pace, Setting, limit_of
from runtime.run.heartbeat import Heartbeat

FREEZE = 5.0
"""Seconds between two looks that mean that the watcher itself stood still (a paused machine): the ranks
did so too."""

COMMAND_FACTOR = 5.0
"""A program of somebody's beats when it logs, as seldom as it likes: it hangs if it is quiet for longer
than its limit *and* this many times its longest silence so far."""


class RankClock:
    """The reader's own clock for one rank (monotonic seconds); heartbeats hold no time."""

    def __init__(self, now: float, job: str) -> None:
        self._job = job
        self._key: tuple[object, ...] | None = None
        self._since = now
        self._phase_since = now
        self._seen = now
        self.beat: Heartbeat | None = None
        self.longest = 0.0
        self.pace: dict[str, Longest] = {}

    def look(self, now: float, beat: Heartbeat | None) -> None:
        """Takes note of a heartbeat; None where there is none yet."""
        frozen = now - self._seen
        self._seen = now
        if frozen > FREEZE:
            self._since += frozen
            self._phase_since += frozen
        if beat is None:
            return
        key = self._progress(beat)
        if key == self._key:
            return
        self._learn(now, beat)
        self._key, self._since, self.beat = key, now, beat

    def _progress(self, beat: Heartbeat) -> tuple[object, ...]:
        """What has to change for the rank to get on: in training nothing but the step counts."""
        if beat.phase == "step" and self._job == "pretrain":
            return (beat.phase, beat.step)
        return (beat.phase, beat.step, beat.seq)

    def _learn(self, now: float, beat: Heartbeat) -> None:
        before = self.beat.phase if self.beat is not None else None
        if before is not None:
            self.pace[before] = self.pace.get(before, Longest()).with_one(now - self._since)
        if before == "step":
            self.longest = max(self.longest, now - self._since)
        if before != beat.phase:
            if before in ("evaluate", "checkpoint"):
                self.longest = max(self.longest, now - self._phase_since)
            self._phase_since = now

    def quiet(self, now: float) -> float:
        """Seconds since the rank last got on."""
        return now - self._since

    def limit(self, limits: Mapping[str, Setting], pace: Pace) -> float | None:
        """Seconds that it may be quiet now, where all ranks (and attempts before) have shown `pace`; None
        where
        there is no limit."""
        if self._job != "command":
            phase = self.beat.phase if self.beat is not None else "import"
            return limit_of(phase, limits.get(phase), pace)
        limit = limits.get("step")
        if limit is None or self.beat is None or self.beat.seq < 2:
            return None  # by the program's own count: several beats may have come between two looks
        return max(DEFAULTS["step"] if limit == AUTO else float(limit), COMMAND_FACTOR * self.longest)
