"""The panel starts without what it doesn't need yet."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ["torch", "transformers", "pydantic", "yaml", "ruamel", "numpy", "psutil", "watchdog", "pynvml"]


def _loaded(module: str) -> set[str]:
    names = "sorted({name.split('.')[0] for name in sys.modules})"
    code = f"import json, sys, {module}; print(json.dumps({names}))"
    return set(
        json.loads(
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
        )
    )


def test_the_panel_loads_nothing_heavy_before_its_first_paint() -> None:
    assert not _loaded("tui.app") & set(HEAVY)


def test_no_page_of_the_panel_loads_torch() -> None:
    pages = ("run", "runs", "logs", "profiles", "checkpoints", "preflight")
    assert not _loaded(", ".join(f"tui.pages.{page}" for page in pages)) & {"torch", "transformers"}
