"""A new run from the weights of a checkpoint: with which profile and values, whether they fit, and the
start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError
from tui import describe, theme
from tui.clean import clean
from tui.dialogs.dialog import Choice
from tui.dialogs.resume_work import reading_line, showing
from tui.dialogs.starting import StartingDialog, error_text
from tui.i18n import _, render
from tui.widgets.checkpoint_detail import address
from tui.widgets.lines import wrapped
from tui.widgets.overrides_line import OverridesLine

if TYPE_CHECKING:
    from runtime.launch.check import Check
    from runtime.profile import Profile
    from runtime.run.layout import RunDirectory
    from tui.store.runs import RunView

_MARKS = {"ok": ("✓", "done"), "warn": ("!", "warning"), "fail": ("✗", "failed")}


@dataclass(frozen=True)
class Asked:
    """What was found for one wish: a profile with its checks, or why there is none."""

    profile: Profile | None
    checks: tuple[Check, ...] = ()
    problem: str | None = None

    @property
    def ready(self) -> bool:
        return self.profile is not None and all(check.status != "fail" for check in self.checks)


class WeightsDialog(StartingDialog):
    """With the profile of the checkpoint's run, or the one that is named among the overrides."""

    DEFAULT_CSS = "WeightsDialog #dialog { max-width: 120; }"

    def __init__(self, view: RunView, step: int) -> None:
        super().__init__()
        self._view, self._step = view, step
        self._asked: Asked | None = None

    def title_text(self) -> str:
        where = address(describe.short_id(self._view.run_id), self._step)
        return _("New run from the weights of {address}").format(address=where)

    def choices(self) -> list[Choice[None]]:
        if self.starting or self.typing:
            return []
        shown = [Choice("enter", _("launch it"), "", None)] if self.ready else []
        return [*shown, Choice("escape", _("leave it as it is"), "", None)]

    @property
    def known(self) -> bool:
        return self._asked is not None

    @property
    def ready(self) -> bool:
        return self._asked is not None and self._asked.ready

    def rows(self, width: int) -> list[Text]:
        lines: list[Text] = []
        for check in self._asked.checks if self._asked is not None else ():
            mark, style = _MARKS[check.status]
            first, *rest = wrapped(render(check.message), theme.style("text"), width - 2) or [Text()]
            lines.append(Text.assemble((f"{mark} ", theme.style(style)), first))
            lines += [Text.assemble("  ", line) for line in rest]
            if check.fix is not None and check.status != "ok":
                lines += [
                    Text.assemble("    ", line)
                    for line in wrapped(render(check.fix), theme.style("muted"), width - 4)
                ]
        return lines

    def says(self, width: int) -> list[Text]:
        if self.starting:
            if self.reading is not None:
                return [reading_line(self.reading, width)]
            return [Text(_("linking and verifying the weights, then starting …"), theme.style("accent"))]
        if self._asked is None:
            return [Text(_("comparing names and shapes …"), theme.style("muted"))]
        if self._asked.problem is not None:
            return wrapped(f"✗ {self._asked.problem}", theme.style("failed"), width)
        assert self._asked.profile is not None
        if not self._asked.ready:
            return wrapped(
                _("It can't begin like this: see what is marked ✗."), theme.style("bold failed"), width
            )
        words = _(
            "Profile {profile}, from step 0: optimizer, learning rate and order of the data are fresh. o "
            "changes values, or takes another profile by its name."
        )
        return wrapped(words.format(profile=clean(self._asked.profile.name)), theme.style("text"), width)

    # -- finding out and starting

    def inquire(self, words: Sequence[str]) -> None:
        self._asked, self.error = None, None
        directory, step = self._view.directory, self._step

        def work() -> None:
            asked = ask(directory, step, words)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._answered, asked)

        self.run_worker(work, thread=True, exclusive=True, group="ask")

    def _answered(self, asked: Asked) -> None:
        if not self.is_mounted:
            return
        self._asked = asked
        line = self.query_one(OverridesLine)
        if line.is_open:
            line.show_error(asked.problem)
        self.show()

    def start(self) -> None:
        assert self._asked is not None
        assert self._asked.profile is not None
        profile, step, workspace = self._asked.profile, self._step, self.headnode.store.workspace

        def begin() -> RunDirectory:
            from runtime.launch import operations

            told = showing(self.show_read)
            return operations.launch(
                workspace, profile, by="panel", progress=lambda done, total: told(step, done, total)
            )

        self.run_start(begin)


def ask(run: RunDirectory, step: int, words: Sequence[str]) -> Asked:
    """The profile and its checks; a word without = names a profile. Reads the disk."""
    from runtime.launch.preflight import preflight
    from runtime.launch.weights import find_weights, profile_from
    from runtime.run.workspace import Workspace

    workspace = Workspace(run.path.parent.parent)
    names = [word for word in words if "=" not in word]
    overrides = [word for word in words if "=" in word]
    try:
        weights = find_weights(f"{run.run_id}@{step}", workspace)
        profile = profile_from(weights, overrides, workspace, names[-1] if names else None)
        return Asked(profile, tuple(preflight(profile, workspace)))
    except (HeadnodeError, OSError) as error:
        return Asked(None, problem=error_text(error))
