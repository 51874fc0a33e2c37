"""Where the charts of a grid stand, and in which order metrics come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAIN = "train/loss"
_SECTIONS = ("train", "optim", "throughput", "memory", "eval")
_ONE_COLUMN = 100
_THREE_COLUMNS = 160
_ROWS = 7
"""Rows of a small chart: a title, four rows of plot, the axis and its labels."""
_NARROWEST = 24
GAP = 3


@dataclass(frozen=True)
class Place:
    """A chart's rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


def ordered(names: Iterable[str]) -> list[str]:
    """The metrics by section, `train/loss` (or else the first loss, or the first of all) in front."""
    known = list(dict.fromkeys(names))

    def section(name: str) -> tuple[int, str]:
        prefix = name.partition("/")[0]
        return (_SECTIONS.index(prefix), "") if prefix in _SECTIONS else (len(_SECTIONS), prefix)

    known.sort(key=section)
    first = next(
        (name for name in (MAIN, *known) if name in known and (name == MAIN or name.endswith("loss"))), None
    )
    if first is not None:
        known.remove(first)
        known.insert(0, first)
    return known


def arrange(width: int, height: int, count: int) -> list[Place]:
    """Rectangles for at most `count` charts, the big one first; fewer where there is no room."""
    if count < 1 or width < 1 or height < 1:
        return []
    small = count - 1
    if small == 0 or (width < _ONE_COLUMN and height < 2 * _ROWS) or height < _ROWS - 2:
        return [Place(0, 0, width, height)]
    if width < _ONE_COLUMN:
        below = min(small, max(1, (height - 2 * _ROWS) // (_ROWS + 1) + 1))
        return _stacked(width, height, below)
    columns = min(3 if width >= _THREE_COLUMNS else 2, small)
    rows = max(1, min(height // _ROWS, -(-small // columns)))
    columns = min(columns, -(-small // rows))
    main = width // 2 if columns < 3 else width * 2 // 5
    each = (width - main) // columns - GAP
    if each < _NARROWEST:
        return [Place(0, 0, width, height)]
    main = width - columns * (each + GAP)
    places = [Place(0, 0, main, height)]
    for index in range(min(small, rows * columns)):
        row, column = divmod(index, columns)
        top, bottom = height * row // rows, height * (row + 1) // rows
        spare = 1 if row + 1 < rows and bottom - top > _ROWS else 0
        places.append(Place(main + GAP + column * (each + GAP), top, each, bottom - top - spare))
    return places


def _stacked(width: int, height: int, below: int) -> list[Place]:
    each = min(_ROWS + 2, (height - _ROWS) // below - 1) if below else 0
    main = height - below * (each + 1)
    places = [Place(0, 0, width, main)]
    places += [Place(0, main + 1 + index * (each + 1), width, each) for index in range(below)]
    return places


def page_of(names: Sequence[str], slots: int, page: int) -> tuple[list[str], int]:
    """The metrics on a page (the first stays on every page), and how many pages there are."""
    if slots >= len(names) or slots <= 1:
        return list(names[: max(slots, 0)]) if slots != 1 else [
            names[page % len(names)]
        ], 1 if slots != 1 else len(names)
    room = slots - 1
    pages = -(-(len(names) - 1) // room)
    start = 1 + min(max(page, 0), pages - 1) * room
    return [names[0], *names[start : start + room]], pages


def neighbour(places: Sequence[Place], index: int, dx: int, dy: int) -> int | None:
    """The chart next to `index` in a direction: the nearest one on that side, with the least sideways
    distance.
    """
    here = places[index]
    best: tuple[float, int] | None = None
    for other, place in enumerate(places):
        if other == index:
            continue
        if dx:
            ahead = place.x - here.x if dx > 0 else here.x - place.x
            aside = (
                max(place.y - (here.y + here.height), here.y - (place.y + place.height), 0) * 4
                + abs(place.y - here.y) * 0.1
            )
        else:
            ahead = place.y - here.y if dy > 0 else here.y - place.y
            aside = (
                max(place.x - (here.x + here.width), here.x - (place.x + place.width), 0) * 4
                + abs(place.x - here.x) * 0.1
            )
        if ahead <= 0 or (aside >= 4 and dx):
            continue
        if best is None or ahead + aside < best[0]:
            best = (ahead + aside, other)
    return None if best is None else best[1]
