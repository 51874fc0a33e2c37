"""Preflight: whether a profile can run here, what it would need, and its launch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import ScrollableContainer, VerticalScroll
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError
from tui import theme
from tui.clean import clean
from tui.i18n import _, ngettext, render
from tui.pages.page import Page
from tui.widgets.device_picker import DevicePicker, picked_keys, queue_lines
from tui.widgets.dry_run_view import DryRunLines
from tui.widgets.estimate_view import memory_lines, plan_facts
from tui.widgets.lines import Lines, wrapped
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.pane import Pane
from tui.widgets.preflight_report import BadOverrides, Report, inspect, split_overrides, with_gpus
from tui.widgets.profile_summary import problem_lines

if TYPE_CHECKING:
    from runtime.launch.check import Check
    from runtime.launch.devices import Machine
    from runtime.run.layout import RunDirectory

_GLYPHS = {"ok": ("✓", "done"), "warn": ("!", "warning"), "fail": ("✗", "failed")}
_LABEL = 14


class PreflightPage(Page):
    """Opened over Profiles; `overrides` are for this launch only."""

    ACTIONS = ("launch", "toggle_device", "dry_run", "overrides")
    AUTO_FOCUS = "#first"
    DEFAULT_CSS = """
    PreflightPage #verdict { padding: 0 1; margin-bottom: 1; }
    PreflightPage #columns { height: 1fr; layout: horizontal; overflow: hidden; }
    PreflightPage #first, PreflightPage #second { height: 1fr; width: 1fr; }
    PreflightPage .part { height: auto; margin-bottom: 1; }
    PreflightPage .part Lines { padding: 0 1; }
    PreflightPage.-stacked #columns { layout: vertical; overflow-y: auto; }
    PreflightPage.-stacked #first, PreflightPage.-stacked #second { height: auto; }
    PreflightPage VerticalScroll:focus PaneTitle { color: $accent; text-style: bold; }
    """

    def __init__(self, path: Path, overrides: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._path, self._overrides = path, overrides
        self._report: Report | None = None
        self._launching = False
        self._machine: Machine | None = None
        self._dry = DryRunLines()

    def body(self) -> ComposeResult:
        yield Lines(id="verdict")
        yield OverridesLine(shlex.join(self._overrides), id="overrides")
        with ScrollableContainer(id="columns", can_focus=False):  # stacked, it has what the arrows scroll
            with VerticalScroll(id="first"):
                yield Pane(_("Checks"), Lines(id="checks"), classes="part")
                yield Pane(
                    _("GPUs"), Lines(id="queue"), DevicePicker(id="devices"), classes="part", id="gpus"
                )
            with VerticalScroll(id="second"):
                yield Pane(_("Dry run"), Lines(id="dry"), classes="part", id="dry_run")
                yield Pane(_("Memory on each device"), Lines(id="memory"), classes="part")
                yield Pane(_("Size, time and cost"), Lines(id="facts"), classes="part")
                yield Pane(_("Command of each process"), Lines(id="command"), classes="part")

    def trail(self) -> Text:
        return Text.assemble(
            ("‹ ", theme.style("accent")),
            (_("Preflight {name}").format(name=clean(self._path.stem)), theme.style("bold text")),
        )

    # -- finding out

    def refresh_page(self) -> None:
        self._show()
        self._inspect(self._overrides)

    def _inspect(self, overrides: tuple[str, ...], *, picked: bool = False) -> None:
        path, workspace = self._path, self.headnode.workspace

        def work() -> None:
            report = inspect(path, overrides, workspace)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._inspected, report, picked)

        self.run_worker(work, thread=True, exclusive=True, group="inspect")

    def _inspected(self, report: Report, picked: bool) -> None:
        """A report: shown whole, or as what is wrong with the overrides that are being typed. GPUs that were
        `picked` hold in any case: it takes several keys to come to a number that fits."""
        if not self.is_mounted or not self.query(OverridesLine):
            return
        line = self.query_one(OverridesLine)
        wrong = [problem for problem in report.problems if (problem.file or "").startswith("-o")]
        line.show_problems(report.problems if wrong else ())
        if not wrong or self._report is None or picked:
            self._report, self._overrides = report, report.overrides
            self._machine = report.machine or self._machine
        self._show()

    def on_overrides_line_changed(self, message: OverridesLine.Changed) -> None:
        try:
            self._inspect(split_overrides(message.text))
        except BadOverrides as error:
            self.query_one(OverridesLine).show_error(render(error.message))

    def on_overrides_line_closed(self) -> None:
        self.query_one("#first").focus()
        self._show()

    # -- what is shown

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 110, "-stacked")
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if not self.is_mounted or not self.query("#verdict") or not self.size.width:
            return
        stacked = self.has_class("-stacked")
        width = self.size.width - 4 if stacked else self.size.width // 2 - 5
        report = self._report
        self.query_one("#verdict", Lines).show(self._verdict())
        self._show_devices(report, width)
        self._show_dry_run(width)
        for name in ("memory", "facts", "command", "checks"):
            lines = [] if report is None else getattr(self, f"_{name}_lines")(report, width)
            widget = self.query_one(f"#{name}", Lines)
            widget.show(lines)
            if widget.parent is not None:
                widget.parent.display = bool(lines)
        self.refresh_footer()

    def _verdict(self) -> list[Text]:
        report, width = self._report, self.size.width - 2
        if self._launching:
            return [Text(_("launching …"), theme.style("accent"))]
        if report is None:
            return [Text(_("checking …"), theme.style("muted"))]
        if self.query_one(OverridesLine).is_open:
            words = _("enter takes these values, esc goes back to what was there before")
            return [Text(words, theme.style("muted"))]
        if report.profile is None:
            return [Text("✗ " + _("can't be launched: the profile is wrong"), theme.style("bold failed"))]
        if report.failed:
            reasons = _("; ").join(render(check.message) for check in report.failed)
            text = "✗ " + _("can't be launched: {reasons}").format(reasons=reasons)
            return wrapped(text, theme.style("bold failed"), width)
        if self.headnode.preferences.read_only:
            text = _("it could be launched, but this panel is read-only")
            return [Text("✓ " + text, theme.style("bold done"))]
        warnings = sum(check.status == "warn" for check in report.checks)
        if warnings:
            text = ngettext(
                "ready, with {count} warning: enter launches it",
                "ready, with {count} warnings: enter launches it",
                warnings,
            ).format(count=warnings)
            return [Text("! " + text, theme.style("bold warning"))]
        return [Text("✓ " + _("ready: enter launches it"), theme.style("bold done"))]

    def _show_devices(self, report: Report | None, width: int) -> None:
        machine, pane = self._machine, self.query_one("#gpus", Pane)
        decision = report.decision if report is not None else None
        pane.display = machine is not None and (bool(machine.gpus) or decision is not None)
        if machine is None or not pane.display:
            return
        pane.set_title(_("GPUs") if machine.gpus else _("Queue"))
        lines = queue_lines(report, machine, width) if report is not None else []
        self.query_one("#queue", Lines).show(lines)
        picker = self.query_one(DevicePicker)
        by_hand = any(word.startswith("launch.gpus=[") for word in self._overrides)
        taken = (
            picked_keys(self._overrides, machine) if by_hand else (decision.choice or () if decision else ())
        )
        picker.update_devices(machine, taken, by_hand, width)

    def on_device_picker_picked(self, message: DevicePicker.Picked) -> None:
        profile = self._report.profile if self._report is not None else None
        self._overrides = with_gpus(self._overrides, message.gpus, profile)
        self.query_one(OverridesLine).set_text(shlex.join(self._overrides))
        self._show()
        self._inspect(self._overrides, picked=True)

    def _show_dry_run(self, width: int) -> None:
        lines = self._dry.lines(width)
        self.query_one("#dry_run").display = bool(lines)
        self.query_one("#dry", Lines).show(lines)

    def _checks_lines(self, report: Report, width: int) -> list[Text]:
        if report.profile is None:
            return problem_lines(report.problems, width)
        return [line for check in report.checks for line in check_lines(check, width)]

    def _memory_lines(self, report: Report, width: int) -> list[Text]:
        if report.estimate is not None:
            return memory_lines(report.estimate, width)
        return wrapped(render(report.silent), theme.style("muted"), width) if report.silent else []

    def _facts_lines(self, report: Report, width: int) -> list[Text]:
        if report.estimate is None or report.profile is None:
            return []
        muted, text = theme.style("muted"), theme.style("text")
        lines = []
        for label, value in plan_facts(report.profile, report.estimate):
            head, *rest = wrapped(value, text, width - _LABEL)
            name = Text(label, muted)
            name.append(" " * max(1, _LABEL - name.cell_len))
            lines.append(Text.assemble(name, head))
            lines += [Text.assemble(" " * _LABEL, more) for more in rest]
        return lines

    def _command_lines(self, report: Report, width: int) -> list[Text]:
        if report.profile is None:
            return []
        muted, text = theme.style("muted"), theme.style("text")
        lines = wrapped(report.command, text, width)
        lines += wrapped(_("in {directory}").format(directory=report.directory), muted, width)
        if report.environment:
            names = _("with {names}, and the environment of the launch").format(
                names=" ".join(report.environment)
            )
            lines += wrapped(names, muted, width)
        same = _("the same from a shell: {command}").format(command=self._shell_command(report))
        return [*lines, *wrapped(same, muted, width)]

    def _shell_command(self, report: Report) -> str:
        return clean(shlex.join(["headnode", "launch", str(self._path), *report.overrides]))

    # -- what can be done

    def can(self, action: str) -> bool:
        if self._launching or not self.is_mounted or self.query_one(OverridesLine).is_open:
            return False
        if action == "toggle_device":
            return self._machine is not None and bool(self._machine.gpus)
        ready = self._report is not None and self._report.ready
        if action == "dry_run":
            return self._dry.running or (ready and self._trains)
        return action == "overrides" or (action == "launch" and ready)

    @property
    def _trains(self) -> bool:
        profile = self._report.profile if self._report is not None else None
        return profile is not None and profile.job == "pretrain"

    def action_toggle_device(self) -> None:
        """From anywhere on the page: the first press goes to the list, the next ones choose."""
        picker = self.query_one(DevicePicker)
        if not picker.has_focus:
            picker.focus()
            picker.scroll_visible(animate=False)

    def action_dry_run(self) -> None:
        if self._dry.running:
            self._dry.stop()
            return
        report = self._report
        if report is None or report.profile is None or not self.can("dry_run"):
            return
        self._dry.begin(self, report.profile, self.headnode.workspace, self._dry_run_changed)
        self.query_one("#dry_run").scroll_visible(animate=False)

    def _dry_run_changed(self) -> None:
        if self.is_mounted and self.query("#dry_run"):
            self._show()

    def tick(self) -> None:
        if self._dry.running:
            self._dry_run_changed()

    def on_unmount(self) -> None:
        self._dry.stop()

    def action_overrides(self) -> None:
        self.query_one(OverridesLine).open()
        self._show()

    def action_launch(self) -> None:
        report = self._report
        if report is None or report.profile is None or not self.can("launch"):
            return
        self._launching = True
        self._show()
        profile, workspace = report.profile, self.headnode.workspace

        def work() -> None:
            from runtime.launch import operations

            try:
                run: RunDirectory | None = operations.launch(workspace, profile, by="panel")
                error: Exception | None = None
            except (HeadnodeError, OSError) as problem:
                run, error = None, problem
            self.app.call_from_thread(self._launched, run, error)

        self.run_worker(work, thread=True, group="launch")

    def _launched(self, run: RunDirectory | None, error: Exception | None) -> None:
        self._launching = False
        if run is None:
            if error is not None:
                self.headnode.complain(error)
            self.refresh_page()
            return
        self.headnode.open_new_run(run)

    def copy_text(self) -> str | None:
        return self._shell_command(self._report) if self._report is not None else None


def check_lines(check: Check, width: int) -> list[Text]:
    """`✓ message`, and what to do about it where something is to be done."""
    glyph, style = _GLYPHS[check.status]
    head, *rest = wrapped(render(check.message), theme.style("text"), width - 2)
    lines = [Text.assemble((f"{glyph} ", theme.style(style)), head)]
    lines += [Text.assemble("  ", line) for line in rest]
    if check.fix is not None and check.status != "ok":
        lines += [
            Text.assemble("  ", line) for line in wrapped(render(check.fix), theme.style("muted"), width - 2)
        ]
    return lines
