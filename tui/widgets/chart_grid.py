"""The charts of a run: a big one of the loss, small ones of the other metrics by section, and pages of them.

    grid = ChartGrid()
    grid.set_source(RunMetrics(run.metrics))     # reads in a thread: a sampled curve first, then the exact one
    grid.changed()                               # there may be new lines: read on

All charts look at the same steps: zoom, pan, axis, smoothing and the cursor of one are those of all; the logarithmic
scale is each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
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


class MetricsSource(Protocol):
    """Where curves come from. Called from one thread at a time, which isn't the panel's; `poll` may take long."""

    def poll(self) -> bool:
        """Reads what is new; whether there was anything. A first call may only sample (then `exact` is false)."""

    @property
    def exact(self) -> bool:
        """Whether the series hold all points; if not, `poll` wants to be called again."""

    def names(self) -> list[str]:
        """The metrics that there are."""

    def series(self, name: str) -> SeriesLike:
        """The live line of a metric."""

    def replaced(self, name: str) -> Sequence[SeriesLike]:
        """The branches that later attempts replaced."""


@dataclass
class _Arrival:
    """What the reading thread hands over for one metric."""

    drawn: list[Drawn]
    exact: bool
    model: ChartModel | None


class _Rule(Widget):
    """The line between the big chart and the small ones."""

    DEFAULT_CSS = "_Rule { position: absolute; width: 1; }"

    def render(self) -> Text:
        return Text("\n".join("│" * 1 for _row in range(self.size.height)), theme.style("faint"))


class ChartGrid(Widget):
    """See the module's text. The chart with the focus is in `focused_chart`."""

    DEFAULT_CSS = """
    ChartGrid { width: 1fr; height: 1fr; layers: charts; }
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
        Binding("z", "maximise", show=False, id="maximise_chart"),
    ]

    class Shown(Message):
        """Other metrics are on screen now (`names`), on `page` of `pages`, counted from 0."""

        def __init__(self, names: list[str], page: int, pages: int) -> None:
            super().__init__()
            self.names, self.page, self.pages = names, page, pages

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.names: list[str] = []
        self.page = self.pages = 0
        self.empty_text = ""
        self.tokens_per_step: float | None = None
        self._source: MetricsSource | None = None
        self._lock = Lock()
        self._reading = self._again = False
        self._models: dict[str, ChartModel] = {}
        self._sampled: set[str] = set()
        self._charts: list[Chart] = []
        self._places: list[Place] = []
        self._on_screen: list[str] = []
        self._alone: str | None = None
        self._rule, self._foot = _Rule(), Lines()

    def compose(self) -> ComposeResult:
        yield self._rule
        yield self._foot

    # -- the source

    def set_source(self, source: MetricsSource | None, tokens_per_step: float | None = None) -> None:
        """Shows the metrics of another run, or of none."""
        self._source = source
        self.tokens_per_step = tokens_per_step
        self.names, self._models, self._sampled, self._alone, self.page = [], {}, set(), None, 0
        self._arrange()
        self.changed()

    def changed(self) -> None:
        """There may be something new: it is read in a thread. Cheap to call; calls during a reading become one."""
        if self._source is None or not self.is_attached:
            return
        self._again = True
        if not self._reading:
            self._reading = True
            self.run_worker(self._read, thread=True, group="metrics", exit_on_error=True)

    def _read(self) -> None:
        worker = get_current_worker()
        while self._again and not worker.is_cancelled:
            self._again = False
            source = self._source
            if source is None:
                break
            with self._lock:
                source.poll()
                exact, names = source.exact, ordered(source.names())
                arrivals = {name: self._fetch(source, name, exact) for name in self._visible(names)}
            self._again = self._again or not exact
            if not worker.is_cancelled:
                self.app.call_from_thread(self._arrived, source, names, arrivals)
        self._reading = False

    def _fetch(self, source: MetricsSource, name: str, exact: bool) -> _Arrival:
        live, branches = source.series(name), source.replaced(name)
        drawn = [Drawn(live), *(Drawn(branch, "past") for branch in branches)]
        known = self._models.get(name)
        fresh = None
        if len(live.step) - (known.points if known is not None else 0) > _PREPARE_ASIDE:
            fresh = ChartModel()
            if known is not None:
                fresh.look_like(known)
                fresh.log = known.log
            fresh.tokens_per_step = self.tokens_per_step
            fresh.set_series(drawn)
        return _Arrival(drawn, exact, fresh)

    def _arrived(self, source: MetricsSource, names: list[str], arrivals: dict[str, _Arrival]) -> None:
        if source is not self._source:
            return
        for name, arrival in arrivals.items():
            model = self._model(name)
            if arrival.model is not None:
                arrival.model.look_like(model)
                arrival.model.log = model.log
                self._models[name] = arrival.model
            else:
                model.set_series(arrival.drawn)
            (self._sampled.discard if arrival.exact else self._sampled.add)(name)
        if names != self.names:
            self.names = names
            self._arrange()
        for chart, name in zip(self._charts, self._on_screen, strict=False):
            if name in arrivals:
                chart.set_model(name, self._models[name], name in self._sampled)

    def _model(self, name: str) -> ChartModel:
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = ChartModel()
            model.tokens_per_step = self.tokens_per_step
            other = next((known for known in self._models.values() if known is not model), None)
            if other is not None:
                model.look_like(other)
        return model

    # -- what is where

    def _visible(self, names: list[str]) -> list[str]:
        if self._alone in names:
            return [self._alone] if self._alone is not None else []
        width, height = self.size
        places = arrange(width, height, len(names))
        shown, pages = page_of(names, len(places), self.page) if names else ([], 0)
        if pages > 1:
            places = arrange(width, height - 1, len(names))
            shown, pages = page_of(names, len(places), self.page)
        return shown

    def on_resize(self) -> None:
        self._arrange()

    def on_mount(self) -> None:
        self._arrange()
        self.changed()

    def _arrange(self) -> None:
        """Puts the charts in their places, as many as there is room for."""
        if not self.is_attached or not self.size:
            return
        width, height = self.size
        shown = self._visible(self.names)
        self.pages = 1
        if self._alone is None and len(shown) < len(self.names):
            self.pages = page_of(self.names, len(arrange(width, height - 1, len(self.names))), self.page)[1]
        self.page = min(self.page, self.pages - 1)
        room = height - (1 if self.pages > 1 else 0)
        count = max(len(shown), 1)
        places = (
            [Place(0, 0, width, room)]
            if count == 1
            else arrange(width, room, count if self.pages == 1 else len(self.names))
        )
        self._places = places[:count]
        missing = count - len(self._charts)
        if missing > 0:
            fresh = [Chart() for _number in range(missing)]
            self._charts.extend(fresh)
            self.mount_all(fresh)
        for index, chart in enumerate(self._charts):
            chart.display = index < count
            if index < count:
                place = self._places[index]
                chart.styles.offset = (place.x, place.y)
                chart.styles.width, chart.styles.height = place.width, place.height
        for chart, name in zip(self._charts, shown, strict=False):
            chart.set_model(name, self._model(name), name in self._sampled)
        if not shown:
            self._charts[0].empty_text = self.empty_text or _("waiting for the first logged step")
            self._charts[0].set_model("", ChartModel())
        self._furniture(width, height, room)
        if shown != self._on_screen:
            self._on_screen = shown
            self.post_message(self.Shown(shown, self.page, self.pages))
            if any(self._models[name].empty for name in shown):
                self.changed()

    def _furniture(self, width: int, height: int, room: int) -> None:
        beside = len(self._places) > 1 and self._places[1].x > 0
        self._rule.display = beside
        if beside:
            self._rule.styles.offset = (self._places[1].x - GAP + 1, 0)
            self._rule.styles.height = room
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
        """What one looks at, all look at."""
        for chart, name in zip(self._charts, self._on_screen, strict=False):
            if chart is not message.chart and self._models[name].look_like(message.chart.model):
                chart.update_chart()
        for name, model in self._models.items():
            if name not in self._on_screen:
                model.look_like(message.chart.model)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "turn":
            return self.pages > 1 or self._alone is not None
        if action == "neighbour":
            chart = self.focused_chart
            if chart is None or self._alone is not None:
                return False
            dx, dy = parameters
            assert isinstance(dx, int)
            assert isinstance(dy, int)
            return neighbour(self._places, self._charts.index(chart), dx, dy) is not None or (
                dx > 0 and self.pages > 1
            )
        if action == "maximise":
            return self.focused_chart is not None and (self._alone is not None or len(self.names) > 1)
        return True

    def action_neighbour(self, dx: int, dy: int) -> None:
        chart = self.focused_chart
        if chart is None:
            return
        target = neighbour(self._places, self._charts.index(chart), dx, dy)
        if target is not None:
            self._charts[target].focus()
        elif dx > 0:
            self.action_turn(1)

    def action_turn(self, direction: int) -> None:
        """The next page of metrics; of a maximised chart, the next metric."""
        if self._alone is not None:
            position = self.names.index(self._alone) + direction
            self._alone = self.names[position % len(self.names)]
        else:
            self.page = (self.page + direction) % max(self.pages, 1)
        self._arrange()

    def action_maximise(self) -> None:
        """The focused chart alone (and its pane, where the page knows panes), and back."""
        chart = self.focused_chart
        if chart is None:
            return
        index = self._charts.index(chart)
        if self._alone is None:
            self._alone = self._on_screen[index]
            self._charts[0].focus()
        else:
            back, self._alone = self._alone, None
            self._arrange()
            self._charts[self._on_screen.index(back) if back in self._on_screen else 0].focus()
        self._arrange()
