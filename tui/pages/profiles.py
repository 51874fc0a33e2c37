"""2 Profiles: what can be launched, each as it is written, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.worker import get_current_worker

from tui import theme
from tui.clean import clean
from tui.i18n import _
from tui.pages.filtered import FilteredPage
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.profile_files import copy_profile
from tui.widgets.profile_list import (
    Listing,
    ProfileDetail,
    group,
    list_profiles,
    read_profile,
    signature,
    taken,
)
from tui.widgets.profile_source import ProfileSource
from tui.widgets.profile_summary import about_lines, profile_columns, profile_row
from tui.widgets.profile_views import ProfileViews
from tui.widgets.table import Table

if TYPE_CHECKING:
    from runtime.profile import ProfileEntry

_LOOK_SECONDS = 3


class ProfilesPage(FilteredPage):
    """`app.show_page("profiles", profile=name)` selects one by name."""

    NAME = "profiles"
    ACTIONS = ("preflight", "edit", "duplicate", "validate", "filter")
    DEFAULT_CSS = """
    ProfilesPage #list { width: 46; }
    ProfilesPage #shown { padding-left: 1; }
    ProfilesPage #about { height: auto; max-height: 50%; padding: 0 1; margin-top: 1; }
    ProfilesPage #empty { padding: 1 3; display: none; height: 1fr; }
    ProfilesPage.-empty #panes { display: none; }
    ProfilesPage.-empty #empty { display: block; }
    ProfilesPage.-wide #list { width: 84; }
    ProfilesPage.-narrow #panes { layout: vertical; }
    ProfilesPage.-narrow #list { width: 100%; height: 9; }
    ProfilesPage.-narrow #shown { padding-left: 0; margin-top: 1; }
    ProfilesPage.-narrow.-viewing #list { display: none; }
    ProfilesPage.-narrow.-viewing #shown { margin-top: 0; }
    ProfilesPage.-viewing.-narrow #about { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._listing: Listing | None = None
        self._details: dict[Path, ProfileDetail] = {}
        self._wanted: str | None = None
        self._shown: Path | None = None
        self._announce = False
        self._pressed: tuple[Path | None, str] | None = None  # a key that waits for what is being read
        self._ticks = 0

    def body(self) -> ComposeResult:
        yield from self.filter_widgets(_("words of a profile's name, job or description"))
        with Horizontal(id="panes"):
            yield Pane(_("Profiles"), Table(id="profiles"), id="list")
            with Pane("", id="shown"):
                yield ProfileViews(ProfileSource(id="source"), id="three")
                with VerticalScroll(id="about", can_focus=False):
                    yield Lines(id="lines")
        yield Lines(id="empty")

    def arrive(self, profile: str | None = None, **arguments: object) -> None:
        if profile is not None:
            self._wanted = profile

    # -- reading

    def refresh_page(self) -> None:
        self._shown = None
        self._show()
        self._read()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _LOOK_SECONDS == 0:
            self._read(only_if_changed=True)

    def _read(self, only_if_changed: bool = False) -> None:
        """Lists the profiles anew, in a thread."""
        workspace, before = self.headnode.workspace, self._listing

        def work() -> None:
            if only_if_changed and before is not None and signature(workspace) == before.signature:
                return
            listing = list_profiles(workspace)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._listed, listing)

        self.run_worker(work, thread=True, exclusive=True, group="list")

    def _listed(self, listing: Listing) -> None:
        first, self._listing, self._shown = self._listing is None, listing, None
        self._details.clear()
        if self.is_mounted and self.query("#profiles"):
            self._show()
        if first and self._pressed is not None and self.selected is not None:
            self._pressed = (self.selected.path, self._pressed[1])
        self._wanted = None  # what isn't among the profiles now won't come

    def _read_selected(self) -> None:
        """Reads the selected profile in a thread, where that hasn't been done."""
        entry, workspace = self.selected, self.headnode.workspace
        if entry is None or entry.path in self._details:
            return
        path = entry.path

        def work() -> None:
            detail = read_profile(path, workspace)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._has_read, detail)

        self.run_worker(work, thread=True, exclusive=True, group="read")

    def _has_read(self, detail: ProfileDetail) -> None:
        self._details[detail.path] = detail
        if not self.is_mounted or not self.query("#profiles"):
            return
        self._show_selected()
        if self._announce:
            self._announce = False
            if not detail.problems:
                self.headnode.say(_("{name} is valid").format(name=clean(detail.path.stem)))
            else:
                self.headnode.bell()
        if self._pressed is not None and self._pressed[0] == detail.path:
            action, self._pressed = self._pressed[1], None
            if self.selected is not None and self.selected.path == detail.path and self.can(action):
                getattr(self, f"action_{action}")()

    def _must_wait(self, action: str) -> bool:
        """Whether the selected profile is still being read; the key is answered when it has been."""
        entry = self.selected
        if self._listing is not None and (entry is None or entry.path in self._details):
            return False
        self._pressed = (entry.path if entry is not None else None, action)
        return True

    # -- what is shown

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 100, "-narrow")
        self.set_class(event.size.width >= 180, "-wide")
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if not self.is_mounted or not self.query("#profiles") or self._listing is None:
            return
        table = self.query_one("#profiles", Table)
        layout = profile_columns(table.size.width)
        table.set_columns(layout)
        entries = [entry for entry in self._listing.entries if not self.words or self._matches(entry)]
        table.set_rows([profile_row(entry, layout) for entry in entries])
        narrow = self.has_class("-narrow")
        self.query_one("#list").styles.height = min(9, max(3, len(entries) + 2)) if narrow else "1fr"
        if self._wanted is not None:
            found = [entry for entry in entries if self._wanted in (entry.name, entry.path.stem)]
            if found:
                self._wanted = None
                table.cursor = str(found[0].path)
        self.set_class(not entries, "-empty")
        if not entries:
            self._show_empty()
        self._show_selected()

    def _matches(self, entry: ProfileEntry) -> bool:
        text = f"{entry.name} {entry.path.stem} {entry.job} {entry.description}".lower()
        return all(word in text for word in self.words.lower().split())

    def _show_empty(self) -> None:
        accent, muted = theme.style("accent"), theme.style("muted")
        if self.words:
            lines = self.no_match(_("No profile matches “{words}”."))
        else:
            where = clean(self.headnode.workspace.profiles)
            lines = [
                Text(_("No profiles here."), theme.style("bold text")),
                Text(),
                Text(
                    _("headnode init copies the ones that come with Headnode to {path}").format(path=where),
                    muted,
                ),
                Text.assemble(("1", accent), ("  " + _("goes back to the runs"), muted)),
            ]
        self.query_one("#empty", Lines).show(lines)

    def _show_selected(self) -> None:
        entry = self.selected
        if entry is None:
            self.refresh_footer()
            return
        detail = self._details.get(entry.path)
        if detail is None:
            self._read_selected()
            return
        pane, source = self.query_one("#shown", Pane), self.query_one(ProfileSource)
        origin = _("comes with Headnode") if entry.shipped else _("of this workspace")
        pane.set_title(f"{group(entry.path)}/{clean(entry.path.name)}".lstrip("/"), origin)
        source.show(detail.text or "", detail.marked, anew=self._shown != entry.path)
        self.query_one(ProfileViews).show(detail.model)
        self._shown = entry.path
        width = max(20, pane.size.width - 4)
        self.query_one("#lines", Lines).show(about_lines(detail, width))
        self.refresh_footer()

    # -- what can be done

    @property
    def selected(self) -> ProfileEntry | None:
        """The profile under the cursor."""
        cursor = (
            self.query_one("#profiles", Table).cursor if self.is_mounted and self.query("#profiles") else None
        )
        entries = self._listing.entries if self._listing is not None else ()
        return next((entry for entry in entries if str(entry.path) == cursor), None)

    @property
    def detail(self) -> ProfileDetail | None:
        """What is known of the selected profile so far."""
        return self._details.get(self.selected.path) if self.selected is not None else None

    def can(self, action: str) -> bool:
        if action == "filter":
            return self._listing is not None and bool(self._listing.entries)
        detail = self.detail
        if detail is None:  # being read: nobody who types fast loses a key
            return self.selected is not None or self._listing is None
        if action == "preflight":
            return detail.profile is not None
        if action in {"edit", "duplicate"}:
            return detail.text is not None
        return True

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        if message.table.id != "profiles":
            return
        if self._pressed is not None and (self.selected is None or self.selected.path != self._pressed[0]):
            self._pressed = None
        self._show_selected()

    def on_table_activated(self) -> None:
        if self.can("preflight"):
            self.action_preflight()

    def action_preflight(self) -> None:
        from tui.pages.preflight import PreflightPage

        if not self._must_wait("preflight") and self.selected is not None:
            self.headnode.open_page(PreflightPage(self.selected.path))

    def action_edit(self) -> None:
        entry, detail = self.selected, self.detail
        if self._must_wait("edit") or entry is None or detail is None or detail.text is None:
            return
        if entry.shipped:
            self._duplicate(
                _("It comes with Headnode and stays as it is; a copy of it can be edited."), then_edit=True
            )
        else:
            self._open_editor(entry.path, detail.text)

    def _open_editor(self, path: Path, text: str) -> None:
        from tui.pages.profile_editor import ProfileEditorPage

        self.headnode.open_page(ProfileEditorPage(path, text, self.query_one(ProfileViews).view))

    def action_duplicate(self) -> None:
        if not self._must_wait("duplicate"):
            self._duplicate(None, then_edit=False)

    def _duplicate(self, why: str | None, then_edit: bool) -> None:
        from tui.dialogs.duplicate import DuplicateDialog

        entry, detail, listing = self.selected, self.detail, self._listing
        if entry is None or detail is None or detail.text is None or listing is None:
            return
        directory = self.headnode.workspace.profiles / group(entry.path)
        text = detail.text

        def is_taken(name: str) -> bool:
            return taken(name, directory, listing.entries)

        def named(name: str | None) -> None:
            if name is not None:
                self._copy(text, directory / f"{name}.yaml", then_edit)

        stem = entry.path.stem.lower()
        suggestions = [f"{stem}-copy", *(f"{stem}-copy-{number}" for number in range(2, 100))]
        suggestion = next((name for name in suggestions if not is_taken(name)), "")
        self.app.push_screen(DuplicateDialog(clean(entry.name), suggestion, directory, is_taken, why), named)

    def _copy(self, text: str, target: Path, then_edit: bool) -> None:
        try:
            copy_profile(text, target)
        except OSError as error:
            self.headnode.complain(error)
            return
        self._wanted = target.stem
        self.drop_filter()
        self._read()
        if then_edit:
            self._open_editor(target, target.read_text(encoding="utf-8"))
        else:
            self.headnode.say(_("{name} is there; e edits it").format(name=target.stem))

    def action_validate(self) -> None:
        if self._listing is None:
            self._must_wait("validate")
        elif self.selected is not None:
            self._announce = True
            self._shown = None
            self._details.pop(self.selected.path, None)
            self._read_selected()

    def filter_changed(self) -> None:
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_pane":  # also where a view has the whole of a narrow screen
            return self.selected is not None
        return super().check_action(action, parameters)

    def action_next_pane(self) -> None:
        """From the list through the three views of the profile, and back to the list."""
        views = self.query_one(ProfileViews)
        order = list(views.NAMES)
        if not self._viewing:
            self._view(order[0])
        elif views.view == order[-1]:
            self._leave_views()
        else:
            self._view(order[order.index(views.view) + 1])
        self.refresh_footer()

    @property
    def _viewing(self) -> bool:
        """Whether the keys go to the views of the profile; on a narrow screen they then have all of it."""
        return self.has_class("-viewing")

    def _view(self, name: str) -> None:
        views = self.query_one(ProfileViews)
        self.add_class("-viewing")
        views.go(name)
        views.shown.focus()

    def _leave_views(self) -> None:
        self.remove_class("-viewing")
        self.query_one("#profiles").focus()

    def has_more_to_close(self) -> bool:
        return self._viewing or super().has_more_to_close()

    def close_one(self) -> None:
        if self._viewing:
            self._leave_views()
        else:
            super().close_one()

    def copy_text(self) -> str | None:
        if isinstance(self.focused, ProfileSource):
            return self.focused.copy_text()
        return str(self.selected.path) if self.selected is not None else None
