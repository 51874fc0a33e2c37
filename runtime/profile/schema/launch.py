"""`launch`, `command` and `plan`: where and how processes run, somebody's own program, and what to reckon
with."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from runtime.messages import N_
from runtime.profile.schema.base import (
    Count,
    Listed,
    NonNegative,
    Positive,
    Section,
    Text,
    Violation,
    available_later,
    enforce,
    violation,
)
from runtime.profile.schema.gpus import AUTO as AUTO_GPUS
from runtime.profile.schema.gpus import Gpus, count

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_NAME = re.compile(
    r"(^|_)(API_?KEYS?|(ACCESS|SECRET|PRIVATE)_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE
)
RESERVED_NAMES = frozenset(
    [
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "NODE_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "CUDA_VISIBLE_DEVICES",
    ]
)
"""Set for each process by the agent."""


def _environment_name(name: str) -> str:
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise PydanticCustomError("environment_name", "not a name of an environment variable")
    return name


EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]


def _or_auto(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """`auto`, or what the type itself says; so an error is about the key, as a union's is not."""
    return value if value == AUTO else handler(value)


AUTO: Any = "auto"
Limit = Annotated[Seconds, WrapValidator(_or_auto), PlainSerializer(lambda value: value)] | None
"""Seconds, `auto`, or None for no limit."""


class Hang(Section):
    """How long a phase may go on without a step forward, in seconds; None means without limit.

    `auto`: learned from the run itself. Until a phase has been seen import 600, load 3600, compile 1800,
    step 600, evaluate 1800, checkpoint 900, finish 600; then 10 × the longest seen, for steps at least 120,
    for evaluations and saves at least 300.
    """

    import_: Limit = Field(AUTO, alias="import")
    load: Limit = Field(AUTO)
    compile: Limit = Field(AUTO)
    step: Limit = Field(AUTO)
    evaluate: Limit = Field(AUTO)
    checkpoint: Limit = Field(AUTO)
    finish: Limit = Field(AUTO)

    def limit(self, phase: str) -> float | Literal["auto"] | None:
        """The limit of the phase as heartbeats name it (`import`, `load`, …), in seconds, or `auto`; None for
        an unknown one."""
        value = getattr(self, "import_" if phase == "import" else phase, None)
        return value if isinstance(value, float | int) or value == "auto" else None


class Launch(Section):
    """Where and how the processes run.

    `gpus`: how many (2), which by number or UUID ([0, 3]), or `auto`: for each of `processes` the one with
    the most free memory; 0 for none. The run waits in the machine's queue until it has them to itself.
    Without it each process gets one where there are any; a job of kind prepare none. `slots`: how many CPU
    slots a run without a GPU takes (default: one for each training process, none for prepare and command).
    `priority`: larger goes first in the queue. `processes` default to one for each of `gpus`, else 1.
    `restart_delay`, `stop_grace` and `kill_grace` in seconds. After a failure the next attempt waits
    `restart_delay`, and `restart_backoff` times as long after each further one without progress in between,
    at most `restart_delay_max`. `secrets` are names of environment variables that are passed through; their
    values are never written."""

    engine: Annotated[Literal["local"], available_later("ssh", "slurm")] = "local"
    processes: Annotated[int, Field(ge=1, le=1024)] = 1
    device: Annotated[Literal["auto", "cpu", "cuda"], available_later("rocm", "mps", "xpu", "tpu")] = "auto"
    gpus: Gpus = None
    slots: Annotated[int, Field(ge=0, le=4096)] | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    max_restarts: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    restart_delay: Annotated[float, Field(ge=0, le=31_536_000)] = 1.0
    restart_backoff: Annotated[float, Field(ge=1, le=1000)] = 2.0
    restart_delay_max: Annotated[float, Field(ge=0, le=31_536_000)] = 300.0
    stop_grace: Seconds = 60.0
    kill_grace: Seconds = 10.0
    hang: Hang = Hang.model_validate({})
    env: dict[EnvironmentName, Annotated[str, Field(max_length=131_072)]] = Field(default_factory=dict)
    secrets: Annotated[tuple[EnvironmentName, ...], Listed] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_process_a_gpu(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("processes") is not None:
            return data
        if data.get("gpus") == AUTO_GPUS:
            enforce([violation("gpus", N_("auto needs launch.processes: as many GPUs are taken"))])
        gpus = count(data.get("gpus"))
        return {**data, "processes": gpus} if gpus and gpus > 0 else data

    @model_validator(mode="after")
    def _check_rules(self) -> Launch:
        enforce([*self._gpu_rules(), *self._environment_rules()])
        return self

    def _gpu_rules(self) -> list[Violation]:
        if self.gpus is None:
            return []
        if self.device == "cpu" and self.gpus != 0:
            message = N_("the device is cpu; remove gpus, or set device to cuda")
            return [violation("gpus", message, "device")]
        if self.device == "cuda" and self.gpus == 0:
            message = N_("0 is no GPU at all, and the device is cuda; set device to cpu")
            return [violation("gpus", message, "device")]
        return []

    def _environment_rules(self) -> list[Violation]:
        found = []
        for name in self.env:
            if name in RESERVED_NAMES or name.startswith("HEADNODE_"):
                found.append(violation(f"env.{name}", N_("is set by Headnode for each process; remove it")))
            elif _SECRET_NAME.search(name):
                found.append(
                    violation(
                        f"env.{name}",
                        N_("looks like a secret, and would be written to disk; name it under launch.secrets"),
                    )
                )
            elif name in self.secrets:
                found.append(
                    violation(f"env.{name}", N_("is under launch.secrets too; remove one of the two"))
                )
        for index, name in enumerate(self.secrets):
            if name in RESERVED_NAMES or name.startswith("HEADNODE_"):
                found.append(
                    violation(f"secrets.{index}", N_("is set by Headnode for each process; remove it"))
                )
        return found


class Command(Section):
    """Somebody's own program. `argv` is run as it stands, without a shell, in `directory` (None: the
    workspace)."""

    argv: Annotated[
        tuple[Annotated[str, Field(max_length=131_072)], ...], Listed, Field(min_length=1, max_length=4096)
    ]
    directory: Text | None = None
    steps: Count | None = None

    @model_validator(mode="after")
    def _check_rules(self) -> Command:
        if not self.argv[0].strip():
            enforce([violation("argv.0", N_("the program's name is empty"))])
        return self


class Plan(Section):
    """What `headnode plan` reckons with.

    `device`: a name such as h100 (None: unknown). `devices`: how many (None: the world size). `mfu`: the
    share of the peak that training reaches. `peak_tflops`: the peak of a device that isn't listed, in 10^12
    FLOP/s. Price for one device-hour, in `currency`.
    """

    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")] | None = None
    devices: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    mfu: Annotated[float, Field(gt=0, le=1)] = 0.40
    peak_tflops: Positive | None = None
    price_per_device_hour: NonNegative | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
