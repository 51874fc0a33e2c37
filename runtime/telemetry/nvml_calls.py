"""Calling NVML when any call may fail alone."""

from __future__ import annotations

from typing import Any

# nvmlReturn_t, from nvml.h
UNINITIALIZED = 1
NOT_SUPPORTED = 3
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
FUNCTION_NOT_FOUND = 13
GPU_IS_LOST = 15

MISSING = FUNCTION_NOT_FOUND
UNREADABLE = -1  # the answer was no text or number at all

_NEEDED = ("nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "NVMLError")
_NOT_AVAILABLE = {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}  # NVML_VALUE_NOT_AVAILABLE as unsigned


class DeviceLost(Exception):
    """The device fell off the bus in the middle of a sample."""


class NvmlCalls:
    """A pynvml module whose calls answer None instead of raising, except for a lost device."""

    def __init__(self, module: Any) -> None:
        """Raises ValueError, naming what is missing, when the module is another one that is called pynvml."""
        missing = [name for name in _NEEDED if not hasattr(module, name)]
        if missing:
            raise ValueError(", ".join(missing))
        self.module = module
        self.error: type[Exception] = module.NVMLError

    def has(self, name: str) -> bool:
        return hasattr(self.module, name)

    def ask(self, name: str, *arguments: object) -> tuple[Any, int]:
        """The answer and 0, or None and the error's code. Raises DeviceLost."""
        function = getattr(self.module, name, None)
        if function is None:
            return None, MISSING
        try:
            return function(*arguments), 0
        except self.error as error:
            code = error_code(error)
            if code == GPU_IS_LOST:
                raise DeviceLost(name) from error
            return None, code
        except (UnicodeDecodeError, TypeError, ValueError, AttributeError):
            # Garbage from a driver, or an older module: another signature, a symbol the library lacks.
            return None, UNREADABLE

    def value(self, name: str, *arguments: object) -> Any:
        return self.ask(name, *arguments)[0]


def error_code(error: Exception) -> int:
    code = getattr(error, "value", None)
    return code if isinstance(code, int) else UNREADABLE


def reason(error: Exception) -> str:
    """What NVML says of an error; its own text may be undecodable."""
    try:
        return str(error) or type(error).__name__
    except (UnicodeDecodeError, AttributeError, TypeError):
        return type(error).__name__


def text(value: Any) -> str | None:
    if isinstance(value, bytes):  # modules before 11.5 gave bytes
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) and value else None


def number(value: Any, scale: float = 1.0) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value in _NOT_AVAILABLE:
        return None
    return round(value * scale, 3)


def count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or value in _NOT_AVAILABLE:
        return None
    return value


def percent(value: Any) -> float | None:
    share = number(value)
    return share if share is not None and 0 <= share <= 100 else None
