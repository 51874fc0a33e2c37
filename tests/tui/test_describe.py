"""Codes become sentences: every one of them, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.run.events import EVENTS, Event
from runtime.run.record import REASONS, STATES, RunRecord, Summary
from tui import describe, describe_events, i18n
from tui.describe_diagnosis import explanation

RECORD = RunRecord(run_id="20261124-000000-demo-aaaa", path="/x", name="demo", job="pretrain", state="failed")
SILENT = {"agent_started", "rank_started", "rank_exited", "request_done", "phase"}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_glyph_of_one_cell_and_a_word(state: str, language: str) -> None:
    i18n.setup(language)
    assert len(describe.glyph(state)) == 1
    assert describe.word(state) != (state if language == "zh" else "")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason not in {"finished", "user"}])
def test_every_bad_end_is_explained_with_what_to_do_next(reason: str, language: str) -> None:
    i18n.setup(language)
    explained = explanation(replace(RECORD, reason=reason))
    assert explained is not None
    assert all(explained)
    assert "_" not in explained[0]


def test_the_evidence_is_in_the_sentence() -> None:
    summary = Summary(step=140_500, checkpoint={"step": 140_000, "time": 0.0, "bytes": 1})
    evidence = {"rank": 2, "step": 140_500, "error": "CUDA out of memory\x1b[2J"}
    explained = explanation(replace(RECORD, reason="oom_device", evidence=evidence, summary=summary))
    assert explained is not None
    assert explained[0] == "Out of device memory at step 140,500 on rank 2: CUDA out of memory"
    assert explained[1].endswith("r resumes from step 140,000.")


def test_a_crash_names_its_signal_or_code_and_the_line_of_the_log() -> None:
    evidence = {
        "code": 1,
        "log": ["Traceback (most recent call last):", '  File "x.py"', "ValueError: no such thing", ""],
    }
    explained = explanation(replace(RECORD, reason="crash", evidence=evidence))
    assert explained is not None
    assert explained[0] == "Crashed with exit code 1: ValueError: no such thing"
    assert describe.reason(replace(RECORD, reason="crash", evidence={"signal": 11})) == "killed by SIGSEGV"


def test_a_good_end_needs_no_explanation() -> None:
    assert explanation(replace(RECORD, state="completed", reason="finished")) is None
    assert explanation(replace(RECORD, state="stopped", reason="user")) is None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_a_sentence_even_without_details(name: str, language: str) -> None:
    i18n.setup(language)
    sentence = describe_events.sentence(Event(0.0, 1, name))
    assert sentence or name in SILENT
    assert "{" not in sentence


def test_events_say_what_their_details_know() -> None:
    def said(name: str, reason: str | None = None, **detail: object) -> str:
        return describe_events.sentence(Event(0.0, 2, name, reason, detail))

    assert (
        said("checkpoint_saved", step=450_000, seconds=6.13, bytes=14_066_017_075)
        == "checkpoint 450,000 saved in 6.1 s, 13.1 GiB"
    )
    assert said("started", resume={"step": 402_000}) == "attempt 2 from step 402,000"
    assert said("hang", "hang", behind=[3], quiet=182.0, phase="step", limit=180.0) == (
        "hang: rank 3 was quiet for 3m 2s while training (limit 3m)"
    )
    assert said("request_refused", "stopping", verb="save", by="panel") == (
        "checkpoint asked for by panel, refused: the run is stopping already"
    )
    assert said("rank_exited", "finished", rank=0, code=0) == ""
    assert said("rank_exited", "crash", rank=1, signal=9) == "rank 1: killed by SIGKILL"
    assert said("from_a_newer_version") == "from a newer version"
    assert (
        said("evaluated", step=200, metrics={"eval/holdout/loss": 3.5})
        == "evaluated at step 200: holdout/loss 3.500"
    )


def test_what_the_guards_did_is_told_with_its_numbers() -> None:
    def said(name: str, **detail: object) -> str:
        return describe_events.sentence(Event(0.0, 1, name, None, detail))

    assert (
        said("non_finite", step=1700, action="skip", loss="nan", grad_norm=1.5)
        == "step 1,700: loss nan, gradient norm 1.5: step skipped"
    )
    assert (
        said("spike", step=9, action="rollback", quantity="loss", value=9.25, limit=4.5)
        == "step 9: spike of the loss: 9.25 above 4.5: rolling back"
    )
    rolled = {"from": 1900, "to": 1000, "skipped_samples": [8000, 15200]}
    assert said("rolled_back", **rolled) == "rolled back from step 1,900 to 1,000; 7,200 samples left out"
    assert said("rolled_back", **{"from": 7, "to": 0}) == "rolled back from step 7 to the beginning"
    assert (
        said("save_paused", step=5, free=2**30, needed=14 * 2**30)
        == "saving is paused: 1.0 GiB free, 14.0 GiB needed"
    )
