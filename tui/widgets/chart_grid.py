"""The charts of a run: a big one of the loss, small ones of the other metrics by section, and pages of
them.

    grid = ChartGrid()
    grid.set_source(MetricsReader(run.metrics))     # sampled first, then exact; the grid polls it

Reading and heavy preparation happen in a thread. All charts look at the same steps: zoom, pan, axis,
smoothing and the cursor of one are those of all; the logarithmic scale is each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock, Thread
from typing import ClassVar, Protocol

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from tui import theme
from tui.i18n import _
from tui.plotting.model import ChartModel, Drawn, SeriesLike
from tui.widgets.chart import Chart
from tui.widgets.chart_layout import GAP, Place, arrange, neighbour, ordered, page_of
from tui.widgets.lines import Lines

_PREPARE_ASIDE = 50_000
"""More new points than this are made ready in the reading thread and not in the panel's."""
_POLL_SECONDS = 1.0
_SAMPLED_SECONDS = 0.15


class MetricsSource(Protocol):
    """Where curves come from; `runtime.run.metrics_reader.MetricsReader` is one.

    Called from one thread at a time, which isn't the panel's.
    """

    def poll(self) -> bool:
        """Reads what is new; whether anything changed."""

    @property
    def exact(self) -> bool:
        """Whether the series hold all points; if not, more comes with later polls."""

    def names(self) -> list[str]:
        """The metrics that there are."""

    def series(self, name: str) -> SeriesLike:
        """The live line of a metric."""

    def replaced(self, name: str) -> Sequence[SeriesLike]:
        """The branches that later attempts replaced."""

    def close(self) -> None:
        """Nothing more is asked."""


@dataclass
class _Arrival:
    """What the reading thread hands over for one metric."""

    drawn: list[Drawn]
    model: ChartModel | None


class _Read(Message, bubble=False):
    """The reading thread is done."""

    def __init__(
        self,
        source: MetricsSource,
        exact: bool,
        changed: bool,
        names: list[str],
        arrivals: dict[str, _Arrival],
    ) -> None:
        super().__init__()
        self.source, self.exact, self.changed = source, exact, changed
        self.names, self.arrivals = names, arrivals


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
        self.tokens_per_step: float | None = None
        self._source: MetricsSource | None = None
        self._lock = Lock()
        self._reading = self._again = False
        self._models: dict[str, ChartModel] = {}
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
        self.set_interval(_POLL_SECONDS, self.changed)

    def on_unmount(self) -> None:
        self._close(self._source)

    # -- the source

    def set_source(self, source: MetricsSource | None, tokens_per_step: float | None = None) -> None:
        """Shows the metrics of another run, or of none; the one before is closed."""
        self._close(self._source)
        self._source, self.tokens_per_step = source, tokens_per_step
        self.names, self._models, self._current = [], {}, set()
        self._sampled, self._alone, self.page = False, None, 0
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
            arrivals = {name: self._fetch(source, name) for name in wanted}
            exact = source.exact
        if not get_current_worker().is_cancelled:
            self.post_message(_Read(source, exact, changed, names, arrivals))

    def _fetch(self, source: MetricsSource, name: str) -> _Arrival:
        live = source.series(name)
        drawn = [Drawn(live), *(Drawn(branch, "past") for branch in source.replaced(name))]
        known = self._models.get(name)
        fresh = None
        if len(live.step) - (known.points if known is not None else 0) > _PREPARE_ASIDE:
            fresh = ChartModel()
            fresh.tokens_per_step = self.tokens_per_step
            if known is not None:
                fresh.look_like(known)
            fresh.set_series(drawn)
        return _Arrival(drawn, fresh)

    def on__read(self, message: _Read) -> None:
        self._reading = False
        if message.source is not self._source:
            self.changed()
            return
        sampled, self._sampled = self._sampled, not message.exact
        if message.changed:
            self._current.clear()
        redrawn = {name for name, arrival in message.arrivals.items() if self._take(name, arrival)}
        leader = self._models.get(message.names[0]) if message.names else None
        if leader is not None and leader.window is not None:  # each follows its own end: keep them together
            redrawn |= {name for name, model in self._models.items() if model.look_like(leader)}
        if message.names != self.names:
            self.names = message.names
            self._arrange()
        for chart, name in zip(self._charts, self._on_screen, strict=False):
            if name in redrawn or sampled != self._sampled:
                chart.set_model(name, self._models[name], self._sampled)
        if not message.exact:
            self.set_timer(_SAMPLED_SECONDS, self.changed)
        elif self._again:
            self.changed()

    def _take(self, name: str, arrival: _Arrival) -> bool:
        self._current.add(name)
        model = self._model(name)
        if arrival.model is None:
            return model.set_series(arrival.drawn)
        arrival.model.look_like(model)
        arrival.model.log = model.log
        self._models[name] = arrival.model
        return True

    def _model(self, name: str) -> ChartModel:
        model = self._models.get(name)
        if model is None:
            model = ChartModel()
            model.tokens_per_step = self.tokens_per_step
            for other in self._models.values():
                model.look_like(other)
                break
            self._models[name] = model
        return model

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

    def _arrange(self) -> None:
        """Puts the charts in their places, as many as there is room for."""
        if not self.is_attached or not self.size:
            return
        self._places, shown, self.pages = self._slots(self.names)
        self.page = min(self.page, self.pages - 1)
        missing = [Chart() for _number in range(len(self._places) - len(self._charts))]
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

    def on_chart_changed(self, message: Chart.Changed) -> None:
        """What one chart looks at, all look at."""
        visible = dict(zip(self._on_screen, self._charts, strict=False))
        for name, model in self._models.items():
            if model is not message.chart.model and model.look_like(message.chart.model) and name in visible:
                visible[name].update_chart()

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
