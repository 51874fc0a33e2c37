"""What a resume says when reading every byte again has turned up more than the plan knew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtime.run.layout import RunDirectory
from tui.cli.resuming import what_turned_out

from .runs import add_lines


def test_a_resume_from_an_earlier_step_than_planned_is_told(new_run: Callable[..., Path]) -> None:
    run = RunDirectory(new_run("demo-1f00"))

    def told(event: str, **detail: object) -> dict[str, object]:
        return {"schema": 1, "time": 1.0, "attempt": 2, "event": event, "reason": None, "detail": detail}

    add_lines(
        run.events,
        [
            told("checkpoint_invalid", step=10, problems=["of long ago"]),
            told("completed"),
            told("checkpoint_invalid", step=50, problems=["the plan knew it"]),
            told("checkpoint_invalid", step=40, problems=["random-0.json has changed"]),
            told("checkpoint_invalid", step=30, problems=["model.safetensors is missing"]),
            told("resumed", resume={"step": 20, "checkpoint": "step-00000020"}, by="cli"),
            told("started", resume={"step": 20}),
        ],
    )
    assert what_turned_out(run, 20) == []
    assert what_turned_out(run, 40) == [
        "checkpoint 40 is damaged and set aside: random-0.json has changed",
        "checkpoint 30 is damaged and set aside: model.safetensors is missing",
        f"{run.run_id} goes on from step 20",
    ]
