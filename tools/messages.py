"""Keeps the catalogues of translations: what the code says, what is translated, and the compiled form.

    python tools/messages.py update     gathers the texts of tui/ and runtime/ into the .po files, and
    compiles them
    python tools/messages.py compile    only compiles
    python tools/messages.py check      says what is missing or stale; exit code 1 if anything is

A text is gathered from calls of `_`, `N_`, `ngettext`, `pgettext` and from the first argument of `Message`
and of the errors that are
`HeadnodeError`s, always as a plain string: an f-string can't be translated and is reported.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("tui", "runtime")
LOCALES = ROOT / "tui" / "locale"
_TEMPLATES = {"Message", "HeadnodeError", "UsageError"}
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # a date of its own would make every update a change
_HEADER = "# Headnode's texts. `make messages` gathers them; translate here.\n#"
_PLACEHOLDER = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(frozen=True)
class Text:
    """A text of the code: `id` is a pair where there is a plural; `where` is `file:line`."""

    id: str | tuple[str, str]
    context: str | None
    path: str
    line: int


def texts() -> tuple[list[Text], list[str]]:
    """All texts, and complaints about what can't be translated."""
    found: list[Text] = []
    complaints: list[str] = []
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), name)):
                if isinstance(node, ast.Call):
                    _gather(node, name, found, complaints)
    return found, complaints


def _gather(call: ast.Call, path: str, found: list[Text], complaints: list[str]) -> None:
    function = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    arguments = call.args
    if function in {"_", "N_"} and arguments:
        text = _constant(arguments[0])
        if text:
            found.append(Text(text, None, path, call.lineno))
        elif isinstance(arguments[0], ast.JoinedStr):
            complaints.append(f"{path}:{call.lineno}: an f-string can't be translated")
    elif function == "ngettext" and len(arguments) == 3:
        singular, plural = _constant(arguments[0]), _constant(arguments[1])
        if singular and plural:
            found.append(Text((singular, plural), None, path, call.lineno))
    elif function == "pgettext" and len(arguments) == 2:
        context, text = _constant(arguments[0]), _constant(arguments[1])
        if context and text:
            found.append(Text(text, context, path, call.lineno))
    elif function in _TEMPLATES and arguments and (text := _constant(arguments[0])):
        found.append(Text(text, None, path, call.lineno))


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def po_files() -> Iterator[Path]:
    """The catalogue of each language."""
    yield from sorted(LOCALES.glob("*/LC_MESSAGES/headnode.po"))


def load(path: Path) -> Catalog:
    """A catalogue as it is on disk; an empty one for a language that has none yet."""
    language = path.parent.parent.name
    if not path.exists():
        return Catalog(locale=language, project="headnode")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(catalog: Catalog) -> Catalog:
    """The catalogue with exactly the texts of the code; what it has translated is kept."""
    fresh = Catalog(
        locale=catalog.locale,
        header_comment=_HEADER,
        project="headnode",
        version="",
        creation_date=_EPOCH,
        revision_date=_EPOCH,
        last_translator="",
        language_team="",
        msgid_bugs_address="",
        fuzzy=False,
        charset="utf-8",
    )
    for text in texts()[0]:
        known = catalog.get(text.id, text.context)
        message = fresh.add(text.id, locations=[(text.path, 0)], context=text.context)
        if known is not None and known.string:
            message.string, message.flags = _fitting(known.string, message), known.flags | message.flags
    return fresh


def _fitting(string: str | tuple[str, ...], message: Message) -> str | tuple[str, ...]:
    """A translation as the text needs it now that it has got a plural, or lost it."""
    if not message.pluralizable:
        return string if isinstance(string, str) else string[0]
    return (string,) if isinstance(string, str) else string


def compiled(catalog: Catalog) -> bytes:
    """The bytes of the .mo file."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """What is missing, fuzzy, or has other placeholders than the English text."""
    problems = []
    for message in catalog:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.fuzzy or not all(strings):
            problems.append(f"not translated: {ids[0]!r}")
            continue
        allowed = {name for text in ids for name in _PLACEHOLDER.findall(text)}
        for string in strings:
            if extra := set(_PLACEHOLDER.findall(string)) - allowed:
                problems.append(f"unknown placeholder {sorted(extra)} in {string!r}")
            missing = set(_PLACEHOLDER.findall(ids[-1])) - set(_PLACEHOLDER.findall(string))
            if missing:
                problems.append(f"lost placeholder {sorted(missing)} in {string!r}")
    return problems


def update() -> None:
    """Writes .po and .mo of each language."""
    for path in po_files():
        catalog = updated(load(path))
        with path.open("wb") as file:
            write_po(file, catalog, width=100, sort_output=True, omit_header=False, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(load(path)))
        print(f"{path.relative_to(ROOT)}: {len(catalog)} texts, {len(untranslated(catalog))} to do")


def compile_all() -> None:
    """Writes the .mo of each language."""
    for path in po_files():
        path.with_suffix(".mo").write_bytes(compiled(load(path)))


def check() -> list[str]:
    """Everything that keeps the catalogues from being complete and current."""
    found, problems = texts()
    wanted = {(text.id, text.context) for text in found}
    for path in po_files():
        catalog = load(path)
        language = path.parent.parent.name
        have = {(_key(message.id), message.context) for message in catalog if message.id}
        problems += [
            f"{language}: not in the catalogue: {text!r}" for text, _context in sorted(wanted - have, key=str)
        ]
        problems += [
            f"{language}: no longer in the code: {text!r}"
            for text, _context in sorted(have - wanted, key=str)
        ]
        problems += [f"{language}: {problem}" for problem in untranslated(catalog)]
        if path.with_suffix(".mo").read_bytes() != compiled(catalog):
            problems.append(f"{language}: the .mo file is stale")
    return problems


def _key(message_id: str | list[str] | tuple[str, ...]) -> str | tuple[str, ...]:
    return message_id if isinstance(message_id, str) else tuple(message_id)


def main(arguments: list[str]) -> int:
    """The exit code."""
    match arguments:
        case ["update"]:
            update()
        case ["compile"]:
            compile_all()
        case ["check"]:
            problems = check()
            print("\n".join(problems) or "complete")
            return 1 if problems else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
