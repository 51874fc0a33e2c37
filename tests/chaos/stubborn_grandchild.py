"""A `sitecustomize` by which rank 0 leaves a grandchild behind: in a session of its own, without an
environment, orphaned, and deaf to SIGTERM. Its pid is told in a file beside this one, for each attempt."""

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork():
    os._exit(0)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(3600)
"""
_pid = Path(__file__).with_name(f"grandchild-{os.environ.get('HEADNODE_ATTEMPT')}")

if os.environ.get("RANK") == "0" and not _pid.exists():
    _pid.touch()
    program = [sys.executable, "-I", "-c", _PROGRAM, str(_pid)]
    subprocess.Popen(program, env={}, start_new_session=True).wait()
