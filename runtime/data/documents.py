"""A document, what identifies it, and the record of what had to be skipped."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_KEPT = 10


@dataclass(frozen=True)
class Document:
    """One text. `origin` names where it came from, for people; it is part of no fingerprint."""

    text: str
    origin: str

    def digest(self) -> bytes:
        """BLAKE2b of the text's UTF-8 bytes, 16 bytes: the same text has the same digest wherever it lies."""
        return hashlib.blake2b(self.text.encode("utf-8"), digest_size=16).digest()


def share_position(digest: bytes, *, purpose: str = "holdout") -> float:
    """A document's fixed, uniformly distributed position in [0, 1) for one purpose.

    Documents below 0.02 are 2 % of all documents, and the same ones whatever else is in the corpus. Different
    purposes (hold-out, the tokenizer's sample) give independent positions.
    """
    salted = hashlib.blake2b(digest, digest_size=8, person=purpose.encode("ascii")[:16]).digest()
    return (int.from_bytes(salted, "big") >> 11) / float(1 << 53)


@dataclass
class Skipped:
    """What could not be used, counted by reason, with the first places of each kind.

    Reasons: `not_utf8` (bytes that are not UTF-8, or JSON strings that cannot be encoded), `not_json` (a line
    that is not a JSON object), `no_text` (the text key is missing or not a string), `empty` (nothing but
    white space), `too_long` (a JSONL line above the limit), `unreadable` (a file that the system refused).
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, origin: str) -> None:
        self.counts[reason] += 1
        places = self.examples.setdefault(reason, [])
        if len(places) < EXAMPLES_KEPT:
            places.append(origin)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def as_json(self) -> dict[str, object]:
        return {
            reason: {"count": self.counts[reason], "examples": self.examples[reason]}
            for reason in sorted(self.counts)
        }
