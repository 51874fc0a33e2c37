"""Between a supervisor's first process and its starter, who learns by the exit code whether the run is in
its hands."""

TAKEN, FAILED, HELD = 0, 1, 3
"""It is; it can't be (said on standard error); another has the run, or the run is over."""
LAUNCHED = "--launched"
"""Its option, from who has asked for the run just now."""
