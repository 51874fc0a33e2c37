"""Why accelerators can't be read, as a sentence with the fix in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.messages import N_, Message

_SENTENCES = {
    "no_card": N_("no NVIDIA device in this machine"),
    "no_device": N_(
        "the NVIDIA driver shows no device here: in a container, start it with --gpus all; else look into "
        "dmesg for NVRM"
    ),
    "no_driver": N_(
        "an NVIDIA device is there, but no driver: install the NVIDIA driver and reboot, or in a container, "
        "start it with --gpus all"
    ),
    "not_loaded": N_("the NVIDIA driver is installed but not loaded: sudo modprobe nvidia, or reboot"),
    "version_mismatch": N_(
        "the NVIDIA driver was updated, and the old one is still loaded: reboot, or reload the nvidia "
        "modules while nothing uses a GPU"
    ),
    "no_permission": N_(
        "no permission to read the NVIDIA devices: ask for read and write access to /dev/nvidia*"
    ),
    "no_module": N_("the Python module pynvml is missing: pip install nvidia-ml-py"),
    "wrong_module": N_(
        "the module pynvml is not NVIDIA's nvidia-ml-py (it lacks {detail}): pip uninstall pynvml, "
        "then pip install --force-reinstall nvidia-ml-py"
    ),
    "all_lost": N_("every NVIDIA device has stopped answering: look into dmesg for Xid, then reboot"),
    "no_answer": N_("the NVIDIA driver doesn't answer: run nvidia-smi; where that hangs too, reboot"),
    "crashed": N_("reading the NVIDIA devices crashed, so it was given up: run nvidia-smi, then start again"),
    "no_script": N_("HEADNODE_SIMULATE_GPUS: {detail}"),
    "other": N_("the NVIDIA driver says: {detail}"),
}

# nvmlReturn_t, from nvml.h, where the error belongs to the whole machine
_BY_CODE = {
    4: "no_permission",
    9: "not_loaded",
    12: "no_driver",
    15: "all_lost",
    18: "version_mismatch",
}


@dataclass(frozen=True)
class Problem:
    """`code` is a key of the sentences above; `detail` the driver's own words."""

    code: str
    detail: str = ""

    @property
    def message(self) -> Message:
        """The sentence for a person."""
        return Message(_SENTENCES[self.code], {"detail": self.detail})

    def __str__(self) -> str:
        return str(self.message)

    @property
    def quiet(self) -> bool:
        """Whether nothing is wrong: there simply is no such device."""
        return self.code == "no_card"

    def to_json(self) -> dict[str, str]:
        """The keys of a telemetry line."""
        return {"gpu_problem": str(self), "gpu_problem_code": self.code, "gpu_problem_detail": self.detail}


def problem_from_json(line: Mapping[str, Any]) -> Problem | None:
    """The problem that a telemetry line tells of; a code of a newer version keeps its sentence."""
    sentence, code = line.get("gpu_problem"), line.get("gpu_problem_code")
    if not isinstance(sentence, str):
        return None
    if not isinstance(code, str) or code not in _SENTENCES:
        return Problem("other", sentence)
    return Problem(code, str(line.get("gpu_problem_detail") or ""))


def problem_of_code(code: int, detail: str, card: bool) -> Problem:
    """From NVML's return code; `card`: whether the machine has an NVIDIA device at all."""
    name = _BY_CODE.get(code, "other")
    if name in ("no_driver", "not_loaded") and not card:
        name = "no_card"
    return Problem(name, detail)
