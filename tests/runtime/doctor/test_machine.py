"""Storage, memory, limits, session, caches and installation, on machines made of files and on this one."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from runtime.doctor import GROUPS, caches, installation, limits, machine, storage
from runtime.run.workspace import init_workspace

from .surroundings import file, named, surroundings

GIB = 1 << 30
UNLIMITED = resource.RLIM_INFINITY


def test_every_group_runs_on_this_machine_and_says_something(tmp_path: Path) -> None:
    around = surroundings(workspace=init_workspace(tmp_path / "ws"), environment=dict(os.environ))
    for group in GROUPS:
        if not group.slow:
            checks = named(group.run(around))
            assert checks, group.name


@pytest.mark.parametrize(("free", "status"), [(500, "ok"), (12, "warn"), (0, "fail")])
def test_disk_space_is_judged(free: int, status: str) -> None:
    check = storage.space_check(Path("/x"), free * GIB, 900 * GIB)
    assert (check.status, check.fix is None) == (status, status == "ok")


@pytest.mark.parametrize(("free", "status"), [(10_000_000, "ok"), (50_000, "warn"), (10, "fail")])
def test_inodes_are_judged(free: int, status: str) -> None:
    assert storage.inode_check(free, 16_000_000).status == status


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("ext4", "ok", ""),
        ("nfs4", "ok", "network"),
        ("tmpfs", "warn", "reboot"),
        ("overlay", "warn", "container"),
    ],
)
def test_the_kind_of_file_system_under_the_logs_is_told(
    tmp_path: Path, kind: str, status: str, word: str
) -> None:
    workspace = init_workspace(tmp_path / "my ws")
    mounts = (
        f"/dev/a / ext2 rw 0 0\nsrv:/x {tmp_path}/my\\040ws {kind} rw 0 0\nx {tmp_path}/my squashfs ro 0 0\n"
    )
    file(tmp_path, "proc/self/mounts", mounts)
    file(tmp_path, "dev/shm/.keep", "")
    check = named(storage.checks(surroundings(tmp_path, workspace=workspace)))["file_system"]
    assert check.status == status
    assert str(check.message).startswith(kind)
    assert word in str(check.message)


def test_small_shared_memory_comes_with_dockers_option() -> None:
    check = storage.shared_memory_check(64 << 20, 64 << 20)
    assert check.status == "warn"
    assert "--shm-size" in str(check.fix)
    assert storage.shared_memory_check(16 * GIB, 16 * GIB).status == "ok"
    assert storage.shared_memory_check(16 * GIB, 1 << 20).status == "warn"


def test_a_file_server_with_another_clock_is_found() -> None:
    assert storage.skew_check(0.3).status == "ok"
    assert storage.skew_check(125.0).status == "warn"


def _cgroup(root: Path, *limits_: tuple[str, str]) -> None:
    file(root, "proc/self/cgroup", "0::/user.slice/run-1.scope\n")
    for path, text in limits_:
        file(root, f"sys/fs/cgroup/{path}", text)


def test_the_tightest_memory_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    _cgroup(
        tmp_path, ("user.slice/run-1.scope/memory.max", "max\n"), ("user.slice/memory.max", f"{8 * GIB}\n")
    )
    assert machine.cgroup_limit(tmp_path) == 8 * GIB


def test_inside_a_container_the_limit_of_its_top_group_counts(tmp_path: Path) -> None:
    _cgroup(tmp_path, ("memory.max", f"{4 * GIB}\n"))
    assert machine.cgroup_limit(tmp_path) == 4 * GIB


def test_version_1_writes_a_huge_number_where_there_is_no_limit(tmp_path: Path) -> None:
    file(tmp_path, "proc/self/cgroup", "5:cpu,memory:/job\n1:name=systemd:/\n")
    file(tmp_path, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n")
    assert machine.cgroup_limit(tmp_path) is None
    file(tmp_path, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", f"{2 * GIB}\n")
    assert machine.cgroup_limit(tmp_path) == 2 * GIB


def test_a_memory_limit_is_told_and_warned_of_where_it_is_far_below_the_machine() -> None:
    assert machine.cgroup_check(None, 64 * GIB).status == "ok"
    assert machine.cgroup_check(60 * GIB, 64 * GIB).status == "ok"
    assert machine.cgroup_check(8 * GIB, 64 * GIB).status == "warn"


def test_memory_and_swap_are_judged() -> None:
    assert machine.memory_check(64 * GIB, 40 * GIB).status == "ok"
    assert machine.memory_check(64 * GIB, 2 * GIB).status == "warn"
    assert machine.swap_check(0, 0, 64 * GIB).status == "ok"
    assert machine.swap_check(32 * GIB, 31 * GIB, 64 * GIB).status == "ok"
    assert machine.swap_check(32 * GIB, 2 * GIB, 64 * GIB).status == "warn"


def test_the_clocks_state_is_the_kernels() -> None:
    assert machine.clock_check(0x2001).status == "ok"
    assert machine.clock_check(0x0040).status == "warn"
    assert machine.clock_check(None).status == "ok"


@pytest.mark.parametrize(
    ("soft", "hard", "status", "fix"),
    [
        (65536, 65536, "ok", "None"),
        (UNLIMITED, UNLIMITED, "ok", "None"),
        (1024, 1048576, "warn", "ulimit -n 65536"),
        (1024, UNLIMITED, "warn", "ulimit -n 65536"),
        (1024, 20000, "warn", "ulimit -n 20000"),
        (256, 256, "fail", "limits.conf"),
    ],
)
def test_open_files_are_judged_with_a_fix_that_can_be_done(
    soft: int, hard: int, status: str, fix: str
) -> None:
    check = limits.files_check(soft, hard)
    assert check.status == status
    assert fix in str(check.fix)


def test_locked_memory_matters_only_where_something_needs_it() -> None:
    assert limits.locked_check(8 << 20, 8 << 20, needed=False).status == "ok"
    assert limits.locked_check(8 << 20, 8 << 20, needed=True).status == "warn"
    assert limits.locked_check(UNLIMITED, UNLIMITED, needed=True).status == "ok"


def test_processes_and_core_files_are_judged() -> None:
    assert limits.processes_check(512, 512).status == "warn"
    assert limits.processes_check(UNLIMITED, UNLIMITED).status == "ok"
    assert limits.core_check(0, "core").status == "ok"
    assert limits.core_check(UNLIMITED, "|/usr/lib/systemd/systemd-coredump %P").status == "ok"
    assert limits.core_check(UNLIMITED, "core").status == "warn"


def test_a_machine_that_kills_runs_at_logout_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    file(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    check = named(limits.checks(surroundings(tmp_path)))["session"]
    assert check.status == "fail"
    assert "enable-linger" in str(check.fix)


def test_caches_are_found_where_the_libraries_look(tmp_path: Path) -> None:
    assert caches.hub_directory({}, tmp_path) == tmp_path / ".cache/huggingface/hub"
    assert caches.hub_directory({"XDG_CACHE_HOME": "/c"}, tmp_path) == Path("/c/huggingface/hub")
    assert caches.hub_directory({"HF_HOME": "/data/hf"}, tmp_path) == Path("/data/hf/hub")
    both = {"HF_HOME": "/data/hf", "HF_HUB_CACHE": "/data/hub"}
    assert caches.hub_directory(both, tmp_path) == Path("/data/hub")


def test_offline_without_a_model_is_warned_of(tmp_path: Path) -> None:
    assert caches.offline_check({}, tmp_path).status == "ok"
    assert caches.offline_check({"HF_HUB_OFFLINE": "1"}, tmp_path).status == "warn"
    (tmp_path / "models--gpt2").mkdir()
    assert caches.offline_check({"HF_HUB_OFFLINE": "1"}, tmp_path).status == "ok"
    assert caches.offline_check({"HF_HUB_OFFLINE": "0"}, tmp_path / "no").status == "ok"


def test_a_cache_that_is_a_file_is_a_failure_that_names_the_variable(tmp_path: Path) -> None:
    file(tmp_path, "hub", "")
    environment = {"HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}
    check = named(caches.checks(surroundings(environment=environment)))["hf_cache"]
    assert check.status == "fail"
    assert "HF_HUB_CACHE" in str(check.fix)


def test_settings_that_cant_be_used_fail_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runtime.settings import forget

    file(tmp_path, "settings.toml", "[panel]\ntheem = 'dark'\n")
    monkeypatch.setenv("HEADNODE_SETTINGS", str(tmp_path / "settings.toml"))
    forget()
    try:
        check = named(installation.checks(surroundings()))["settings"]
    finally:
        forget()
    assert check.status == "fail"
    assert "theem" in str(check.message)


def test_without_a_workspace_it_says_how_to_make_one() -> None:
    check = named(installation.checks(surroundings()))["workspace"]
    assert check.status == "warn"
    assert "headnode init" in str(check.fix)
