"""What to do: the schema of a profile, loading it, and what it will cost.

Importing the package costs nothing: pydantic and the YAML parser are loaded when something of it is first
used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.profile.batch import Geometry, geometry, total_steps, world_size
    from runtime.profile.errors import Problem, ProfileError
    from runtime.profile.estimates import Estimate, estimate
    from runtime.profile.files import check_files
    from runtime.profile.loading import (
        ProfileEntry,
        apply_overrides,
        find_profiles,
        load,
        loads,
        parents,
        read_frozen,
        source_of,
    )
    from runtime.profile.schema import Profile
    from runtime.profile.writing import dump

_HOMES = {
    "Estimate": "estimates",
    "estimate": "estimates",
    "check_files": "files",
    "Geometry": "batch",
    "geometry": "batch",
    "total_steps": "batch",
    "world_size": "batch",
    "Problem": "errors",
    "ProfileError": "errors",
    "ProfileEntry": "loading",
    "apply_overrides": "loading",
    "find_profiles": "loading",
    "load": "loading",
    "loads": "loading",
    "parents": "loading",
    "read_frozen": "loading",
    "source_of": "loading",
    "Profile": "schema",
    "dump": "writing",
}

__all__ = [
    "Estimate",
    "Geometry",
    "Problem",
    "Profile",
    "ProfileEntry",
    "ProfileError",
    "apply_overrides",
    "check_files",
    "dump",
    "estimate",
    "find_profiles",
    "geometry",
    "load",
    "loads",
    "parents",
    "read_frozen",
    "source_of",
    "total_steps",
    "world_size",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
