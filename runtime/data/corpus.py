"""The documents of all sources, as often as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runtime.data.documents import Document, Skipped
from runtime.data.progress import Meter, ProgressCallback, ShouldStop, Stopped
from runtime.data.reading import read_documents
from runtime.data.sources import SourceFile


@dataclass(frozen=True)
class Corpus:
    """Files to read, whom to tell of progress, and whom to ask whether to stop."""

    files: list[SourceFile]
    progress: ProgressCallback
    should_stop: ShouldStop

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    def documents(self, phase: str, skipped: Skipped) -> Iterator[Document]:
        """One pass over the documents in their order, told as progress of `phase`. Raises Stopped."""
        meter = Meter(phase, self.total_bytes, "bytes", self.progress)

        def consumed(count: int) -> None:
            self.check_stop()
            meter.add(count)

        yield from read_documents(self.files, skipped, consumed)
        meter.finish()

    def check_stop(self) -> None:
        """Raises Stopped if a stop is wanted."""
        if self.should_stop():
            raise Stopped
