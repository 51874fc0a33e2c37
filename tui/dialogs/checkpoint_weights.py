"""A new run from the weights of a checkpoint: with which profile and values, whether they fit, and the
start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError
from tui import describe, theme
from tui.clean import clean
from tui.dialogs.dialog import Choice, Dialog, choice_lines
from tui.dialogs.resume_work import Read, reading_line, showing
from tui.i18n import _, render
from tui.widgets.checkpoint_detail import address
from tui.widgets.lines import Lines, wrapped
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.preflight_report import BadOverrides, split_overrides

if TYPE_CHECKING:
    from runtime.launch.check import Check
    from runtime.profile import Profile
    from runtime.run.layout import RunDirectory
    from tui.app import HeadnodeApp
    from tui.store.runs import RunView

_FRAME = 4
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


class WeightsDialog(Dialog[None]):
    """Launches by itself: nothing is handed back."""

    DEFAULT_CSS = """
    WeightsDialog #dialog { width: 90%; max-width: 120; }
    WeightsDialog #checks { height: auto; scrollbar-gutter: stable; }
    WeightsDialog #checks Lines { width: 1fr; }
    WeightsDialog #says { width: 1fr; }
    WeightsDialog OverridesLine { padding: 0; }
    WeightsDialog OverridesLine Input { background: $panel; }
    """
    AUTO_FOCUS = "#checks"

    def __init__(self, view: RunView, step: int) -> None:
        super().__init__()
        self._view, self._step = view, step
        self._words: tuple[str, ...] = ()
        self._asked: Asked | None = None
        self._reading: Read | None = None
        self._starting = False
        self._error: str | None = None

    @property
    def headnode(self) -> HeadnodeApp:
        """The app, with its own type."""
        return self.app  # type: ignore[return-value]

    def title_text(self) -> str:
        where = address(describe.short_id(self._view.run_id), self._step)
        return _("New run from the weights of {address}").format(address=where)

    def content(self) -> ComposeResult:
        yield Lines(id="says")
        with VerticalScroll(id="checks"):
            yield Lines(id="rows")
        yield OverridesLine(id="overrides")

    def choices(self) -> list[Choice[None]]:
        if self._starting or self._typing:
            return []
        shown = [Choice("enter", _("launch it"), "", None)] if self._asked and self._asked.ready else []
        return [*shown, Choice("escape", _("leave it as it is"), "", None)]

    @property
    def _typing(self) -> bool:
        return any(line.is_open for line in self.query(OverridesLine))

    def on_mount(self) -> None:
        self._ask()
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # -- what is shown

    def _show(self) -> None:
        if not self.is_mounted or not self.query("#rows"):
            return
        width = max(30, self.query_one("#checks").size.width - 2)
        says = [*self._says(width), Text()]
        self.query_one("#says", Lines).show(says)
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
        self.query_one("#rows", Lines).show([*lines, Text()] if lines else [])
        choices = choice_lines(self.choices())
        self.query_one("#choices", Lines).show(choices)
        overrides = max(2, self.query_one(OverridesLine).outer_size.height + 1)
        room = self.size.height * 9 // 10 - _FRAME - len(says) - len(choices) - overrides
        self.query_one("#checks").styles.max_height = max(3, room)

    def _says(self, width: int) -> list[Text]:
        if self._error is not None:
            return wrapped(f"✗ {self._error}", theme.style("failed"), width)
        if self._starting:
            if self._reading is not None:
                return [reading_line(self._reading, width)]
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

    def _ask(self) -> None:
        self._asked, self._error = None, None
        directory, step, words = self._view.directory, self._step, self._words

        def work() -> None:
            asked = inquire(directory, step, words)
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
        self._show()

    def _start(self) -> None:
        assert self._asked is not None
        assert self._asked.profile is not None
        profile, step = self._asked.profile, self._step
        workspace = self.headnode.store.workspace
        self._starting = True
        self._show()

        def show(read: Read) -> None:
            self.app.call_from_thread(self._has_read, read)

        def work() -> None:
            from runtime.launch import operations

            progress = showing(show)
            run: RunDirectory | None = None
            error = None
            try:
                run = operations.launch(
                    workspace,
                    profile,
                    by="panel",
                    progress=lambda done, total: progress(step, done, total),
                )
            except (HeadnodeError, OSError) as problem:
                error = _text(problem)
            self.app.call_from_thread(self._started, run, error)

        self.run_worker(work, thread=True, group="start")

    def _has_read(self, read: Read) -> None:
        self._reading = read
        self._show()

    def _started(self, run: RunDirectory | None, error: str | None) -> None:
        self._starting = False
        if run is None:
            self._error = error
            self._show()
            return
        self.dismiss()
        self.headnode.store.wake()
        self.headnode.open_new_run(run)

    # -- keys

    def on_overrides_line_changed(self, message: OverridesLine.Changed) -> None:
        try:
            self._words = split_overrides(message.text)
        except BadOverrides as error:
            self.query_one(OverridesLine).show_error(render(error.message))
            return
        self._ask()

    def on_overrides_line_closed(self) -> None:
        self.query_one("#checks").focus()
        self._show()

    def on_key(self, event: events.Key) -> None:
        if self._typing or self._starting:
            return
        if event.key == "enter" and self._asked is not None and self._asked.ready:
            event.stop()
            self._start()
        elif event.key == "o" and self._asked is not None:
            event.stop()
            self.query_one(OverridesLine).open()
            self._show()

    def action_close(self) -> None:
        if not self._starting:
            self.dismiss()


def inquire(run: RunDirectory, step: int, words: tuple[str, ...]) -> Asked:
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
        return Asked(None, problem=_text(error))


def _text(error: Exception) -> str:
    return render(error.message) if isinstance(error, HeadnodeError) else clean(str(error))
