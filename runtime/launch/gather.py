"""Gathers the evidence about a run: looks at processes and files, decides nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.launch.diagnosis.remains import Remains
from runtime.launch.evidence import AgentEvidence, Escalation, Evidence, Limits, RankEvidence, Request, Status
from runtime.launch.failures import failures_before
from runtime.launch.limits import Longest, Pace, join
from runtime.launch.local import LocalEngine
from runtime.launch.pace import read_pace
from runtime.launch.postmortem import examine
from runtime.launch.processes import stat_of
from runtime.launch.rank_environment import Command
from runtime.launch.watch import RankClock
from runtime.run.control import pending
from runtime.run.exits import ExitRecord, read_exit
from runtime.run.heartbeat import Heartbeat, read_heartbeat
from runtime.run.identity import Identity, boot_id
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord
from runtime.run.tail import JsonlTail

UNREPORTED = 5.0
"""Seconds that a living agent has to report the end of a rank that is gone; then it counts as ended with
its code untold."""

UNREAPED = 0.5
"""Seconds after which nobody will learn the exit status of a rank whose agent is gone as well."""

REMOVED = 5.0
"""Seconds for which the run directory must be missing before it counts as removed."""


@dataclass
class _Rank:
    """What is remembered about one rank of the attempt."""

    rank: int
    clock: RankClock
    pid: int | None = None
    identity: Identity | None = None  # None also where it had ended before anybody could look
    ending: Mapping[str, Any] | None = None
    spawn_error: str | None = None
    gone_since: float | None = None
    exit: ExitRecord | None = None
    status: Status = "none"
    look_again: float = 0.0


@dataclass
class Standing:
    """What the supervisor itself knows and evidence includes."""

    escalation: Escalation | None = None
    start_at: float = 0.0
    terminated: bool = False
    adopted: bool = False
    stale: bool = False
    waiting: bool = False  # for devices: nothing of the run can be there, and no scan is needed
    answered: set[str] = field(default_factory=set)


class Gatherer:
    """Looks at one attempt after the other; `begin` names the attempt."""

    def __init__(self, run: RunDirectory, engine: LocalEngine) -> None:
        self._run = run
        self._engine = engine
        self._ranks: dict[int, _Rank] = {}
        self._attempt = 0
        self._missing_since: float | None = None
        self.started = False

    def begin(self, attempt: int, command: Command, *, started: bool, agent: Identity | None = None) -> None:
        """Turns to an attempt; `started` where its agent runs or has run. `agent`: its identity, where an
        event holds it."""
        self._attempt = attempt
        self._command = command
        self._limits = Limits.from_json(command.limits)
        self._files = self._run.attempt(attempt)
        self._agent_log = JsonlTail(self._files.agent_log(self._engine.node))
        self._ranks = {}
        self._longest_save = 0.0
        self._remains: Remains | None = None
        self._failures = failures_before(self._run, attempt)
        self._known_pace = read_pace(self._run, attempt)
        self._empty_since: float | None = None
        self._ended_since: float | None = None
        self._boots: dict[str, str] = {}
        self._seen_alive = False
        self._last: tuple[RankEvidence, ...] = ()
        self.started = started
        if started:
            self._engine.adopt_agent(attempt, agent)

    def note_save(self, seconds: float) -> None:
        """A save took so long, by the word of a rank."""
        self._longest_save = max(self._longest_save, seconds)

    @property
    def longest(self) -> float:
        """The longest step, evaluation or save of this attempt so far, in seconds."""
        return max([self._longest_save, *(rank.clock.longest for rank in self._ranks.values())])

    @property
    def pace(self) -> dict[str, Longest]:
        """The longest silences by phase, of all ranks and of attempts like this one."""
        return join(self._known_pace, *(rank.clock.pace for rank in self._ranks.values()))

    def heartbeat_of(self, rank: int) -> tuple[str | None, int | None]:
        """Phase and step of a rank, as last seen."""
        known = self._ranks.get(rank)
        beat = known.clock.beat if known is not None else None
        return (beat.phase, beat.step) if beat is not None else (None, None)

    def rank_identities(self) -> dict[int, Identity]:
        """The living ranks' processes."""
        return {
            rank.rank: rank.identity
            for rank in self._ranks.values()
            if rank.identity is not None and rank.ending is None and rank.identity.status() == "alive"
        }

    def known_ranks(self) -> list[_Rank]:
        """The ranks that were spawned, or should have been, in order."""
        return [self._ranks[rank] for rank in sorted(self._ranks)]

    def endings(self) -> list[RankEvidence]:
        """The ranks that have ended, as last gathered."""
        return [rank for rank in self._last if rank.ended]

    def gather(self, record: RunRecord, standing: Standing) -> Evidence:
        """The evidence of this moment."""
        now = time.monotonic()
        agent = self._engine.agent() if self.started else AgentEvidence()
        self._engine.reap()
        if self.started:
            self._read_agent_log(now)
        self._agent_gone = agent.status == "gone"
        self._seen_alive = self._seen_alive or agent.status == "alive"
        pace = self.pace
        ranks = tuple(
            self._look(rank, now, pace) for rank in sorted(self._ranks.values(), key=lambda rank: rank.rank)
        )
        self._last = ranks
        left = self._scan(now, ranks, agent, standing)
        if (self._ended_since is None and ranks and all(rank.ended for rank in ranks)) or (
            not ranks and self._agent_gone and self._ended_since is None
        ):
            self._ended_since = now
        return Evidence(
            now=now,
            job=record.job,
            limits=self._limits,
            started=self.started,
            start_at=standing.start_at,
            agent=agent,
            ranks=ranks,
            left=len(left) if left is not None else None,
            left_pids=tuple(sorted(identity.pid for identity in left or ())),
            empty_for=now - self._empty_since if self._empty_since is not None else 0.0,
            ranks_ended_for=now - self._ended_since if self._ended_since is not None else 0.0,
            requests=self._requests(standing),
            escalation=standing.escalation,
            longest=self.longest,
            terminated=standing.terminated,
            adopted=standing.adopted and not self._seen_alive,
            rebooted=bool(self._boots),
            stale=standing.stale,
            missing_secrets=tuple(
                name for name in self._command.secrets if name not in self._engine.environment
            ),
            directory_gone=self._directory_gone(now),
            remains=self._examine(ranks, agent, left),
            failures=self._failures,
            seen=dict(self._boots),
        )

    def _examine(
        self, ranks: tuple[RankEvidence, ...], agent: AgentEvidence, left: list[Identity] | None
    ) -> Remains:
        """What the attempt left behind: looked at once, when nothing of it runs any more."""
        if not self.started or left or left is None or agent.status != "gone":
            return Remains()
        if not all(rank.ended for rank in ranks):
            return Remains()
        if self._remains is None:
            self._remains = examine(self._files, (rank.rank for rank in ranks))
        return self._remains

    def _requests(self, standing: Standing) -> tuple[Request, ...]:
        return tuple(
            Request(
                id=request.id,
                attempt=request.attempt,
                verb=request.verb,
                save=bool(request.args.get("save", True)),
                kill=bool(request.args.get("kill", False)),
                by=request.by,
                priority=_whole(request.args.get("priority")),
            )
            for request in pending(self._run)
            if request.id not in standing.answered
        )

    def _read_agent_log(self, now: float) -> None:
        for line in self._agent_log.poll():
            number = line.get("rank")
            if not isinstance(number, int):
                continue
            rank = self._ranks.setdefault(number, _Rank(number, RankClock(now, self._command.job)))
            if line.get("event") == "spawned":
                rank.pid = line.get("pid")
                rank.identity = Identity.from_json(line.get("identity"))
                if rank.identity is not None and rank.identity.boot_id != boot_id():
                    self._boots = {"boot_id": rank.identity.boot_id, "boot_id_now": boot_id()}
            elif line.get("event") == "exited":
                rank.ending = line
            elif line.get("event") == "spawn_failed":
                rank.spawn_error = str(line.get("error"))
        if self._agent_identity_of_another_boot() and not self._boots:
            assert self._engine.agent_identity is not None
            self._boots = {"boot_id": self._engine.agent_identity.boot_id, "boot_id_now": boot_id()}

    def _agent_identity_of_another_boot(self) -> bool:
        identity = self._engine.agent_identity
        return identity is not None and identity.boot_id != boot_id()

    def _look(self, rank: _Rank, now: float, pace: Pace) -> RankEvidence:
        rank.clock.look(now, read_heartbeat(self._files.heartbeat(rank.rank)))
        beat = rank.clock.beat
        status = self._status(rank, now)
        if status == "gone" and rank.gone_since is None:
            rank.gone_since = now
        rank.exit = rank.exit or (read_exit(self._files.exit(rank.rank)) if status == "gone" else None)
        ended = self._has_ended(rank)
        code, number = self._exit_status(rank)
        ending = rank.ending or {}
        return RankEvidence(
            rank=rank.rank,
            status=status,
            ended=ended,
            code=code,
            signal=number,
            ended_at=ending.get("time"),
            spawn_error=rank.spawn_error,
            oom=ending.get("oom"),
            oom_detail=ending.get("oom_detail") or {},
            outcome=rank.exit.outcome if rank.exit is not None else None,
            reason=rank.exit.reason if rank.exit is not None else None,
            error=rank.exit.error if rank.exit is not None else None,
            phase=beat.phase if beat is not None else None,
            step=_step(rank, beat),
            quiet=rank.clock.quiet(now),
            limit=rank.clock.limit(self._limits.hang, pace) if not ended else None,
            process_state=self._process_state(rank) if not ended and rank.clock.quiet(now) > 1.0 else "",
        )

    def _status(self, rank: _Rank, now: float) -> Status:
        """A living agent tells of a rank's end at once, so that there it is enough to look now and then."""
        if rank.ending is not None or rank.identity is None:
            return "gone"
        if self._agent_gone or now >= rank.look_again:
            rank.status = rank.identity.status()
            rank.look_again = now + 1.0 if rank.status == "alive" else now
        return rank.status

    def _exit_status(self, rank: _Rank) -> tuple[int | None, int | None]:
        if rank.ending is not None:
            return rank.ending.get("code"), rank.ending.get("signal")
        if rank.identity is not None:
            return self._engine.statuses.get(rank.identity.pid, (None, None))
        return None, None

    def _has_ended(self, rank: _Rank) -> bool:
        if rank.ending is not None or rank.spawn_error is not None:
            return True
        if rank.gone_since is None:
            return False
        gone_for = time.monotonic() - rank.gone_since
        if not self._agent_gone:
            return gone_for > UNREPORTED
        # Orphaned by the agent's death it is a child of ours, and its exit status is taken at the next look.
        return self._exit_status(rank) != (None, None) or gone_for > UNREAPED

    def _process_state(self, rank: _Rank) -> str:
        stat = stat_of(rank.identity.pid) if rank.identity is not None else None
        return stat.state if stat is not None else ""

    def _scan(
        self, now: float, ranks: tuple[RankEvidence, ...], agent: AgentEvidence, standing: Standing
    ) -> list[Identity] | None:
        """The processes left, where this moment asks for it: looking at every process of the machine isn't
        free."""
        if standing.waiting:
            return None
        stage = standing.escalation.stage if standing.escalation is not None else None
        over = not any(rank.status in ("alive", "unknown") for rank in ranks) and (
            ranks or agent.status != "alive"
        )
        if self.started and not over and stage not in ("kill", "unkillable"):
            self._empty_since = None
            return None
        left = self._engine.members()
        if not left:
            # A child can be born behind the back of one scan; what two don't see isn't there.
            left = self._engine.members()
        if left:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        return left

    def _directory_gone(self, now: float) -> bool:
        """Whether the run directory was removed: proven by its parent, which is there and doesn't hold it.
        A file server that is away answers otherwise."""
        try:
            self._run.path.stat()
            self._missing_since = None
        except FileNotFoundError:
            if self._run.path.parent.is_dir():
                self._missing_since = self._missing_since or now
        except OSError:
            self._missing_since = None
        return self._missing_since is not None and now - self._missing_since > REMOVED


def _step(rank: _Rank, beat: Heartbeat | None) -> int | None:
    """The step that its exit record names, which is the one that went wrong; else the last one it told of."""
    if rank.exit is not None and rank.exit.step:
        return rank.exit.step
    return beat.step if beat is not None else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
