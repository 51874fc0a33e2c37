"""order.json: what the supervisor wants of rank 0, replaced as a whole each time."""

from __future__ import annotations

from typing import Any

from runtime.launch.chronicle import say
from runtime.run.files import ForeignSchema, read_json, write_json_atomic
from runtime.run.layout import AttemptDirectory


class OrderWriter:
    """Keeps the orders of one attempt; goes on from what a supervisor before wrote."""

    def __init__(self, files: AttemptDirectory) -> None:
        self._files = files
        try:
            before: dict[str, Any] = read_json(files.order) or {}
        except (OSError, ForeignSchema):
            before = {}
        self._seq = int(before.get("seq") or 0)
        self._stop = bool(before.get("stop"))
        self._save = bool(before.get("save"))
        self._checkpoints = int(before.get("checkpoint") or 0)
        self._requests = [str(request) for request in before.get("requests") or ()]
        self._unwritten = False

    def stop(self, save: bool) -> None:
        """Stop at the next step boundary, after a checkpoint if `save`."""
        if not (self._stop and self._save == save):
            self._stop, self._save = True, save
            self._write()

    def save_now(self, request: str) -> None:
        """Save a checkpoint at the next step boundary and go on."""
        if request not in self._requests:
            self._checkpoints += 1
            self._requests.append(request)
            self._write()

    def retry(self) -> None:
        """Writes again what the disk refused before."""
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        self._seq += 1
        value = {
            "seq": self._seq,
            "stop": self._stop,
            "save": self._save,
            "checkpoint": self._checkpoints,
            "requests": self._requests,
        }
        try:
            write_json_atomic(self._files.order, value)
            self._unwritten = False
        except OSError as error:
            self._unwritten = True
            say(f"{self._files.order} could not be written, trying again: {error}")
