"""A `sitecustomize` that makes this process's wall clock jump: an hour ahead after 1 s, two hours back after
2 s, and so on in turn. The monotonic clock goes on as it does."""

import time

_wall, _monotonic = time.time, time.monotonic
_begun = _monotonic()


def _jumping() -> float:
    return _wall() + (0.0, 3600.0, -3600.0)[int(_monotonic() - _begun) % 3]


time.time = _jumping
