"""The words by which programs tell why they end: torch, NCCL, gloo, CUDA, Python, shells, as they print
them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.launch.diagnosis.numbers import device_numbers, host_bytes


@dataclass(frozen=True)
class Rule:
    """What a text says about an end: its cause, the numbers in it, and whether it follows from another
    rank's."""

    cause: str
    pattern: re.Pattern[str]
    detail: Callable[[str], dict[str, Any]] = lambda text: {}
    consequence: bool = False


def _rule(
    cause: str, pattern: str, detail: Callable[[str], dict[str, Any]] | None = None, **more: bool
) -> Rule:
    return Rule(cause, re.compile(pattern, re.MULTILINE), detail or (lambda text: {}), **more)


def _device(text: str) -> dict[str, Any]:
    return {"oom": device_numbers(text)}


def _host(text: str) -> dict[str, Any]:
    wanted = host_bytes(text)
    return {"oom": {"wanted": wanted}} if wanted else {}


def _module(text: str) -> dict[str, Any]:
    match = re.search(r"No module named '?([\w.]+)'?", text)
    return {"module": match[1]} if match else {}


def peer_of(text: str) -> dict[str, Any]:
    match = re.search(r"Rank (\d+) failed to pass monitoredBarrier", text) or re.search(
        r"(?:R|r)ank (\d+) .*(?:timed out|did not)", text
    )
    operation = re.search(r"OpType=(\w+)", text)
    waited = re.search(
        r"ran for (\d+) milliseconds|Timed out waiting (\d+)ms|in (\d+) ms$", text, re.MULTILINE
    )
    milliseconds = next((int(group) for group in waited.groups() if group), None) if waited else None
    return {
        **({"peer": int(match[1])} if match else {}),
        **({"operation": operation[1]} if operation else {}),
        **({"waited": milliseconds / 1000} if milliseconds is not None else {}),
    }


def _port(text: str) -> dict[str, Any]:
    match = re.search(r"port: (\d+)|[:\]](\d{2,5})\b", text)
    return {"port": int(match[1] or match[2])} if match else {}


def _library(text: str) -> dict[str, Any]:
    match = re.search(r"(lib[\w.+-]+\.so[\w.]*)|undefined symbol: (\S+)", text)
    return {"library": match[1] or match[2]} if match else {}


ERRORS: tuple[Rule, ...] = (
    _rule(
        "device_memory",
        r"(?:^|\.)OutOfMemoryError: (?:CUDA|HIP|XPU|MPS) ?out of memory|(?:CUDA|HIP) out of memory\.",
        _device,
    ),
    _rule(
        "device_memory",
        r"CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|"
        r"RESOURCE_EXHAUSTED: Out of memory|MPS backend out of memory|ncclUnhandledCudaError.*out of memory",
        _device,
    ),
    _rule(
        "memory_limit",
        r"(?:^|\.)_?(?:Array)?MemoryError\b|DefaultCPUAllocator: (?:can't allocate|not enough) memory|"
        r"\[Errno 12\]|Cannot allocate memory|std::bad_alloc|^memory allocation of \d+ bytes failed",
        _host,
    ),
    _rule("disk_full", r"\[Errno 28\]|\[Errno 122\]|os error 28|No space left on device|Disk quota exceeded"),
    _rule("too_many_files", r"\[Errno 24\]|Too many open files"),
    _rule("missing_module", r"ModuleNotFoundError: No module named", _module),
    _rule(
        "cuda_mismatch",
        r"NVIDIA driver on your system is too old|CUDA driver version is insufficient|no kernel image is "
        r"available for execution|Found no NVIDIA driver|Torch not compiled with CUDA enabled|"
        r"forward compatibility was attempted on non supported HW|unsupported display driver|"
        r"PTX was compiled with an unsupported toolchain",
    ),
    _rule("no_device", r"no CUDA-capable device is detected|No CUDA GPUs are available"),
    _rule(
        "import_error",
        r"^(?:[\w.]+\.)?ImportError: |undefined symbol: |cannot open shared object file",
        _library,
    ),
    _rule("syntax_error", r"^(?:Syntax|Indentation|Tab)Error: "),
    _rule(
        "device_lost",
        r"uncorrectable (?:NVLink|ECC) error|GPU is lost|fallen off the bus|CUDA error: unknown error",
    ),
    _rule("device_assert", r"device-side assert triggered"),
    _rule("device_busy", r"CUDA-capable device\(s\) is/are busy|all CUDA-capable devices are busy"),
    _rule(
        "communication_timeout",
        r"Watchdog caught collective operation timeout|failed to pass monitoredBarrier|"
        r"gloo/.*Timed out waiting \d+ms for (?:recv|send) operation|"
        r"Some NCCL operations have failed or timed out",
        peer_of,
    ),
    _rule(
        "rendezvous_timeout",
        r"seconds waiting for clients|client socket has timed out|wait timeout after \d+ms|"
        r"RendezvousTimeoutError|connectFullMesh failed",
        peer_of,
    ),
    _rule("port_in_use", r"EADDRINUSE|\[Errno 98\]|[Aa]ddress already in use", _port),
    _rule(
        "connection_lost",
        r"gloo/.*(?:Connection closed by peer|Connection reset by peer|Broken pipe|Socket closed|Read error)|"
        r"remote process exited or there was a network error|ncclRemoteError|NCCL communicator was aborted|"
        r"Application timeout caused pair closure|recvValue(?:WithTimeout)? failed|"
        r"failed to recv, got 0 bytes",
        consequence=True,
    ),
    _rule("cuda_error", r"CUDA error: |CUBLAS_STATUS_|CUDNN_STATUS_|cuDNN error|NCCL error"),
    _rule(
        "shared_memory",
        r"insufficient shared memory|is killed by signal: Bus error|unable to (?:mmap|open shared memory)",
    ),
    _rule(
        "worker_killed",
        r"DataLoader worker \(pid\(?s?\)? [\d, ]+\) is killed by signal: (?:Killed|Terminated)",
    ),
    _rule("non_finite", r"^(?:[\w.]+\.)?(?:NonFinite\w*|FloatingPointError)\b|returned nan values in its"),
)
"""By the text of a Python error, `Type: message`; the first that fits."""

OTHER_LINES: tuple[Rule, ...] = (
    _rule("syntax_error", r"^(?:Syntax|Indentation|Tab)Error: "),
    _rule(
        "missing_program",
        r": (?:command not found|not found|No such file or directory)$|can't open file",
    ),
    _rule(
        "bad_arguments",
        r"^\S+: error: (?:unrecognized arguments|argument |the following arguments are required|"
        r"ambiguous option)",
    ),
    _rule("device_memory", r"CUDA out of memory\. Tried to allocate", _device),
    _rule("non_finite", r"^Loss is (?:nan|inf|-inf), stopping training", None),
    _rule(
        "disk_full",
        r"(?:write error|cannot create|failed to write|write failed).*: "
        r"(?:No space left on device|Disk quota exceeded)|"
        r"\bOSError: \[Errno 28\]",
    ),
    _rule("shared_memory", r"Unexpected bus error encountered in worker"),
)
"""By a line near the end of a log without a traceback: shells and argparse, programs that say why they
leave."""
