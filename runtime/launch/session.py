"""Whether processes outlive the login session on this machine, and how to see to it that they do.

systemd-logind can be told to kill what a user leaves behind (KillUserProcesses=yes). A session of one's own
doesn't help against that; a scope of the user's own systemd does, if that is kept after logout (lingering).
See logind.conf(5), systemd-run(1).
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = (
    "/usr/lib/systemd/logind.conf",
    "/usr/lib/systemd/logind.conf.d/*.conf",
    "/etc/systemd/logind.conf",
    "/etc/systemd/logind.conf.d/*.conf",
    "/run/systemd/logind.conf.d/*.conf",
)


@dataclass(frozen=True)
class SessionRules:
    """`kills`: logind kills what a user leaves behind; `lingers`: the user's own systemd stays after
    logout; `scopes`: a scope can be made there."""

    kills: bool
    lingers: bool
    scopes: bool

    @property
    def safe(self) -> bool:
        """Whether a run outlives the login session (within a scope, where one is needed)."""
        return not self.kills or (self.lingers and self.scopes)


def session_rules(root: Path = Path("/")) -> SessionRules:
    """The rules that hold for this user on this machine."""
    texts = []
    for pattern in _CONFIGURATION:
        for path in sorted(root.glob(pattern.lstrip("/"))):
            try:
                texts.append(path.read_text(errors="replace"))
            except OSError:
                continue
    running = (root / "run/systemd/system").is_dir()
    user = _user()
    kills = running and kills_user_processes(texts, user)
    lingers = bool(user) and (root / "var/lib/systemd/linger" / user).exists()
    runtime_directory = os.environ.get("XDG_RUNTIME_DIR", "")
    scopes = (
        bool(runtime_directory)
        and Path(runtime_directory, "systemd").is_dir()
        and bool(shutil.which("systemd-run"))
    )
    return SessionRules(kills, lingers, scopes)


def kills_user_processes(configurations: Iterable[str], user: str) -> bool:
    """What logind.conf and its additions, in their order, say about this user. Upstream's default is yes
    where nothing does; nearly all distributions set or build it as no, so that silence counts as no."""
    kills, excluded, only = False, {"root"}, set[str]()
    for text in configurations:
        for line in text.splitlines():
            match = re.fullmatch(
                r"\s*(KillUserProcesses|KillExcludeUsers|KillOnlyUsers)\s*=\s*(.*?)\s*", line
            )
            if match is None:
                continue
            name, value = match.groups()
            if name == "KillUserProcesses":
                kills = value.lower() in ("yes", "true", "on", "1")
            elif name == "KillExcludeUsers":
                excluded = set(value.split())
            else:
                only = set(value.split())
    return kills and user not in excluded and (not only or user in only)


def scope_prefix(run_id: str, rules: SessionRules | None = None) -> list[str]:
    """What to put before a supervisor's command so that it outlives the session; [] where nothing is
    needed, or nothing helps."""
    rules = rules or session_rules()
    if not rules.kills or not rules.lingers or not rules.scopes:
        return []
    unit = "headnode-" + re.sub(r"[^A-Za-z0-9.-]", "-", run_id) + "-" + os.urandom(2).hex()
    return ["systemd-run", "--user", "--scope", "--quiet", "--collect", f"--unit={unit}", "--"]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
