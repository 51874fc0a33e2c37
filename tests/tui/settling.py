"""Waiting for a panel to have shown everything that there is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.worker import WorkerCancelled


async def settle(pilot: Pilot[Any], rounds: int = 2) -> None:
    """Lets the store look, and everything that follows from it happen."""
    for _round in range(rounds):
        pilot.app.store.poll_once()  # type: ignore[attr-defined]
        await pilot.pause(0.2)  # longer than the cursor needs to count as resting
        with suppress(WorkerCancelled):  # one that was overtaken by a newer one
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def rest(pilot: Pilot[Any]) -> None:
    """Waits until the screen has stood still for about a second, for pictures: logs and curves are read by
    timers of their own, and a busy machine is late with them."""
    seen: list[str] = []
    for _look in range(60):
        seen.append(screen_text(pilot.app))
        if len(seen) > 4 and len(set(seen[-5:])) == 1:
            return
        await pilot.pause(0.25)
        with suppress(WorkerCancelled):
            await pilot.app.workers.wait_for_complete()
    raise AssertionError("the screen never came to rest")


async def press_character(pilot: Pilot[Any], character: str) -> None:
    """A character as a terminal sends it; `pilot.press` knows only those whose key has its Unicode name."""
    pilot.app.post_message(events.Key(_character_to_key(character), character))
    await pilot.pause()


def screen_text(app: Any) -> str:
    """What is on the screen, without colours."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()
    )
