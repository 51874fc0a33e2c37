"""Caches that libraries use: on a machine without network they must be there, and filled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime.doctor.check import Check, Surroundings
from runtime.messages import N_, Message

_YES = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads its switches
_OTHERS = (
    ("TORCH_HOME", "torch", ".cache/torch"),
    ("TRITON_CACHE_DIR", "triton", ".triton/cache"),
    ("TORCHINDUCTOR_CACHE_DIR", "inductor", ""),
)


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Hugging Face's hub and data sets, whether they stay offline, and the compilers' caches."""
    environment = surroundings.environment
    home = Path(environment.get("HOME") or "~").expanduser()
    hub = hub_directory(environment, home)
    yield _directory("hf_cache", Message(N_("Hugging Face")), hub, _hub_variable(environment))
    yield offline_check(environment, hub)
    for variable, name, default in _OTHERS:
        value = environment.get(variable)
        if value:
            yield _directory(name, Message(N_("{name}"), {"name": name}), Path(value), variable)
        elif default:
            parent = _existing(home / default)
            if not os.access(parent, os.W_OK | os.X_OK):
                yield _directory(name, Message(N_("{name}"), {"name": name}), home / default, variable)


def hub_directory(environment: Mapping[str, str], home: Path) -> Path:
    """Where huggingface_hub keeps models: HF_HUB_CACHE, else HF_HOME/hub, else under XDG_CACHE_HOME."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(name):
            return Path(environment[name]).expanduser()
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"]).expanduser() / "hub"
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else home / ".cache") / "huggingface" / "hub"


def _hub_variable(environment: Mapping[str, str]) -> str:
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME")
    return next((name for name in names if environment.get(name)), "HF_HOME")


def _directory(name: str, title: Message, path: Path, variable: str) -> Check:
    """A cache directory: writable, or makeable where it isn't there yet."""
    values = {"path": path, "variable": variable}
    data = {"path": str(path), "exists": path.is_dir()}
    if path.exists() and not path.is_dir():
        message = Message(N_("{path} is no directory"), values)
        return Check(
            name, title, "fail", message, Message(N_("let {variable} name a directory"), values), data
        )
    if not os.access(_existing(path), os.W_OK | os.X_OK):
        message = Message(N_("{path} can't be written"), values)
        fix = Message(N_("let {variable} name a directory of your own"), values)
        return Check(name, title, "warn", message, fix, data)
    if not path.exists():
        message = Message(N_("{path} isn't there yet; it is made when it is needed"), values)
        return Check(name, title, "ok", message, data=data)
    return Check(name, title, "ok", Message(N_("{path} can be written"), values), data=data)


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above that is there."""
    return next((each for each in (path, *path.parents) if each.exists()), path)


def offline_check(environment: Mapping[str, str], hub: Path) -> Check:
    """Whether libraries are told to stay offline, and what they then find."""
    title = Message(N_("offline"))
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
    switched = [name for name in names if environment.get(name, "").upper() in _YES]
    models = _models(hub)
    data = {"switches": switched, "models": models}
    if switched and not models:
        values = {"switches": ", ".join(switched), "path": hub}
        message = Message(N_("{switches} is set, but no model lies in {path}"), values)
        fix = Message(N_("copy a filled cache there, or name models by their directory"))
        return Check("offline", title, "warn", message, fix, data)
    if switched:
        values = {"switches": ", ".join(switched), "count": models}
        return Check(
            "offline", title, "ok", Message(N_("{switches} is set; {count} models here"), values), data=data
        )
    message = Message(N_("libraries may ask the network; HF_HUB_OFFLINE=1 keeps them from it"))
    return Check("offline", title, "ok", message, data=data)


def _models(hub: Path) -> int:
    try:
        return sum(1 for entry in os.scandir(hub) if entry.name.startswith("models--"))
    except OSError:
        return 0
