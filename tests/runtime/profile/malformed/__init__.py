"""Two hundred ways to write a profile wrongly, each with what its error has to say."""

from __future__ import annotations

from tests.runtime.profile.malformed.case import Case
from tests.runtime.profile.malformed.rules import RULES
from tests.runtime.profile.malformed.texts import ENCODING, INHERITANCE, YAML
from tests.runtime.profile.malformed.values import CHOICES, RANGES, TYPES

CASES: tuple[Case, ...] = (*YAML, *ENCODING, *INHERITANCE, *TYPES, *RANGES, *CHOICES, *RULES)

__all__ = ["CASES", "Case"]
