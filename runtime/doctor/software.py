"""Libraries: torch and what it was built for, the driver, NCCL, and the packages beside them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

from runtime.doctor.check import Check, Surroundings
from runtime.doctor.drivers import driver_version, minimum_driver, numbers
from runtime.doctor.torch_child import REPORT, ChildFailed, ask
from runtime.messages import N_, Message
from runtime.telemetry.cards import nvidia_cards

_PACKAGES = ("transformers", "tokenizers", "safetensors")


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Packages, driver, torch, their match, NCCL."""
    yield _packages()
    driver = driver_version(surroundings.root)
    cards = nvidia_cards(surroundings.root / "sys/bus/pci/devices")
    try:
        report = ask(REPORT)
    except ChildFailed as failure:
        report = {"error": str(failure)}
    yield from torch_checks(report, driver, cards)


def _packages() -> Check:
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    missing = [name for name, version in versions.items() if version is None]
    title = Message(N_("packages"))
    if missing:
        names = {"names": " ".join(missing)}
        fix = Message(N_("pip install {names}, in the environment that headnode runs in"), names)
        return Check("packages", title, "fail", Message(N_("{names} not installed"), names), fix, versions)
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Check("packages", title, "ok", Message(N_("{versions}"), {"versions": listed}), data=versions)


def torch_checks(report: dict[str, Any], driver: str | None, cards: int) -> Iterator[Check]:
    """What follows from torch's own report (see `runtime.jobs.torch_report`), the driver that is loaded, and
    the number of NVIDIA devices on the bus."""
    title = Message(N_("torch"))
    if report.get("error"):
        fix = Message(
            N_("pip install torch, in the environment that headnode runs in, or repair what the error names")
        )
        message = Message(N_("it can't be imported: {error}"), {"error": report["error"]})
        yield Check("torch", title, "fail", message, fix, report)
        return
    built = report.get("cuda") or (f"ROCm {report['hip']}" if report.get("hip") else None)
    values = {"version": report.get("version"), "built": f"CUDA {built}" if report.get("cuda") else built}
    if built is None:
        message = Message(N_("{version}, built for the CPU only"), values)
        if cards:
            fix = Message(N_("the machine has an NVIDIA device: install a build of torch for CUDA"))
            yield Check("torch", title, "fail", message, fix, report)
        else:
            yield Check("torch", title, "ok", message, data=report)
        return
    yield Check("torch", title, "ok", Message(N_("{version}, built for {built}"), values), data=report)
    if report.get("cuda"):
        yield _match(report, driver, cards)
        yield from _kernels(report)
        yield _nccl(report)


def _match(report: dict[str, Any], driver: str | None, cards: int) -> Check:
    title, cuda = Message(N_("driver")), str(report["cuda"])
    needed = minimum_driver(cuda)
    values = {"driver": driver, "cuda": cuda, "needed": needed}
    data = {"driver": driver, "cuda": cuda, "minimum_driver": needed}
    if driver is None:
        if not cards:
            message = Message(N_("no NVIDIA driver, and no device that needs one"))
            return Check("driver", title, "ok", message, data=data)
        fix = Message(N_("install an NVIDIA driver, {needed} or newer, and reboot"), values)
        return Check("driver", title, "fail", Message(N_("no NVIDIA driver is loaded")), fix, data)
    if needed is not None and numbers(driver) < numbers(needed):
        message = Message(N_("{driver} is too old for CUDA {cuda}, which needs {needed}"), values)
        fix = Message(N_("update the driver, or install a build of torch for an older CUDA"))
        return Check("driver", title, "fail", message, fix, data)
    if not report.get("available"):
        reason = {"driver": driver, "reason": report.get("unavailable") or "?"}
        message = Message(N_("{driver} is loaded, but torch can't use it: {reason}"), reason)
        fix = Message(N_("run nvidia-smi; in a container, start it with --gpus all"))
        return Check("driver", title, "fail", message, fix, data)
    message = Message(
        N_("{driver}; CUDA {cuda} needs {needed} or newer"), {**values, "needed": needed or "?"}
    )
    return Check("driver", title, "ok", message, data=data)


def _kernels(report: dict[str, Any]) -> Iterator[Check]:
    """Whether the build has kernels for these devices: without, the first one fails at run time."""
    built = set(report.get("architectures") or ())
    if not built:
        return
    for device in report.get("devices") or ():
        major, minor = device["capability"]
        exact = {f"sm_{major}{minor}", f"sm_{major}{minor}a"}
        # Binary code runs on later devices of the same major version, PTX (compute_…) on all later ones.
        same = {f"sm_{major}{lower}" for lower in range(minor)}
        ptx = {name for name in built if name.startswith("compute_")}
        if not built & (exact | same) and not any(numbers(name)[0] <= major * 10 + minor for name in ptx):
            values = {"name": device["name"], "capability": f"{major}.{minor}"}
            message = Message(N_("torch has no code for {name} (compute capability {capability})"), values)
            fix = Message(N_("install a build of torch that supports it"))
            yield Check("kernels", Message(N_("kernels")), "fail", message, fix, dict(device))
            return


def _nccl(report: dict[str, Any]) -> Check:
    title, version = Message(N_("NCCL")), report.get("nccl")
    if not version:
        message = Message(N_("this build of torch has none: several GPUs can't work together"))
        fix = Message(N_("install a build of torch with NCCL (the ones for Linux and CUDA have it)"))
        return Check("nccl", title, "warn", message, fix)
    text = ".".join(map(str, version)) if isinstance(version, list) else str(version)
    return Check("nccl", title, "ok", Message(N_("{version}"), {"version": text}), data={"version": text})
