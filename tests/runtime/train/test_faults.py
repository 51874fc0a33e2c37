"""The faults that tests inject come where, when and to whom they are told."""

from __future__ import annotations

import errno
import math
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.train.faults import VARIABLE, fault_factors, fault_point
from tests.runtime.train.training_runs import TrainingRun, profile_text, write_text


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("HEADNODE_ATTEMPT", "2")


def raised(wished: str, monkeypatch: pytest.MonkeyPatch, place: str = "step") -> list[int]:
    """The steps of 1 … 5 at which it raises."""
    monkeypatch.setenv(VARIABLE, wished)
    steps = []
    for step in range(1, 6):
        try:
            fault_point(place, step)
        except RuntimeError as error:
            assert str(error) == f"injected at {place}, step {step}"  # noqa: PT017
            steps.append(step)
    return steps


@pytest.mark.parametrize(
    ("wished", "steps"),
    [
        ("", []),
        ("raise:step", [1, 2, 3, 4, 5]),
        ("raise:step@2", [2]),
        ("raise:step@2-3; raise:step@5", [2, 3, 5]),
        ("raise:step@4-", [4, 5]),
        ("raise:step@2-4,times=2", [2, 3]),
        ("raise:step@2,rank=1,attempt=2", [2]),
        ("raise:step@2,rank=0", []),
        ("raise:step@2,attempt=1", []),
        ("raise:update", []),
    ],
)
def test_steps_ranks_attempts_and_counts(
    wished: str, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert raised(wished, monkeypatch) == steps


def test_a_full_disk_and_a_stage_of_a_save(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "disk_full:checkpoint:tensors@3")
    fault_point("checkpoint:tensors", 2)
    with pytest.raises(OSError, match="checkpoint:tensors, step 3") as caught:
        fault_point("checkpoint:tensors", 3)
    assert caught.value.errno == errno.ENOSPC


def test_values_become_nan_or_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "nan:loss@1;nan:gradient@2;spike:loss@3;spike:loss@4,factor=7,rank=0")
    assert all(math.isnan(factor) for factor in fault_factors(1))
    assert fault_factors(2)[0] == 1.0
    assert math.isnan(fault_factors(2)[1])
    assert [fault_factors(batch) for batch in (3, 4, 5)] == [(100.0, 100.0), (1.0, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize("wished", ["explode:step@1", "nan:step@1", "raise:somewhere", "raise:step@1,who=2"])
def test_what_can_not_be_understood_is_no_silent_nothing(
    wished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, wished)
    with pytest.raises(ValueError, match="HEADNODE_FAULT"):
        fault_point("step", 1)


def test_memory_is_taken_until_it_is_refused() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\n"
        "from runtime.train.faults import fault_point\n"
        "try:\n fault_point('step', 1)\nexcept MemoryError:\n print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={VARIABLE: "memory:step@1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout == "refused\n"


@pytest.mark.parametrize(
    ("fault", "code"), [("exit:step@3", 0), ("raise:load", 1), ("raise:data@3", 1), ("raise:evaluate@2", 1)]
)
def test_places_of_a_training_run(tmp_path: Path, fault: str, code: int) -> None:
    text = profile_text(
        write_text(tmp_path / "text", 12), train={"steps": 3}, evaluate={"every_steps": 2, "batches": 1}
    )
    run = TrainingRun.create(tmp_path, text)
    assert run.train(env={VARIABLE: fault}) == [code]
    ending = run.exit()
    if code == 0:
        assert ending is None
    else:
        assert ending is not None
        assert ending.error is not None
        assert "injected at " + fault.partition(":")[2].partition("@")[0] in ending.error
