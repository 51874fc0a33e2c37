"""The engine for this machine: starts the agent as a child, finds and signals the processes of the run."""

from __future__ import annotations

import os
import signal as signals
import subprocess
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runtime.launch.evidence import AgentEvidence
from runtime.launch.processes import belongs_elsewhere, members, send
from runtime.launch.rank_environment import agent_environment, python
from runtime.run.files import ForeignSchema, read_json
from runtime.run.identity import Identity, host_name
from runtime.run.layout import RunDirectory


class LocalEngine:
    """The processes of one run on this machine. `spared`: pids of ours that are no processes of the run."""

    def __init__(self, run: RunDirectory, environment: Mapping[str, str]) -> None:
        self.run = run
        self.node = host_name()
        self.environment = dict(environment)
        self.spared: set[int] = set()
        self.statuses: dict[int, tuple[int | None, int | None]] = {}  # of orphans: pid → (code, signal)
        self._attempt = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None

    def start_agent(self, attempt: int, devices: Sequence[str] = ()) -> Identity | None:
        """Starts the agent of an attempt on the leased devices. Raises OSError where that is impossible."""
        self._attempt = attempt
        self.statuses.clear()
        self._child = subprocess.Popen(
            [python(), "-m", "runtime.launch.agent"],
            cwd="/",
            env=agent_environment(self.environment, self.run, attempt, devices),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,  # supervisor.log
            start_new_session=True,
        )
        self._identity = Identity.of(self._child.pid)
        return self._identity

    def adopt_agent(self, attempt: int, identity: Identity | None) -> None:
        """Takes over an attempt whose agent is no child of ours; `identity` where it is known from
        elsewhere than its file."""
        self._attempt = attempt
        self._child = None
        self._identity = Identity.from_json(self._description().get("identity")) or identity

    @property
    def agent_identity(self) -> Identity | None:
        """Who the agent is."""
        return self._identity

    def agent(self) -> AgentEvidence:
        """How the agent is; its exit status where it is our child."""
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                return AgentEvidence("alive")
            return AgentEvidence("gone", code=code if code >= 0 else None, signal=-code if code < 0 else None)
        if self._identity is None:
            return AgentEvidence("gone")
        return AgentEvidence(self._identity.status())

    def reap(self) -> None:
        """Takes the exit status of orphans that became our children when the agent died."""
        known = {self._child.pid} if self._child is not None else set()
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in known | self.spared:
                return  # whoever started that one waits for it; those behind it come to light after that
            _, status = os.waitpid(found.si_pid, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status)
            self.statuses[found.si_pid] = (code, None) if code >= 0 else (None, -code)

    def members(self) -> list[Identity]:
        """Every living process of the run but the agent, by scan."""
        agent = self._identity
        roots = {os.getpid(), *({agent.pid} if agent is not None and agent.status() == "alive" else ())}
        found = dict.fromkeys(members(self.run.run_id, roots, self.spared))
        for value in self._description().get("orphans") or ():
            orphan = Identity.from_json(value)
            if orphan is None or orphan.status() != "alive":
                continue
            if orphan.pid not in self.spared and not belongs_elsewhere(orphan.pid, self.run.run_id):
                found[orphan] = None
        return [identity for identity in found if identity != agent]

    def signal(self, number: int, targets: Collection[Identity]) -> list[Identity]:
        """Sends a signal to each target; returns those that were there to get it."""
        reached = []
        for identity in targets:
            try:
                if send(identity, number):
                    reached.append(identity)
            except PermissionError:
                reached.append(
                    identity
                )  # a set-user-id program: it is there, and stays, which the scan will tell
        return reached

    def kill_agent(self) -> None:
        """The last resort for an agent that doesn't leave."""
        if self._identity is not None:
            self.signal(signals.SIGKILL, [self._identity])

    def _description(self) -> dict[str, Any]:
        try:
            return read_json(self.run.attempt(self._attempt).agent(self.node)) or {}
        except (OSError, ForeignSchema):
            return {}
