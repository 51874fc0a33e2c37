"""Finding what ended runs have left on the machine, and ending it after asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui import describe
from tui.clean import clean
from tui.dialogs.confirm import ConfirmDialog
from tui.format import size
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.launch.leftovers import Leftover
    from tui.pages.page import Page

_SHOWN = 8


def clean_up(page: Page) -> None:
    """Looks in a thread, then asks, then ends what was confirmed, in a thread again."""

    def look() -> None:
        from runtime.launch.leftovers import find

        try:
            found = find()
        except OSError as error:
            page.app.call_from_thread(_failed, page, error)
        else:
            page.app.call_from_thread(_ask, page, found)

    page.run_worker(look, thread=True, group="leftovers", exclusive=True)


def _failed(page: Page, error: OSError) -> None:
    page.notify(clean(error.strerror or str(error)), severity="error", markup=False)


def _ask(page: Page, found: Sequence[Leftover]) -> None:
    if not found:
        page.headnode.say(_("No ended run has left a process behind"))
        return
    count = len(found)
    question = ngettext("End {count} process of ended runs?", "End {count} processes of ended runs?", count)
    facts = [_fact(leftover) for leftover in found[:_SHOWN]]
    if count > _SHOWN:
        facts.append(_("and {count} more").format(count=count - _SHOWN))

    def answered(yes: bool | None) -> None:
        if yes:
            _end(page, found)

    page.app.push_screen(ConfirmDialog(question.format(count=count), facts, _("end them")), answered)


def _fact(leftover: Leftover) -> str:
    memory = f"  {size(leftover.memory)}" if leftover.memory else ""
    text = _("pid {pid} of {user}, left by {run}")
    run = describe.short_id(leftover.run_id)
    return text.format(pid=leftover.identity.pid, user=clean(leftover.user), run=run) + memory


def _end(page: Page, found: Sequence[Leftover]) -> None:
    def work() -> None:
        from runtime.launch.leftovers import clean as end

        left = end(found)
        page.app.call_from_thread(_ended, page, len(found), len(left))

    page.run_worker(work, thread=True, group="leftovers", exclusive=True)


def _ended(page: Page, count: int, left: int) -> None:
    if left:
        text = ngettext("{count} process can't be ended", "{count} processes can't be ended", left)
        page.notify(text.format(count=left), severity="error", markup=False)
    else:
        page.headnode.say(
            ngettext("{count} process ended", "{count} processes ended", count).format(count=count)
        )
