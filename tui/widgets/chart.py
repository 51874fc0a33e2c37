"""One chart: a title line, and a picture by `tui.plotting` below it.

    chart = Chart()
    chart.set_series("train/loss", [Drawn(series), Drawn(old_branch, role="past")])

The picture is made again only when the data, the size or the view changed, and of that only the changed
lines are sent to the terminal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui import keymap, theme
from tui.format import DASH, clean, duration, truncate
from tui.i18n import _
from tui.plotting.figure import Ink, Picture
from tui.plotting.labels import reading_number, short_number
from tui.plotting.model import Axis, ChartModel, Drawn, Reading, Trace
from tui.widgets.line_colours import line_colour

_ZOOM = 0.5
_PAN = 0.25
_STYLES = {
    Ink.AXIS: "faint", Ink.LABEL: "muted", Ink.MARKER: "muted", Ink.PAST: "faint", Ink.BAD: "bold failed",
    Ink.CURSOR: "bold text",
}  # fmt: skip

_INKS = tuple(f"ink-{int(ink)}" for ink in Ink)

Part = tuple[str, str]  # text, style


CURSOR = (
    Binding("left", "cursor(-1)", show=False),
    Binding("right", "cursor(1)", show=False),
    Binding("down", "cursor(-10)", show=False),
    Binding("up", "cursor(10)", show=False),
    Binding("escape", "leave_inspect", show=False),
    Binding("home", "go(False)", show=False),
    Binding("end", "go(True)", show=False),
)
"""What moves the cursor of every chart."""


class Chart(Widget, can_focus=True):
    """A chart of one metric, or of several lines; `tui.plotting.model` says what the keys do."""

    DEFAULT_CSS = "Chart { width: 1fr; height: 1fr; }"
    ACTIONS: ClassVar[tuple[str, ...]] = (
        "zoom_in", "zoom_out", "pan_left", "pan_right", "inspect", "smooth", "log_scale", "axis", "follow",
    )  # fmt: skip
    BINDINGS: ClassVar[list[Binding]] = [*CURSOR, *keymap.bindings(ACTIONS)]

    class Changed(Message):
        """A key has changed what is looked at, so what can be done may be different."""

        def __init__(self, chart: Chart) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> Chart:
            return self.chart

    class Smooth(Changed):
        """More smoothing or none is asked for, and there are more points than to be smoothed here and now."""

    most_points: float = math.inf
    """More than so many are smoothed by who takes `Smooth`."""

    def __init__(
        self, model: ChartModel | None = None, *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.model = model or ChartModel()
        self.title = ""
        self.sampled = False
        self.empty_text = ""
        self._rows: list[tuple[Part, ...]] = []
        self._picture: Picture | None = None
        self._stale = self._empty = True
        self._drawn = Size(0, 0)
        self._base: Style | None = None
        self._styles: dict[str, Style] = {}

    # -- data

    def set_series(self, title: str, drawn: Sequence[Drawn], sampled: bool = False) -> None:
        """Shows these series under this title; `sampled` says that only some of the points are there as
        yet.
        """
        changed = self.model.set_series(drawn)
        if changed or title != self.title or sampled != self.sampled or not self._rows:
            self.title, self.sampled = title, sampled
            self.update_chart()

    def set_model(self, title: str, model: ChartModel, sampled: bool = False) -> None:
        """Shows another model, such as the one of another metric."""
        self.model, self.title, self.sampled = model, title, sampled
        self.update_chart()

    def update_chart(self) -> None:
        """Draws anew and sends the lines that changed."""
        if self._empty != self.model.empty and self.is_attached:
            self._empty = self.model.empty
            self.post_message(self.Changed(self))  # with its first points its keys begin to mean something
        self._stale = True
        if not self.is_attached or not self.size:
            return
        before = self._rows
        self._draw()
        if len(before) != len(self._rows):
            self.refresh()
            return
        width = self.size.width
        changed = [
            Region(0, y, width, 1) for y, (a, b) in enumerate(zip(before, self._rows, strict=True)) if a != b
        ]
        if changed:
            self.refresh(*changed)

    def _draw(self) -> None:
        width, height = self._drawn = self.size
        self._stale = False
        self._picture = self.model.picture(width, max(height - 1, 0), self._attempt_label, self.app.no_color)
        self._rows = [tuple(self._title(width)), *self._picture_rows(self._picture)]
        if self._picture.axis is None and height > 1:
            text = truncate(self.empty_text or _("nothing logged yet"), width)
            middle = 1 + (height - 1) // 2 if height > 3 else 1
            left = (width - cell_len(text)) // 2
            self._rows[min(middle, height - 1)] = ((" " * left, ""), (text, "muted"))

    @staticmethod
    def _attempt_label(attempt: int) -> str:
        return _("attempt {number}").format(number=attempt)

    @staticmethod
    def _picture_rows(picture: Picture) -> list[tuple[Part, ...]]:
        """Each row cut where its ink changes."""
        rows = []
        for text, inks in zip(picture.rows, picture.inks, strict=True):
            starts = [0, *((inks[1:] != inks[:-1]).nonzero()[0] + 1).tolist()]
            names = [_INKS[ink] for ink in inks[starts].tolist()]
            parts = zip(starts, [*starts[1:], len(text)], names, strict=True)
            rows.append(tuple((text[start:end], name) for start, end, name in parts))
        return rows

    # -- title

    def _title(self, width: int) -> list[Part]:
        """Name and newest value at the left, how it is looked at at the right; or what the cursor points
        at.
        """
        name: Part = (clean(self.title), "bold accent" if self.has_focus else "text")
        readings = self.model.readings()
        if readings:
            values, rest = self._reading_parts(readings), []
        else:
            values, rest = [], [(text, "muted") for text in self._modes()]
            if len(self.model.live) > 1:
                values = [self._legend(number, trace) for number, trace in enumerate(self.model.live)]
            elif self.model.newest is not None:
                values = [(f"  {short_number(self.model.newest)}", "muted")]
            if self.model.parent is not None:
                values.append((f"  ┄ {clean(self.model.parent.label)}", "faint"))
        # A name without room gives up its section and then its end, and not the value.
        room = max(width - sum(cell_len(text) for text, _style in values[:1]), min(width, 8))
        title, style = name
        if cell_len(title) > room:
            title = truncate(title.partition("/")[2] or title, room)
        return self._fit([(title, style), *values], rest, width)

    @staticmethod
    def _legend(number: int, trace: Trace) -> Part:
        """A line's label, and its newest value where the label leaves room for it, as a letter does."""
        label, series = clean(trace.label), trace.series
        if trace.mark and series is not None:
            label += f" {short_number(float(series.value[-1])) if len(series.value) else DASH}"
        return f"  {label}", line_colour(number)

    def _modes(self) -> list[str]:
        model = self.model
        axes: dict[Axis, str] = {"elapsed": _("time"), "clock": _("clock"), "tokens": _("tokens"), "step": ""}
        words = [
            _("sampled") if self.sampled else "",
            _("held") if not model.follow else "",
            axes[model.axis],
            _("log") if model.log else "",
            _("smooth {weight}").format(weight=f"{model.weight:g}") if model.weight else "",
        ]
        offset = self._picture.axis.offset if self._picture and self._picture.axis else ""
        return [word for word in (f"{offset} +" if offset else "", *words) if word]

    def _reading_parts(self, readings: Sequence[Reading]) -> list[Part]:
        """At the cursor: values, step, time, attempt; what matters first, for the rest may not fit."""
        first = readings[0]
        if len(self.model.live) > 1:
            parts = [
                (f"  {clean(reading.label)} {reading_number(reading.value)}", line_colour(reading.line))
                for reading in readings
            ]
        else:
            parts = [(f"  {reading_number(first.value)}", "bold text")]
            if first.smoothed is not None:
                parts.append(
                    (f"  {_('smooth {weight}').format(weight=reading_number(first.smoothed))}", "text")
                )
        behind = self.model.parent_value()
        if behind is not None and self.model.parent is not None:
            text = f"  ┄ {clean(self.model.parent.label)} {reading_number(behind)}"
            parts.append((text, "muted"))
        moment = datetime.fromtimestamp(first.time, self.model.zone)
        texts = [
            _("step {step}").format(step=f"{first.step:,}"),
            f"{moment:%m-%d %H:%M:%S}",
            f"+{duration(self.model.elapsed(first.time))}",
        ]
        if len(self.model.live) > 1:
            texts = texts[:1]  # the rest is each run's own
        return [*parts, *((f"  {text}", "muted") for text in (*texts, self._attempt_label(first.attempt)))]

    @staticmethod
    def _fit(left: list[Part], right: list[Part], width: int) -> list[Part]:
        """The parts of `left` that fit, then as many of `right` (the last first) as have room at the right
        edge.
        """
        parts: list[Part] = []
        room = width
        for text, style in left:
            if cell_len(text) > room:
                break
            parts.append((text, style))
            room -= cell_len(text)
        chosen: list[Part] = []
        for text, style in reversed(right):
            length = cell_len(text) + 2
            if length > room:
                break
            chosen.insert(0, (f"  {text}", style))
            room -= length
        return [*parts, (" " * room, ""), *chosen] if room else [*parts, *chosen]

    # -- drawing

    def _style(self, name: str) -> Style:
        if not name.startswith("ink-"):
            return theme.style(name) if name else Style.null()
        ink = Ink(int(name[4:]))
        if ink >= Ink.LINE_1:
            return theme.style(line_colour(ink - Ink.LINE_1))
        if ink == Ink.RAW:
            palette = theme.current()
            behind = Color.parse(palette.background).blend(Color.parse(palette.accent), 0.45)
            return Style(color=behind.rich_color)
        return theme.style(_STYLES[ink]) if ink in _STYLES else Style.null()

    def render_line(self, y: int) -> Strip:
        if self._stale or self._drawn != self.size:  # the new size comes before the message that tells of it
            self._draw()
        if self._base is None:
            self._base, self._styles = self.rich_style, {}
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self._base)
        row = self._rows[y]
        segments = [Segment(text, self._styles.get(name) or self._styled(name)) for text, name in row]
        width = self.size.width if y else sum(cell_len(text) for text, _name in row)
        return Strip(segments, width).adjust_cell_length(self.size.width, self._base)

    def _styled(self, name: str) -> Style:
        assert self._base is not None
        style = self._styles[name] = self._base + self._style(name)
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._base = None

    def on_resize(self) -> None:
        self._stale = True

    def on_show(self) -> None:
        if self._stale:
            self.refresh()

    # Textual sets `has_focus` and refreshes only after these.
    def on_focus(self) -> None:
        self._stale = True

    def on_blur(self) -> None:
        self._stale = True

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        model = self.model
        if action in ("cursor", "leave_inspect"):
            return model.cursor is not None
        if action in self.ACTIONS and model.empty:
            return False
        if action in ("pan_left", "pan_right", "zoom_out"):
            return model.window is not None
        return True

    def _after(self, changed: bool) -> None:
        if changed:
            self.update_chart()
            self.post_message(self.Changed(self))

    def action_zoom_in(self) -> None:
        self._after(self.model.zoom(_ZOOM))

    def action_zoom_out(self) -> None:
        self._after(self.model.zoom(1 / _ZOOM))

    def action_pan_left(self) -> None:
        self._after(self.model.pan(-_PAN))

    def action_pan_right(self) -> None:
        self._after(self.model.pan(_PAN))

    def action_go(self, end: bool) -> None:
        self._after(self.model.go(end))

    def action_inspect(self) -> None:
        self._after(self.model.toggle_inspect())

    def action_leave_inspect(self) -> None:
        self._after(self.model.toggle_inspect())

    def action_cursor(self, cells: int) -> None:
        columns = self._picture.plot_width if self._picture else self.size.width
        self._after(self.model.move_cursor(cells, columns))

    def action_smooth(self) -> None:
        if self.model.points > self.most_points:
            self.post_message(self.Smooth(self))
        else:
            self._after(self.model.cycle_smoothing())

    def action_log_scale(self) -> None:
        self.model.log = not self.model.log
        self._after(True)

    def action_axis(self) -> None:
        self._after(self.model.cycle_axis())

    def action_follow(self) -> None:
        self._after(self.model.toggle_follow())

    def _on_wheel(self, event: events.MouseEvent, factor: float) -> None:
        if self._picture is None or self._picture.plot_width < 2 or self.model.empty:
            return
        view = self.model.view()
        share = (event.x - self._picture.gutter) / (self._picture.plot_width - 1)
        at = view.left + max(0.0, min(share, 1.0)) * (view.right - view.left)
        event.stop()
        self._after(self.model.zoom(factor, at))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._on_wheel(event, _ZOOM)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._on_wheel(event, 1 / _ZOOM)

    def copy_text(self) -> str | None:
        """What `y` copies: the point at the cursor, or the newest value."""
        readings = self.model.readings()
        if readings:
            return "\n".join(f"{self.title} step {r.step} {r.value!r}" for r in readings)
        return None if self.model.newest is None else f"{self.title} {self.model.newest!r}"
