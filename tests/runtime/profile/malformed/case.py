"""One way to write a profile wrongly, and what its error has to say."""

from __future__ import annotations

from dataclasses import dataclass

from tests.runtime.profile.samples import PRETRAIN


@dataclass(frozen=True)
class Case:
    """`content` is what the file holds. The error must name `key` and the line that holds `at`, and say
    `says`."""

    name: str
    content: str | bytes
    key: str | None
    at: str | None
    says: str

    @property
    def line(self) -> int | None:
        if self.at is None:
            return None
        text = self.content if isinstance(self.content, str) else self.content.decode("utf-8", "replace")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if self.at in line]
        assert lines, f"{self.name}: no line has {self.at!r}"
        return lines[-1]


def bent(
    name: str, old: str, new: str, key: str | None, says: str, *, at: str | None = None, base: str = PRETRAIN
) -> Case:
    """The sample with `old` replaced by `new`, which is then what is wrong."""
    assert base.count(old) == 1, f"{name}: {old!r} is there {base.count(old)} times"
    wanted = at if at is not None else new.strip().splitlines()[-1]
    return Case(name, base.replace(old, new), key, wanted or None, says)


def added(
    name: str, section: str, key: str, says: str, *, at: str | None = None, base: str = PRETRAIN
) -> Case:
    """The sample with lines at its end, which are what is wrong."""
    return Case(name, base + section, key, at if at is not None else section.strip().splitlines()[-1], says)
