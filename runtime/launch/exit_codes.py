"""Exit codes of a supervisor's first process: its starter learns whether the run is in its hands."""

TAKEN, FAILED, HELD = 0, 1, 3
"""It is; it can't be (said on standard error); another has the run, or the run is over."""
