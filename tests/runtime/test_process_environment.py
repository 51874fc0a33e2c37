"""Processes are told by their environment, whatever the moment at which they are looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runtime.process_environment import environment_bytes


def test_a_process_that_was_started_just_now_is_read_also_in_the_middle_of_execve() -> None:
    for _ in range(40):
        child = subprocess.Popen(["sleep", "60"], env={"MARK": "here", "PATH": os.environ["PATH"]})
        try:
            assert b"MARK=here" in environment_bytes(child.pid)
        finally:
            child.kill()
            child.wait()


def test_a_process_without_an_environment_and_one_that_is_gone_give_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], env={}, stdin=subprocess.PIPE)
    try:
        assert environment_bytes(child.pid) == b""
    finally:
        child.kill()
        child.wait()
    assert environment_bytes(child.pid) == b""
    assert environment_bytes(2) == b"" or Path("/proc/2/comm").read_text() != "kthreadd\n"
