"""Whether this machine and this terminal are fit for training, and how to mend what isn't.

    for group in GROUPS:
        for check in group.run(surroundings): ...

One module a group of checks. Nothing here imports torch: what has to be asked of it, a child process is asked
(`runtime.jobs.torch_report`), and so are the measurements that need it.
"""

from runtime.doctor.check import Cancelled, Check, Group, Progress, Status, Surroundings, Terminal
from runtime.doctor.groups import GROUPS, run_all

__all__ = [
    "GROUPS",
    "Cancelled",
    "Check",
    "Group",
    "Progress",
    "Status",
    "Surroundings",
    "Terminal",
    "run_all",
]
