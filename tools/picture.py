"""Takes a picture of the panel for the documentation: a page of a real run, as SVG.

    python tools/picture.py RUN OUT.svg [--workspace DIR] [--lang zh] [--size 120x36] [--keys m,m]

RUN is opened as `headnode` would; `--keys` are pressed before the picture is taken (Textual's names).
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from runtime.run.workspace import find_workspace
from tui.app import HeadnodeApp


async def take(
    workspace: Path | None, run: str, language: str, size: tuple[int, int], keys: list[str]
) -> str:
    """Opens the panel without a terminal on the run's page; what it shows, as SVG."""
    found = find_workspace(workspace)
    app = HeadnodeApp(found, open_run=found.resolve(run).run_id, language=language)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(4.0)  # the curve is read in a thread, the machine is sampled by a process
        for key in keys:
            await pilot.press(key)
        await pilot.pause(1.0)
        return app.export_screenshot(title="headnode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--lang", default="en")
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--keys", default="")
    given = parser.parse_args()
    columns, rows = (int(number) for number in given.size.split("x"))
    keys = [key for key in given.keys.split(",") if key]
    picture = asyncio.run(take(given.workspace, given.run, given.lang, (columns, rows), keys))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
