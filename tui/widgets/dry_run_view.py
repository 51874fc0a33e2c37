"""A dry run on the preflight page: how it gets on, and what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text

from runtime.messages import HeadnodeError
from tui import describe, theme
from tui.clean import clean
from tui.format import duration, pad, size
from tui.i18n import _, ngettext, render
from tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from runtime.launch.dry_run import DryRun
    from runtime.launch.dry_runner import DryRunner
    from runtime.profile import Profile
    from runtime.run.workspace import Workspace
    from tui.pages.page import Page

_LABEL = 20


class DryRunLines:
    """The dry run of a page: at most one at a time."""

    def __init__(self) -> None:
        self._runner: DryRunner | None = None
        self._phase = ""
        self._began = 0.0
        self._result: DryRun | None = None
        self._problem = ""
        self._stopping = False
        self.running = False

    def begin(self, page: Page, profile: Profile, workspace: Workspace, changed: Callable[[], None]) -> None:
        """Starts it in a thread of the page; `changed` is called in the panel's own."""
        self.running, self._phase, self._result, self._problem = True, "", None, ""
        self._runner, self._stopping = None, False
        self._began = time.monotonic()
        changed()

        def work() -> None:
            from runtime.launch.dry_runner import DryRunner

            try:
                runner = self._runner = DryRunner(profile, workspace)
                if self._stopping:  # asked for before there was anything to stop
                    runner.stop()
                for phase in runner.phases():
                    self._phase = phase
                self._result = runner.result
            except HeadnodeError as error:
                self._problem = render(error.message)
            except OSError as error:
                self._problem = clean(str(error))
            self.running = False
            if page.is_running and page.is_mounted:
                page.app.call_from_thread(changed)

        page.run_worker(work, thread=True, group="dry-run")

    def stop(self) -> None:
        """Breaks it off; the result says so."""
        self._stopping = True
        if self._runner is not None:
            self._runner.stop()

    def lines(self, width: int) -> list[Text]:
        """What is to be shown; nothing before the first."""
        if self.running:
            return running_lines(self._phase, time.monotonic() - self._began, width)
        if self._problem:
            return wrapped(f"✗ {self._problem}", theme.style("failed"), width)
        return result_lines(self._result, width) if self._result is not None else []


def running_lines(phase: str, seconds: float, width: int) -> list[Text]:
    """While it goes on."""
    doing = describe.phase(phase) or _("starting")
    text = _("{doing} ({time}) · d breaks it off").format(doing=doing, time=duration(seconds, parts=1))
    return wrapped(text, theme.style("running"), width)


def result_lines(result: DryRun, width: int) -> list[Text]:
    """What came of it."""
    head, style = _heading(result)
    lines = wrapped(head, theme.style(style), width)
    facts = [
        (_("until the first step"), _seconds(result.setup_seconds)),
        (_("each step"), _seconds(result.step_seconds)),
        (_memory_label(result), size(result.memory) if result.memory is not None else ""),
    ]
    for label, value in facts:
        if value:
            lines.append(
                Text.assemble((pad(label, _LABEL) + "  ", theme.style("muted")), (value, theme.style("text")))
            )
    if result.error:
        lines += wrapped(clean(result.error), theme.style("failed"), width)
    for line in result.log:
        lines += wrapped(clean(line), theme.style("muted"), width)
    return lines


def _heading(result: DryRun) -> tuple[str, str]:
    if result.outcome == "passed":
        text = ngettext("✓ it runs: {count} step", "✓ it runs: {count} steps", result.steps)
        return text.format(count=result.steps), "done"
    words = {
        "failed": (_("✗ it fails"), "failed"),
        "busy": (_("! its devices aren't free: no dry run now"), "warning"),
        "stopped": (_("broken off"), "muted"),
        "too_long": (_("! broken off: no step was made in a quarter of an hour"), "warning"),
    }
    return words[result.outcome]


def _memory_label(result: DryRun) -> str:
    if result.gpu:
        return _("GPU memory")
    return _("memory of a process") if result.processes > 1 else _("memory")


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f} s" if value < 10 else duration(value)
