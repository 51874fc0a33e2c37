"""What is known about a run at one moment: the input of `reconcile`. Plain data, nothing here looks at the
system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.launch.backoff import Failure
from runtime.launch.diagnosis.remains import Remains
from runtime.launch.evidence_devices import MemoryEvidence, QueueEvidence
from runtime.launch.limits import AUTO, Setting

Status = Literal["none", "alive", "gone", "unknown"]
"""none: never started; unknown: on a host, boot or namespace that can't be asked from here."""

Stage = Literal["order", "terminate", "kill", "unkillable"]
"""How far an escalation has gone: asked by order.json, SIGTERM, SIGKILL, SIGKILL without effect."""

Cause = Literal["user", "preempted", "crash", "hang", "agent", "leftover", "gone"]
"""Why an attempt is brought down. agent: the agent died; leftover: the ranks ended but left processes behind;
gone: the run directory was removed."""

DEFAULT_STOP_GRACE = 60.0
"""Seconds from the order to SIGTERM where the profile doesn't say otherwise; then never less than 3 × the
longest step, evaluation or save seen."""


@dataclass(frozen=True)
class Limits:
    """The profile's `launch` numbers that decide; all times in seconds, `None` in `hang` means no limit,
    `auto` one that is learned."""

    max_restarts: int = 0
    restart_delay: float = 1.0
    restart_backoff: float = 2.0
    restart_delay_max: float = 300.0
    stop_grace: float = DEFAULT_STOP_GRACE
    kill_grace: float = 10.0
    hang: Mapping[str, Setting] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Limits:
        """Reads the `limits` object of command.json; what is missing keeps its default."""
        default = cls()
        hang = value.get("hang") or {}
        return cls(
            max_restarts=int(value.get("max_restarts", default.max_restarts)),
            restart_delay=float(value.get("restart_delay", default.restart_delay)),
            restart_backoff=float(
                value.get("restart_backoff", 1.0)
            ),  # those before it waited the same each time
            restart_delay_max=float(value.get("restart_delay_max", default.restart_delay_max)),
            stop_grace=float(value.get("stop_grace", default.stop_grace)),
            kill_grace=float(value.get("kill_grace", default.kill_grace)),
            hang={
                str(phase): limit if limit is None or limit == AUTO else float(limit)
                for phase, limit in hang.items()
            },
        )

    def grace(self, longest: float) -> float:
        """Seconds between the order to stop and SIGTERM; `longest` is the longest step, evaluation or save
        seen."""
        if self.stop_grace == DEFAULT_STOP_GRACE:
            return max(self.stop_grace, 3.0 * longest)
        return self.stop_grace


@dataclass(frozen=True)
class AgentEvidence:
    """The agent of the current attempt. `code`/`signal` where they could be learnt (it was our child)."""

    status: Status = "none"
    code: int | None = None
    signal: int | None = None
    error: str | None = None  # the agent's own word on why it could not start


@dataclass(frozen=True)
class RankEvidence:
    """One rank of the current attempt.

    `ended` is true once its end can be judged: its exit code has been reported, or nobody is left to report
    it.
    """

    rank: int
    status: Status = "none"
    ended: bool = False
    code: int | None = None
    signal: int | None = None
    ended_at: float | None = None  # Unix seconds, the agent's clock
    spawn_error: str | None = None
    oom: bool | None = None  # killed by the kernel for want of host memory; None: can't be told
    oom_detail: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None  # of its own exit record: finished | stopped | failed
    reason: str | None = None
    error: str | None = None
    phase: str | None = None  # of its heartbeat; None: none yet
    step: int | None = None
    quiet: float = 0.0  # seconds since it last got on
    limit: float | None = None  # seconds it may be quiet in this phase
    process_state: str = ""  # the letter of /proc/<pid>/stat: R, S, D, T, …


@dataclass(frozen=True)
class Request:
    """A request of control/ that has no answer yet."""

    id: str
    attempt: int
    verb: str
    save: bool = True
    kill: bool = False
    by: str = ""
    priority: int | None = None


@dataclass(frozen=True)
class Escalation:
    """An attempt that is being brought down: why, how far, since when (monotonic seconds)."""

    cause: Cause
    stage: Stage
    since: float
    grace: float
    save: bool = False
    by: str = ""
    alive: frozenset[int] = frozenset()  # ranks that ran when it began: how they end is our doing
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Everything `reconcile` may know. `now` and all `since` are monotonic seconds of this host.

    `left`: processes of the run besides the agent, by scan; None where this moment needed no scan.
    `empty_for`: seconds since a scan first found none. `ranks_ended_for`: seconds since the last rank was
    seen to end.
    """

    now: float
    job: str = "pretrain"
    limits: Limits = Limits()
    started: bool = False
    start_at: float = 0.0  # monotonic; a restart waits until then
    agent: AgentEvidence = AgentEvidence()
    ranks: tuple[RankEvidence, ...] = ()
    left: int | None = None
    left_pids: tuple[int, ...] = ()
    empty_for: float = 0.0
    ranks_ended_for: float = 0.0
    requests: tuple[Request, ...] = ()
    escalation: Escalation | None = None
    longest: float = 0.0
    terminated: bool = False  # somebody sent SIGTERM to the supervisor
    adopted: bool = False  # this supervisor didn't start the attempt
    rebooted: bool = False  # the attempt belongs to another boot of this host
    stale: bool = False  # never started, and asked for so long ago that starting it now would surprise
    missing_secrets: tuple[str, ...] = ()  # names the environment lacks for another start
    directory_gone: bool = False
    queue: QueueEvidence | None = None  # None: the run wants no device, or has started
    memory: MemoryEvidence = field(default_factory=MemoryEvidence)
    remains: Remains = field(default_factory=Remains)  # what the ended attempt left to look at
    failures: tuple[Failure, ...] = ()  # of the attempts before, that were restarted by themselves
    seen: Mapping[str, Any] = field(
        default_factory=dict
    )  # facts for a verdict's evidence (boot ids, last step …)

    @property
    def command(self) -> bool:
        """Whether the job is somebody's own program, that reads no orders and may write no heartbeat."""
        return self.job == "command"

    @property
    def saves(self) -> bool:
        """Whether the job keeps checkpoints that can be asked for."""
        return self.job not in ("command", "prepare")

    @property
    def alive(self) -> frozenset[int]:
        """The ranks that have not ended."""
        return frozenset(rank.rank for rank in self.ranks if not rank.ended)

    @property
    def living(self) -> bool:
        """Whether any rank is seen to live; one whose end isn't reported yet may be gone already."""
        return any(rank.status == "alive" and not rank.ended for rank in self.ranks)

    @property
    def all_ended(self) -> bool:
        """Every rank has ended; also where none was ever born because the agent is gone."""
        if not self.ranks:
            return self.agent.status == "gone"
        return all(rank.ended for rank in self.ranks)

    @property
    def stepping(self) -> bool:
        """Whether any rank has got past its start-up, so that there can be something to save."""
        return any(rank.phase in ("step", "evaluate", "checkpoint", "finish") for rank in self.ranks)

    @property
    def working(self) -> bool:
        """Whether the job's own work has begun: a program's at once, preparation's with its loading."""
        if self.command:
            return any(rank.status == "alive" for rank in self.ranks)
        if self.job == "prepare":
            return any(rank.phase not in (None, "import") for rank in self.ranks)
        return self.stepping
