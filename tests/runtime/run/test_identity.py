"""Which process that was: alive, gone, or not to be known from here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from runtime.run.identity import Identity

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_process_is_alive_until_it_is_gone() -> None:
    child = subprocess.Popen(SLEEPER)
    identity = Identity.of(child.pid)
    assert identity is not None
    assert identity.status() == "alive"
    assert identity == Identity.of(child.pid)
    child.kill()
    child.wait()
    assert identity.status() == "gone"
    assert Identity.of(child.pid) is None


def test_a_zombie_is_gone_before_anybody_waits_for_it() -> None:
    child = subprocess.Popen(SLEEPER)
    identity = Identity.of(child.pid)
    assert identity is not None
    child.kill()
    deadline = time.monotonic() + 10
    while identity.status() == "alive" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    assert identity.status() == "gone"
    assert Identity.of(child.pid) is None
    child.wait()


def test_a_process_whose_first_thread_has_ended_lives_on() -> None:
    code = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
    code += "print(flush=True); ctypes.CDLL(None).pthread_exit(None)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    identity = Identity.of(child.pid)
    assert identity is not None
    deadline = time.monotonic() + 10
    while "Z" not in Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert identity.status() == "alive"
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_reused_pid_is_another_process() -> None:
    me = Identity.current()
    assert me.pid == os.getpid()
    assert me.status() == "alive"
    assert replace(me, start_ticks=me.start_ticks - 1).status() == "gone"


def test_an_earlier_boot_of_this_host_is_gone_and_another_host_is_unknown() -> None:
    me = Identity.current()
    assert replace(me, boot_id="00000000-0000-0000-0000-000000000000").status() == "gone"
    assert replace(me, boot_id="00000000-0000-0000-0000-000000000000", host="elsewhere").status() == "unknown"
    assert replace(me, pid_namespace="pid:[1]").status() == "unknown"


def test_a_host_that_was_renamed_is_still_the_same_boot() -> None:
    assert replace(Identity.current(), host="its-old-name").status() == "alive"


def test_a_name_with_parentheses_and_spaces_does_not_confuse_it(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(program), "60"])
    try:
        identity = Identity.of(child.pid)
        assert identity is not None
        assert identity.status() == "alive"
        started = Identity.current().start_ticks
        assert identity.start_ticks >= started
    finally:
        child.kill()
        child.wait()


def test_it_goes_into_json_and_back() -> None:
    me = Identity.current()
    assert Identity.from_json(me.to_json()) == me
    assert me.pid_namespace == str(Path("/proc/self/ns/pid").readlink())
    wrong: list[object] = [None, [], {}, {**me.to_json(), "pid": "7"}, {**me.to_json(), "host": None}]
    for broken in wrong:
        assert Identity.from_json(broken) is None


def test_all_threads_see_the_same_process() -> None:
    found: list[Identity] = []
    thread = threading.Thread(target=lambda: found.append(Identity.current()))
    thread.start()
    thread.join()
    assert found == [Identity.current()]


def test_pids_that_no_process_can_have_are_gone() -> None:
    me = Identity.current()
    assert replace(me, pid=0).status() == "gone"
    assert replace(me, pid=-1).status() == "gone"
    assert replace(me, pid=1 << 22 | 1).status() == "gone"
