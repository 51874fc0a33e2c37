"""The panel over SSH and a slow link, by keys alone: how long each key takes to be answered, and how many
bytes it costs.

    python benchmarks/ssh_link.py [--round-trip 0.2] [--presses 40] [--language en] [--size 80x24] [--json]

A real openssh server on loopback; the delay is made by a proxy (tests/tui/ssh_link.py says what that leaves
out). *Bytes*
are those that the server sends, encrypted, in the time from the key until a second after its answer. The time
of an
answer holds one round trip: what the panel itself needs is the rest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.tui.sample_workspace import PLANS, live, make_workspace  # noqa: E402
from tests.tui.ssh_link import SlowLink  # noqa: E402
from tests.tui.terminal import Terminal  # noqa: E402

LIVE = next(plan for plan in PLANS if plan.suffix == "9c1e")
OPEN = """
import sys
from pathlib import Path
from runtime.run.workspace import Workspace
from tui.app import HeadnodeApp
from tui.store.services import Services
HeadnodeApp(Workspace(Path(sys.argv[1])), language=sys.argv[2], services=Services(adopt=lambda workspace:
[])).run()
"""  # as benchmarks/panel.py: the sample's runs have no processes that could be adopted
TABS = "Doctor|体检"
"""In the line of tabs, which comes anew with every page and at no other time."""
JOURNEY: tuple[tuple[str, str, str], ...] = (
    ("2 Profiles", "2", TABS),
    ("3 GPUs", "3", TABS),
    ("4 Checkpoints", "4", TABS),
    ("5 Compare", "5", TABS),
    ("6 Logs", "6", TABS),
    ("9 Doctor", "9", TABS),
    ("1 Runs", "1", TABS),
    ("enter a run", "\r", "‹"),
    ("esc back to Runs", "\x1b", TABS),
    ("? help", "?", "╭"),
    ("esc closes it", "\x1b", TABS),
)


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="headnode-ssh-") as directory:
        home = Path(directory)
        workspace = make_workspace(home / "train", time.time())
        run = next(run for run in workspace.runs() if run.run_id.endswith(LIVE.suffix))
        threading.Thread(target=live, args=(workspace, run, LIVE), daemon=True).start()
        command = [sys.executable, "-c", OPEN, str(workspace.root), options.language]
        environment = {"PYTHONPATH": str(ROOT), "HOME": str(home), "LANG": "C"}
        columns, _x, rows = options.size.partition("x")
        with SlowLink(home, options.round_trip) as link:
            begin = time.perf_counter()
            with link.open(command, environment, (int(columns), int(rows))) as terminal:
                terminal.read_until(lambda output: b"probe-e0e0" in output, 60)
                result = {
                    "round_trip": options.round_trip,
                    "size": options.size,
                    "language": options.language,
                }
                result["login_to_first_screen_seconds"] = round(time.perf_counter() - begin, 2)
                _collect(terminal, 3.0)
                result["journey"] = [_step(link, terminal, *step) for step in JOURNEY]
                result["cursor"] = _moves(terminal, options.presses)
                result["idle_kilobytes_per_second"] = _idle(link, terminal, 10.0)
                terminal.press("q")
                _collect(terminal, 1.0)
    print(json.dumps(result) if options.json else _text(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--round-trip", type=float, default=0.2, help="seconds")
    parser.add_argument("--presses", type=int, default=40, help="of the cursor keys")
    parser.add_argument("--language", default="en")
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _step(link: SlowLink, terminal: Terminal, what: str, key: str, sign: str) -> dict[str, Any]:
    """One key, and the answer that has one of the signs in it."""
    before, bytes_before = len(terminal.output), link.received
    terminal.press(key)
    signs = [part.encode() for part in sign.split("|")]
    seconds = terminal.read_until(lambda output: any(part in output[before:] for part in signs), 30)
    _collect(terminal, 1.0)
    return {"what": what, "seconds": round(seconds, 3), "bytes": link.received - bytes_before}


def _moves(terminal: Terminal, presses: int) -> dict[str, float]:
    """The cursor down and up again: until the row with the mark has come."""
    times = []
    for number in range(presses):
        _collect(terminal, 0.3)
        before = len(terminal.output)
        terminal.press("j" if number % 8 < 4 else "k")
        times.append(terminal.read_until(lambda output, b=before: "▸".encode() in output[b:], 30))
    times.sort()
    return {
        "presses": presses,
        "median_seconds": round(statistics.median(times), 3),
        "p95_seconds": round(times[int(len(times) * 0.95) - 1], 3),
    }


def _idle(link: SlowLink, terminal: Terminal, seconds: float) -> float:
    before = link.received
    _collect(terminal, seconds)
    return round((link.received - before) / seconds / 1000, 2)


def _collect(terminal: Terminal, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        terminal.read(left)
        time.sleep(min(left, 0.005))


def _text(result: dict[str, Any]) -> str:
    lines = [
        f"round trip {result['round_trip'] * 1000:.0f} ms (a delaying proxy), "
        f"{result['size']}, {result['language']}",
        f"login to the first screen   {result['login_to_first_screen_seconds']:.2f} s",
    ]
    lines += [
        f"{step['what']:<28}{step['seconds']:.3f} s  {step['bytes']:>7,} bytes" for step in result["journey"]
    ]
    cursor = result["cursor"]
    lines.append(
        f"cursor, {cursor['presses']} presses         median {cursor['median_seconds']:.3f} s, "
        f"p95 {cursor['p95_seconds']:.3f} s"
    )
    lines.append(f"idle beside a live run      {result['idle_kilobytes_per_second']:.2f} kB/s")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
