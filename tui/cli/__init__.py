"""The command line: every verb of the panel without the screen.

`headnode VERB …` imports the module of that verb and what it needs, nothing else: `headnode ls` loads
neither the panel nor the schema of profiles. Exit codes: 0 done, 1 failed, 2 usage or bad profile, 3
stopped.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; `argv` is without the program's name."""
    import sys

    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["__complete"]:  # the shell, at each tab: not even what the verbs have in common
        from tui.cli.completing import complete

        print(*complete(arguments[1:]), sep="\n")
        return 0
    from tui.cli.entry import run

    return run(arguments)
