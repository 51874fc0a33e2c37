"""The list of keys that `?` shows."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.run.workspace import Workspace
from tests.tui.settling import settle
from tui import keymap
from tui.i18n import _
from tui.widgets.lines import Lines


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60)])
async def test_no_sentence_is_cut_off(
    panel: Any, sample: Workspace, size: tuple[int, int], language: str
) -> None:
    app = panel(sample, language=language)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        lines = app.screen.query_one(Lines)
        room = lines.parent.scrollable_content_region.width
        assert max(line.cell_len for line in lines.lines) <= room
        words = "".join(lines.plain().split())
        for name in (*type(app.page).ACTIONS, *type(app.page).GLOBAL):
            assert "".join(_(keymap.KEYMAP[name].help).split()) in words
