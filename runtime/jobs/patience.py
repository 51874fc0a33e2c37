"""A worker on a full disk: what it prints may be lost, and that is no reason to end a training."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from runtime.run.journal import FULL


class PatientStream:
    """Standard output or error of a worker, which lie on the run's disk: text that it doesn't take is dropped
    and counted, and a line says so once there is room. Everything else is as with the stream itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.dropped = 0

    def write(self, text: str) -> int:
        """Writes or drops `text`; its length either way, as who prints expects."""
        try:
            if self.dropped and text.strip():
                self._stream.write(f"[{self.dropped} pieces of output are missing here: the disk was full]\n")
                self.dropped = 0
            self._stream.write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def _drop(self, error: OSError) -> None:
        if error.errno not in FULL:
            raise error
        self.dropped += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def be_patient() -> None:
    """Let standard output and error of this process bear a full disk."""
    sys.stdout = PatientStream(sys.stdout)  # type: ignore[assignment]
    sys.stderr = PatientStream(sys.stderr)  # type: ignore[assignment]
