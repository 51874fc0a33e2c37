"""The terminal that the panel is shown in: characters, colours, width, clipboard."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from runtime.doctor.check import Check, Surroundings, Terminal
from runtime.messages import N_, Message

_NARROW, _COMFORTABLE = 80, 120
_LOW = 24
_TMUX_SECONDS = 2.0


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Size, kind, colours, characters, clipboard."""
    terminal = surroundings.terminal
    yield size_check(terminal)
    if terminal.columns is None:
        return
    yield kind_check(terminal)
    yield colour_check(terminal)
    yield encoding_check(terminal)
    yield clipboard_check(terminal, tmux_clipboard(terminal))


def size_check(terminal: Terminal) -> Check:
    """Judges rows and columns."""
    title = Message(N_("size"))
    if terminal.columns is None or terminal.rows is None:
        return Check("size", title, "ok", Message(N_("this isn't a terminal: nothing to check")))
    values = {"columns": terminal.columns, "rows": terminal.rows}
    message = Message(N_("{columns}×{rows}"), values)
    if terminal.columns < _NARROW or terminal.rows < _LOW:
        fix = Message(N_("make the window at least 80×24; 120 columns show two panes"))
        return Check("size", title, "warn", message, fix, values)
    if terminal.columns < _COMFORTABLE:
        message = Message(N_("{columns}×{rows}; from 120 columns on there are two panes"), values)
    return Check("size", title, "ok", message, data=values)


def kind_check(terminal: Terminal) -> Check:
    """Judges TERM."""
    title, kind = Message(N_("TERM")), terminal.environment.get("TERM", "")
    values = {"kind": kind or "–"}
    if kind in ("", "dumb"):
        message = Message(N_("{kind}: the panel can't be shown"), values)
        fix = Message(N_("use a terminal emulator, over ssh with -t; export TERM=xterm-256color"))
        return Check("term", title, "fail", message, fix, values)
    return Check("term", title, "ok", Message(N_("{kind}"), values), data=values)


def colour_check(terminal: Terminal) -> Check:
    """Judges how many colours come through."""
    title, environment = Message(N_("colours")), terminal.environment
    kind = environment.get("TERM", "")
    if environment.get("NO_COLOR"):
        return Check("colours", title, "ok", Message(N_("none, as NO_COLOR asks")), data={"colours": 0})
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Check("colours", title, "ok", Message(N_("all (COLORTERM)")), data={"colours": 1 << 24})
    if "256color" in kind or kind.endswith("-direct"):
        message = Message(N_("256: COLORTERM isn't set, or ssh doesn't pass it on"))
        fix = Message(N_("export COLORTERM=truecolor where your terminal has true colour; 256 do as well"))
        return Check("colours", title, "ok", message, fix, {"colours": 256})
    message = Message(N_("16 or fewer, going by TERM={kind}"), {"kind": kind or "–"})
    fix = Message(N_("export TERM=xterm-256color, where your terminal has 256 colours"))
    return Check("colours", title, "warn", message, fix, {"colours": 16})


def encoding_check(terminal: Terminal) -> Check:
    """Judges whether curves, which are made of braille, can be shown."""
    title, environment = Message(N_("characters")), terminal.environment
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in names if name), "")
    values = {"locale": locale or "–"}
    if "utf-8" in locale.lower() or "utf8" in locale.lower():
        return Check("locale", title, "ok", Message(N_("UTF-8 ({locale})"), values), data=values)
    message = Message(N_("the locale {locale} isn't UTF-8; the panel writes UTF-8 all the same"), values)
    fix = Message(N_("export LANG=C.UTF-8, and set your terminal to UTF-8"))
    return Check("locale", title, "warn", message, fix, values)


def tmux_clipboard(terminal: Terminal) -> str | None:
    """tmux's option set-clipboard; None outside of tmux, "" where it can't be asked."""
    if not terminal.environment.get("TMUX"):
        return None
    try:
        done = subprocess.run(
            ["tmux", "show-options", "-sv", "set-clipboard"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(terminal.environment),
            timeout=_TMUX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def clipboard_check(terminal: Terminal, tmux: str | None) -> Check:
    """Judges whether `y` reaches the clipboard, by OSC 52."""
    title = Message(N_("clipboard"))
    if tmux is not None and tmux != "on":
        message = Message(
            N_("tmux keeps what y copies to itself (set-clipboard {value})"), {"value": tmux or "?"}
        )
        fix = Message(N_("tmux set -s set-clipboard on, also in ~/.tmux.conf"))
        return Check("clipboard", title, "warn", message, fix, {"tmux": tmux})
    if terminal.environment.get("STY") or terminal.environment.get("TERM", "").startswith("screen."):
        message = Message(N_("GNU screen doesn't pass on what y copies"))
        return Check("clipboard", title, "warn", message, Message(N_("use tmux, or select with the mouse")))
    message = Message(N_("y copies by OSC 52, where your terminal allows it"))
    return Check("clipboard", title, "ok", message, data={"tmux": tmux})
