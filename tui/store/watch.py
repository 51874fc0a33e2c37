"""Wakes the store when the kernel reports a change, where inotify sees it; polling finds everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.run.file_systems import NETWORK, file_system

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch


class Watcher:
    """Watches the directory of runs and those of the active ones, not below them. Only used from the store's
    thread."""

    def __init__(self, logs: Path, wake: Callable[[], None]) -> None:
        self._logs, self._wake = logs, wake
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, ObservedWatch] = {}

    def start(self) -> bool:
        """False where the kernel's reports are not to be had; then polling alone must do."""
        if file_system(self._logs) in NETWORK:
            return False
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        wake = self._wake

        class _Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in {"created", "modified", "moved", "deleted"}:
                    name = Path(str(event.dest_path or event.src_path)).name
                    if event.is_directory or name == "run.json":
                        wake()

        self._handler = _Handler()
        try:
            self._observer = Observer()
            self._observer.start()
            self._watch(self._logs)
        except (OSError, RuntimeError):  # inotify's limits are reached
            self.stop()
            return False
        return True

    def watch_runs(self, directories: Iterable[Path]) -> None:
        """These are the directories of the active runs now."""
        if self._observer is None:
            return
        wanted = {self._logs, *directories}
        for path in self._watches.keys() - wanted:
            self._observer.unschedule(self._watches.pop(path))
        for path in wanted - self._watches.keys():
            self._watch(path)

    def _watch(self, path: Path) -> None:
        assert self._observer is not None
        try:
            self._watches[path] = self._observer.schedule(self._handler, str(path), recursive=False)
        except OSError:  # vanished, or no watch left: polling finds its changes
            return

    def stop(self) -> None:
        """Ends the watching thread."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join(1.0)
