"""The list of keys that `?` shows."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle
from tui import keymap
from tui.i18n import _
from tui.widgets.lines import Lines


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("page", "size"), [("1", (80, 24)), ("3", (80, 24)), ("1", (60, 20)), ("3", (200, 60))]
)
async def test_no_sentence_is_cut_off(
    panel: Any, sample: Workspace, page: str, size: tuple[int, int], language: str
) -> None:
    app = panel(sample, language=language)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press(page)
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        lines = app.screen.query(Lines).first()
        assert [line for other in app.screen.query(Lines) if other is not lines for line in other.lines] == []
        room = lines.parent.scrollable_content_region.width
        assert max(line.cell_len for line in lines.lines) <= room
        words = "".join(lines.plain().split())
        for name in (*type(app.page).ACTIONS, *type(app.page).GLOBAL):
            assert "".join(_(keymap.KEYMAP[name].help).split()) in words


async def test_the_digits_of_the_pages_are_all_there(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 60)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert "1–6 9     Runs" in screen_text(app)
