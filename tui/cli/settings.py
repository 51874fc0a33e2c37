"""`settings`: where a person's settings are, what holds, and where each value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from runtime.settings import Settings, load_settings, settings_path
from tui.cli.parser import Parser, add_common
from tui.cli.table import Column, Table
from tui.i18n import _

if TYPE_CHECKING:
    from pathlib import Path

    from tui.cli.context import Context


def settings_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Shows which settings hold for you in every workspace, and where each came from. They stand in "
            "one TOML file that only you write; nothing in it is needed."
        ),
        [
            ("headnode settings", _("the file, and what holds")),
            ("headnode settings --init", _("write the file, with every setting explained and none changed")),
            ("headnode settings --keys", _("every action of the panel with its keys, to give it others")),
        ],
        _(
            "HEADNODE_SETTINGS names another file. A theme or language chosen in the panel goes before the "
            "file's."
        ),
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--init", action="store_true", help=_("write a file that explains every setting"))
    choice.add_argument("--keys", action="store_true", help=_("list the actions of the panel and their keys"))
    add_common(parser, json=_("print an object: path, exists, values; with --keys an array: action, keys, …"))


def settings(context: Context) -> int:
    if context.options.init:
        return _init(context, settings_path())
    held = load_settings()
    if held.keys:
        from tui.key_settings import keys_of

        keys_of(held)  # refuses what clashes
    if context.options.keys:
        _show_keys(context, held)
    else:
        _show_values(context, held)
    return 0


def _init(context: Context, path: Path) -> int:
    from tui.cli.settings_template import template

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise UsageError(
            N_("{path} is there already; headnode settings shows what holds"), path=str(path)
        ) from None
    context.out.line(_("Wrote {path}; take away a # to change something").format(path=path))
    return 0


def _show_values(context: Context, held: Settings) -> None:
    rows = list(_values(held))
    exists = held.path is not None and held.path.exists()
    if context.options.json:
        values = {name: {"value": value, "from": source} for name, value, source in rows}
        context.out.json({"schema": 1, "path": str(held.path), "exists": exists, "values": values})
        return
    note = "" if exists else "  " + _("(not there: headnode settings --init writes it)")
    context.out.line((str(held.path), "strong"), (note, "dim"))
    context.out.line()
    table = Table([Column(_("SETTING")), Column(_("VALUE"), shrinks=True), Column(_("FROM"))])
    for name, value, source in rows:
        table.add(name, _shown(value), (_source(source), "dim"))
    table.show(context.out)


def _values(held: Settings) -> list[tuple[str, Any, str]]:
    """Name, value, and where it is from: `file:line`, `panel` (chosen there), `terminal` or `default`."""
    from tui import i18n, preferences
    from tui.store.memory import Memory

    memory, place = Memory(), held.path
    rows: list[tuple[str, Any, str]] = []

    def add(name: str, value: Any) -> None:
        line = held.origins.get(name)
        source = (
            f"{place.name}:{line}" if line and place else (str(place) if name in held.origins else "default")
        )
        if name in ("panel.theme", "panel.language"):
            key = name.partition(".")[2]
            if (chosen := preferences.chosen(memory, key, held)) != value:
                value, source = chosen, "panel"
        rows.append((name, value, source))

    add("panel.theme", held.panel.theme)
    add("panel.language", held.panel.language)
    if rows[0][1] is None:
        seen = preferences.background()
        rows[0] = ("panel.theme", seen or "dark", "terminal" if seen else "default")
    if rows[1][1] is None:
        rows[1] = ("panel.language", i18n.choose(), "terminal")
    for name in ("mouse", "bell", "read_only"):
        add(f"panel.{name}", getattr(held.panel, name))
    for action, keys in held.keys.items():
        add(f"keys.{action}", list(keys))
    add("machine.cpu_slots", held.machine.cpu_slots)
    directory = held.machine.lease_directory
    add("machine.lease_directory", None if directory is None else str(directory))
    for number, entry in enumerate(held.notify):
        where = entry.url_env or entry.url_file or " ".join(entry.argv)
        rows.append(
            (
                f"notify.{number}",
                f"{entry.kind} ({where}): {', '.join(entry.on)}",
                place.name if place else "",
            )
        )
    return rows


def _shown(value: object) -> str:
    if value is None:
        return _("found by itself")
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _source(source: str) -> str:
    named = {"default": _("default"), "panel": _("chosen in the panel"), "terminal": _("the terminal")}
    return named.get(source, source)


def _show_keys(context: Context, held: Settings) -> None:
    from tui import keymap
    from tui.key_settings import keys_of

    keymap.use(keys_of(held))
    rows = [
        (name, [keymap.key_name(key) for key in keymap.keys(name)], _(action.group), _(action.help))
        for name, action in keymap.KEYMAP.items()
    ]
    if context.options.json:
        context.out.json(
            [{"action": name, "keys": keys, "default": name not in held.keys} for name, keys, _g, _h in rows]
        )
        return
    table = Table([Column(_("ACTION")), Column(_("KEYS")), Column(_("MEANING"), shrinks=True)])
    for name, keys, _group, sentence in rows:
        table.add(name, (" ".join(keys), "accent"), sentence)
    table.show(context.out)
