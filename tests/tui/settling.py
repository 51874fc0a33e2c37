"""Waiting for a panel to have shown everything that there is."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot


async def settle(pilot: Pilot[Any], rounds: int = 2) -> None:
    """Lets the store look, and everything that follows from it happen."""
    for _round in range(rounds):
        pilot.app.store.poll_once()  # type: ignore[attr-defined]
        await pilot.pause(0.2)  # longer than the cursor needs to count as resting
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def screen_text(app: Any) -> str:
    """What is on the screen, without colours."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()
    )
