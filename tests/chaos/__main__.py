"""`make chaos`: every kind of fault, several times at drawn moments, alone and ten runs at once; a report."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.chaos.experiment import Fault, Outcome, perform
from tests.chaos.faults import FAULTS, PRIVILEGED, missing_privilege
from tests.chaos.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each kind is thrown (3)")
    parser.add_argument("--at-once", type=int, default=10, help="runs at once in the mixed rounds (10)")
    parser.add_argument("--seed", type=int, default=0, help="what the moments are drawn from (0)")
    parser.add_argument("--only", default="", help="only kinds whose name contains this")
    parser.add_argument("--report", type=Path, help="write every outcome here, as JSON")
    options = parser.parse_args()
    kinds = [fault for fault in FAULTS if options.only in fault.name]
    for fault in PRIVILEGED:
        if options.only in fault.name:
            why = missing_privilege(fault)
            print(f"left out: {fault.name}: {why}") if why else kinds.append(fault)
    if not kinds:
        parser.error(f"no kind that can be thrown here has {options.only!r} in its name")
    with tempfile.TemporaryDirectory(prefix="headnode-chaos-") as place:
        isolate(Path(place))
        world = World.make(Path(place))
        try:
            outcomes = list(_told(_all(world, kinds, options)))
        finally:
            world.close()
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return report(outcomes)


def isolate(root: Path) -> None:
    """Caches, states, settings and leases of our own for everything that is started from here."""
    for name in ("CACHE", "STATE", "CONFIG"):
        os.environ[f"XDG_{name}_HOME"] = str(root / name.lower())
    os.environ["HEADNODE_LEASES"] = str(root / "leases")
    settings = root / "settings.toml"
    settings.write_text("[machine]\ncpu_slots = 64\n")  # at once is at once, however few cores there are
    os.environ["HEADNODE_SETTINGS"] = str(settings)
    os.environ.pop("HEADNODE_SIMULATE_GPUS", None)
    os.environ.pop("HEADNODE_FAULT", None)


def _all(world: World, kinds: list[Fault], options: argparse.Namespace) -> Iterator[Outcome]:
    draw = random.Random(options.seed)
    for _ in range(options.rounds):
        for fault in kinds:
            yield perform(fault, world, draw.randrange(1 << 30))
        if options.at_once > 1:
            yield from at_once(world, [draw.choice(kinds) for _ in range(options.at_once)], draw)


def at_once(world: World, faults: list[Fault], draw: random.Random) -> list[Outcome]:
    """Throws each of the faults at a run of its own, all at the same time."""
    seeds = [draw.randrange(1 << 30) for _ in faults]
    with ThreadPoolExecutor(len(faults)) as pool:
        return list(pool.map(perform, faults, [world] * len(faults), seeds))


def _told(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        names = ", ".join(f"{reason}/{cause or '-'}" for reason, cause in outcome.truths) or "no trouble"
        verdict = "survived" if outcome.survived else "NOT SURVIVED: " + "; ".join(outcome.wrong)
        wrongly = f"  WRONGLY NAMED {list(outcome.misnamed)}" if outcome.misnamed else ""
        print(f"{outcome.fault:32} {outcome.seconds:6.1f} s  {verdict}  ({names}){wrongly}", flush=True)
        yield outcome


def report(outcomes: list[Outcome]) -> int:
    """Prints the counts; 0 if everything was survived and rightly named."""
    injected = sum(outcome.injected for outcome in outcomes)
    survived = sum(outcome.survived for outcome in outcomes)
    misnamed = sum(len(outcome.misnamed) for outcome in outcomes)
    named = sum(len(outcome.truths) for outcome in outcomes)
    print(
        f"\n{len(outcomes)} runs, {injected} faults injected, {survived} runs survived, "
        f"{named} troubles named, {misnamed} of them wrongly"
    )
    return 0 if survived == len(outcomes) and not misnamed else 1


if __name__ == "__main__":
    sys.exit(main())
