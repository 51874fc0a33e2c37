"""Makes text from outside (logs, names, paths, processes) safe to put on a terminal."""

from __future__ import annotations

import re

# ESC sequences (CSI, OSC with its terminator, the other string kinds, two-character escapes), in 7 and 8
# bits.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 but tab and newline, DEL, C1, and what changes the direction or order of the text that follows.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]"
)


def clean(text: object, newlines: bool = False) -> str:
    """Outside text that is safe to show: no escape sequence, no control or bidirectional character, tabs as
    spaces."""
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    plain = _CONTROLS.sub("", _ESCAPES.sub("", plain)).replace("\t", "    ")
    plain = plain.encode("utf-8", "replace").decode(
        "utf-8"
    )  # lone surrogates come from undecodable file names
    return plain if newlines else plain.replace("\n", " ")
