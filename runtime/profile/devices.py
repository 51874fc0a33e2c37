"""Peak throughput and memory of accelerators, for planning. Dense figures of the makers' data sheets, without
sparsity."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30
TERA = 10**12


@dataclass(frozen=True)
class Device:
    """An accelerator: `bf16` and `float32` in FLOP/s (float32 without TF32, which is off unless asked for),
    `memory` in bytes."""

    name: str
    bf16: float
    float32: float
    memory: int

    def peak(self, precision: str) -> float:
        """FLOP/s at a profile's `train.precision`."""
        return self.bf16 if precision == "bf16" else self.float32


def _device(name: str, bf16: float, float32: float, gib: int) -> Device:
    return Device(name, bf16 * TERA, float32 * TERA, gib * GIB)


DEVICES = {
    device.name: device
    for device in (
        _device("a10", 125.0, 31.2, 24),
        _device("a100", 312.0, 19.5, 80),
        _device("a100-40gb", 312.0, 19.5, 40),
        _device("a40", 149.7, 37.4, 48),
        _device("a6000", 154.8, 38.7, 48),
        _device("b200", 2250.0, 75.0, 180),
        _device("h100", 989.4, 67.0, 80),
        _device("h100-pcie", 756.0, 51.0, 80),
        _device("h200", 989.4, 67.0, 141),
        _device("h800", 989.4, 67.0, 80),
        _device("h20", 148.0, 44.0, 96),
        _device("l4", 121.0, 30.3, 24),
        _device("l40s", 362.0, 91.6, 48),
        _device("mi250x", 383.0, 47.9, 128),
        _device("mi300x", 1307.4, 163.4, 192),
        _device("rtx-3090", 71.0, 35.6, 24),
        _device("rtx-4090", 165.2, 82.6, 24),
        _device("rtx-5090", 209.5, 104.8, 32),
        _device("rtx-6000-ada", 364.2, 91.1, 48),
    )
}


def find_device(name: str | None) -> Device | None:
    """The device called so (`h100`, `H100`, `RTX 4090`, `nvidia-h100`), or None where it isn't known."""
    if name is None:
        return None
    key = name.strip().lower().replace(" ", "-").replace("_", "-")
    return DEVICES.get(key.removeprefix("nvidia-").removeprefix("amd-").removeprefix("geforce-"))
