"""The charts of a run: a big one of the loss, small ones of the other metrics by section, and pages of
them.

    grid = ChartGrid()
    grid.set_source(MetricsReader(run.metrics))     # sampled first, then exact; the grid polls it

Reading and heavy preparation happen in a thread. All charts look at the same steps: zoom, pan, axis,
smoothing and the cursor of one are those of all; the logarithmic scale is each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock, Thread
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from tui import theme
from tui.i18n import _
from tui.plotting.layout import GAP, Place, arrange, neighbour, ordered, page_of
from tui.plotting.model import ChartModel
from tui.widgets.chart import Chart
from tui.widgets.chart_source import LARGE, Arrival, MetricsSource, Read, fetch
from tui.widgets.lines import Lines

_SAMPLED_SECONDS = 0.15


class _Rule(Widget):
    """The line between the big chart and the small ones."""

    DEFAULT_CSS = "_Rule { position: absolute; width: 1; }"

    def render(self) -> Text:
        return Text.assemble(("\n".join("│" * self.size.height), theme.style("faint")))


class ChartGrid(Widget):
    """See the module's text. Posts `Shown` when other metrics are on screen."""

    DEFAULT_CSS = """
    ChartGrid { width: 1fr; height: 1fr; }
    ChartGrid > Chart { position: absolute; }
    ChartGrid > Lines { position: absolute; height: 1; }
    """
    BINDINGS: ClassVar[list[Binding]] = [
        Binding("left", "neighbour(-1, 0)", show=False),
        Binding("right", "neighbour(1, 0)", show=False),
        Binding("up", "neighbour(0, -1)", show=False),
        Binding("down", "neighbour(0, 1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
    ]

    class Shown(Message):
        """Other metrics are on screen now (`names`), on `page` of `pages`, counted from 0."""

        def __init__(self, names: list[str], page: int, pages: int) -> None:
            super().__init__()
            self.names, self.page, self.pages = names, page, pages

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.names: list[str] = []
        self.page, self.pages = 0, 1
        self.empty_text = ""
        self.every = 1
        """Seconds between two looks at the source; long curves don't move in one."""
        self._seconds = 0
        self.tokens_per_step: float | None = None
        self._source: MetricsSource | None = None
        self._lock = Lock()
        self._reading = self._again = False
        self._models: dict[str, ChartModel] = {}
        self._leader: ChartModel | None = None
        """The chart whose view all others take over: the one at which a key was pressed last."""
        self._current: set[str] = set()
        """The metrics whose newest points have been fetched."""
        self._sampled = False
        self._charts: list[Chart] = []
        self._places: list[Place] = []
        self._on_screen: list[str] = []
        self._alone: str | None = None
        self._rule, self._foot = _Rule(), Lines()

    def compose(self) -> ComposeResult:
        yield self._rule
        yield self._foot

    def on_mount(self) -> None:
        self._arrange()
        self.changed()
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        self._close(self._source)

    # -- the source

    def set_source(self, source: MetricsSource | None, tokens_per_step: float | None = None) -> None:
        """Shows the metrics of another run, or of none; the one before is closed."""
        self._close(self._source)
        self._source, self.tokens_per_step = source, tokens_per_step
        self.names, self._models, self._current = [], {}, set()
        self._leader, self._sampled, self._alone, self.page = None, False, None, 0
        self._arrange()
        self.changed()

    def _close(self, source: MetricsSource | None) -> None:
        """In a thread, and after whoever reads there: closing may write a cache."""
        lock = self._lock

        def work() -> None:
            if source is not None:
                with lock:
                    source.close()

        if source is not None:
            Thread(target=work, name="close metrics").start()

    def _tick(self) -> None:
        self._seconds += 1
        if self._seconds >= self.every:
            self._seconds = 0
            self.changed()

    def changed(self) -> None:
        """There may be something new: reads it, unless the grid can't be seen. Cheap to call."""
        if self._source is None or not self.is_attached or not self.size or not self.screen.is_current:
            return
        if self._reading:
            self._again = True
            return
        self._reading, self._again = True, False
        read = partial(self._read, self._source, frozenset(self._current))
        self.run_worker(read, thread=True, group="metrics")

    def _read(self, source: MetricsSource, current: frozenset[str]) -> None:
        with self._lock:
            changed = source.poll()
            names = ordered(source.names())
            wanted = [name for name in self._visible(names) if changed or name not in current]
            arrivals = {
                name: fetch(source, name, self._models.get(name), self._leader, self.tokens_per_step)
                for name in wanted
            }
            exact = source.exact
        if not get_current_worker().is_cancelled:
            self.post_message(Read(source, exact, changed, names, arrivals))

    def on_read(self, message: Read) -> None:
        self._reading = False
        if message.source is not self._source:
            self.changed()
            return
        sampled, self._sampled = self._sampled, not message.exact
        if message.changed:
            self._current.clear()
        redrawn = {name for name, arrival in message.arrivals.items() if self._take(name, arrival)}
        if self._leader is None and message.names:
            self._leader = self._models.get(message.names[0])
        redrawn |= self._agree()
        if message.names != self.names:
            self.names = message.names
            self._arrange()
        for chart, name in zip(self._charts, self._on_screen, strict=False):
            if name in redrawn or sampled != self._sampled:
                chart.set_model(name, self._models[name], self._sampled)
        if not message.exact:
            self.set_timer(_SAMPLED_SECONDS, self.changed)
        elif self._again or not self._current.issuperset(self._on_screen):
            self.changed()

    def _take(self, name: str, arrival: Arrival) -> bool:
        self._current.add(name)
        before = self._model(name)
        if arrival.model is None:
            return before.set_series(arrival.drawn)
        arrival.model.log = before.log
        self._models[name] = arrival.model
        leader = self._leader
        if leader is not None and (before is leader or leader not in self._models.values()):
            arrival.model.look_like(leader)
            self._leader = arrival.model
        return True

    def _model(self, name: str) -> ChartModel:
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = ChartModel()
            model.tokens_per_step = self.tokens_per_step
            if self._leader is not None:
                model.look_like(self._leader)
        return model

    def _agree(self) -> set[str]:
        """Lets all charts look at what the leader looks at; returns the metrics whose charts are others now.

        To smooth a million points again takes a while: such metrics are fetched once more instead.
        """
        changed: set[str] = set()
        for name, model in self._models.items():
            if self._leader is None or model is self._leader:
                continue
            if model.points > LARGE and not model.smooths_like(self._leader):
                self._current.discard(name)
            elif model.look_like(self._leader):
                changed.add(name)
        return changed

    # -- what is where

    def _slots(self, names: Sequence[str]) -> tuple[list[Place], list[str], int]:
        """The places, the metrics in them, and how many pages there are."""
        width, height = self.size
        if not names:
            return [Place(0, 0, width, height)], [], 1
        if self._alone in names:
            return [Place(0, 0, width, height)], [str(self._alone)], 1
        places = arrange(width, height, len(names))
        if len(places) < len(names):
            places = arrange(width, height - 1, len(names))  # the last row says which page it is
        shown, pages = page_of(names, len(places), self.page)
        return places[: len(shown)], shown, pages

    def _visible(self, names: Sequence[str]) -> list[str]:
        return self._slots(names)[1]

    def on_resize(self) -> None:
        self._arrange()
        self.changed()

    def show_when_empty(self, text: str) -> None:
        """What stands there while there is no value; an empty text means that the first is waited for."""
        if text != self.empty_text:
            self.empty_text = text
            self._arrange()

    def _arrange(self) -> None:
        """Puts the charts in their places, as many as there is room for."""
        if not self.is_attached or not self.size:
            return
        self._places, shown, self.pages = self._slots(self.names)
        self.page = min(self.page, self.pages - 1)
        missing = [Chart() for _number in range(len(self._places) - len(self._charts))]
        for chart in missing:
            chart.most_points = LARGE
        if missing:
            self._charts.extend(missing)
            self.mount_all(missing)
        for index, chart in enumerate(self._charts):
            chart.display = index < len(self._places)
            if chart.display:
                place = self._places[index]
                chart.styles.offset = (place.x, place.y)
                chart.styles.width, chart.styles.height = place.width, place.height
        for chart, name in zip(self._charts, shown, strict=False):
            chart.set_model(name, self._model(name), self._sampled)
        if not shown:
            self._charts[0].empty_text = self.empty_text or _("waiting for the first logged step")
            self._charts[0].set_model("", ChartModel())
        self._furnish()
        if shown != self._on_screen:
            self._on_screen = shown
            self.post_message(self.Shown(shown, self.page, self.pages))
            if not self._current.issuperset(shown):
                self.changed()

    def _furnish(self) -> None:
        width, height = self.size
        self._rule.display = len(self._places) > 1 and self._places[1].x > 0
        if self._rule.display:
            self._rule.styles.offset = (self._places[1].x - GAP + 1, 0)
            self._rule.styles.height = self._places[0].height
        self._foot.display = self.pages > 1
        if self.pages > 1:
            self._foot.styles.offset = (0, height - 1)
            self._foot.styles.width = width
            text = _("page {page} of {pages}   {count} metrics   pgup pgdn").format(
                page=self.page + 1, pages=self.pages, count=len(self.names)
            )
            self._foot.show([Text.assemble((text, theme.style("muted")))])

    # -- keys

    @property
    def focused_chart(self) -> Chart | None:
        """The chart with the focus, or None."""
        return next((chart for chart in self._charts if chart.has_focus), None)

    @property
    def front(self) -> Chart | None:
        """The chart that keys mean: the one with the focus, else the first on screen; None without curves."""
        return (self.focused_chart or self._charts[0]) if self._on_screen else None

    @property
    def front_metric(self) -> str | None:
        """The metric of `front`."""
        chart = self.front
        return self._on_screen[self._charts.index(chart)] if chart is not None else None

    def on_chart_changed(self, message: Chart.Changed) -> None:
        """What one chart looks at, all look at."""
        self._leader = message.chart.model
        changed = self._agree()
        for chart, name in zip(self._charts, self._on_screen, strict=False):
            if name in changed:
                chart.update_chart()
        if not self._current.issuperset(self._on_screen):
            self.changed()

    def on_chart_smooth(self, message: Chart.Smooth) -> None:
        """Many points are smoothed in the reading thread; until it is done, they stay as they are."""
        message.stop()
        before, wanted = self._leader or message.chart.model, ChartModel()
        wanted.look_like(message.chart.model)
        wanted.weight = before.weight
        wanted.cycle_smoothing()
        self._leader = wanted
        self._agree()
        self.changed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "turn":
            return self.pages > 1 or self._alone is not None
        if action == "neighbour":
            return self.focused_chart is not None and self._alone is None
        return True

    def action_neighbour(self, dx: int, dy: int) -> None:
        chart = self.focused_chart
        if chart is None:
            return
        target = neighbour(self._places, self._charts.index(chart), dx, dy)
        if target is not None:
            self._charts[target].focus()
        elif dx > 0 or dy > 0:
            self.action_turn(1)

    def action_turn(self, direction: int) -> None:
        """The next page of metrics; of a maximised chart, the next metric."""
        if self._alone is not None:
            position = self.names.index(self._alone) + direction
            self._alone = self.names[position % len(self.names)]
        else:
            self.page = (self.page + direction) % self.pages
        self._arrange()

    def zoom_changed(self, zoomed: bool) -> None:
        """The page gives the grid all its room, or has taken it back: the focused chart alone, or all
        again.
        """
        chart, back = self.focused_chart, self._alone
        self._alone = None
        if zoomed and chart is not None and self._on_screen:
            self._alone = self._on_screen[self._charts.index(chart)]
        self._arrange()
        focus = self._on_screen.index(back) if back in self._on_screen else 0
        if chart is not None:
            self._charts[focus].focus()
