"""The numbers that an out-of-memory message gives."""

from __future__ import annotations

import re
from typing import Any

_UNITS = {
    "bytes": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "G": 1 << 30,
    "M": 1 << 20,
}
_SIZE = r"([\d.]+) (bytes|KiB|MiB|GiB|TiB)"

_DEVICE = {
    "wanted": re.compile(rf"Tried to allocate {_SIZE}"),
    "capacity": re.compile(rf"has a total capacity of {_SIZE}|; {_SIZE} total capacity"),
    "free": re.compile(rf"of which {_SIZE} is free|already allocated; {_SIZE} free"),
    "in_use": re.compile(rf"this process has {_SIZE} memory in use"),
    "allocated": re.compile(
        rf"Of the allocated memory {_SIZE} is allocated|capacity; {_SIZE} already allocated"
    ),
    "unallocated": re.compile(rf"and {_SIZE} is reserved by PyTorch but unallocated"),
}
"""Of torch's own message (c10/cuda/CUDACachingAllocator.cpp), of this version and of 1.x."""

_OTHERS = re.compile(rf"Process (\d+) has {_SIZE} memory in use")
_DEVICE_NUMBER = re.compile(r"GPU (\d+)")
_HOST = re.compile(
    r"you tried to allocate (\d+) bytes|Unable to allocate ([\d.]+)\.? ?(KiB|MiB|GiB|TiB|bytes) for"
)
_WATCHDOG = re.compile(r"last enqueued work: (-?\d+), last completed work: (-?\d+)")


def device_numbers(text: str) -> dict[str, Any]:
    """Bytes by name (wanted, capacity, free, in_use, allocated, unallocated), the device's index, and what
    other
    processes hold."""
    found: dict[str, Any] = {}
    for name, pattern in _DEVICE.items():
        match = pattern.search(text)
        if match is not None:
            amount, unit = next(
                (match[index], match[index + 1]) for index in range(1, match.re.groups, 2) if match[index]
            )
            found[name] = _bytes(amount, unit)
    index = _DEVICE_NUMBER.search(text)
    if index is not None:
        found["device"] = int(index[1])
    others = [{"pid": int(pid), "bytes": _bytes(amount, unit)} for pid, amount, unit in _OTHERS.findall(text)]
    if others:
        found["others"] = others
    return found


def host_bytes(text: str) -> int | None:
    """What a refused allocation wanted, in bytes."""
    match = _HOST.search(text)
    if match is None:
        return None
    return int(match[1]) if match[1] else _bytes(match[2], match[3])


def enqueued_work(text: str) -> int | None:
    """The sequence number of the last collective that a rank's NCCL watchdog knew of."""
    found = _WATCHDOG.findall(text)
    return int(found[-1][0]) if found else None


def _bytes(amount: str, unit: str) -> int:
    try:
        return int(float(amount.rstrip(".")) * _UNITS[unit])
    except ValueError:
        return 0
