"""The filter language: what it finds, what it forgives, and what it says of the rest."""

from __future__ import annotations

import pytest

from runtime.run.annotations import add_note, archive, tag
from runtime.run.workspace import Workspace
from tests.tui.sample_workspace import NOW
from tui import i18n
from tui.filtering import completed, parse, suggestions
from tui.filtering.completion import Known
from tui.store.runs import RunView, read_view

METRICS = {"train/loss", "optim/learning_rate", "optim/grad_norm", "throughput/mfu"}


@pytest.fixture
def views(sample: Workspace) -> list[RunView]:
    """The sample's runs; one tagged, one with a note, one archived."""
    runs = {run.run_id[-4:]: run for run in sample.runs()}
    tag(runs["9c1e"], "baseline")
    tag(runs["3f2a"], "baseline-2")
    add_note(runs["08be"], "lower Learning rate")
    archive(runs["e0e0"])
    return [read_view(run.run_id, run) for run in sample.runs()]


def _found(views: list[RunView], text: str) -> set[str]:
    wanted = parse(text, METRICS)
    return {view.run_id[-4:] for view in views if wanted.matches(view, NOW)}


ALL = {"9c1e", "77aa", "51d0", "1f00", "3f2a", "08be", "c4d2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        ("state:failed", {"3f2a", "c4d2"}),
        ("state:fail", {"3f2a", "c4d2"}),
        ("state：fail", {"3f2a", "c4d2"}),
        ("state:failed，stopped", {"3f2a", "c4d2", "08be"}),
        ("state！＝failed", ALL - {"3f2a", "c4d2"}),
        ("－state：failed　loss＞２．５", {"1f00"}),
        ("note：“learning　rate”", set()),
        ("state:failed,stopped", {"3f2a", "c4d2", "08be"}),
        ("state!=failed", ALL - {"3f2a", "c4d2"}),
        ("state:active", {"9c1e", "77aa", "51d0"}),
        ("active", {"9c1e", "77aa", "51d0"}),
        ("-active", ALL - {"9c1e", "77aa", "51d0"}),
        ("reason:oom", {"3f2a"}),
        ('reason:"out of device"', {"3f2a"}),
        ("profile:olmo*", {"9c1e", "3f2a"}),
        ("profile=olmo", set()),
        ("profile=olmo-1b", {"9c1e", "3f2a"}),
        ("job:command", {"77aa"}),
        ("tag:baseline", {"9c1e", "3f2a"}),
        ("tag=baseline", {"9c1e"}),
        ("-tag:baseline state:failed", {"c4d2"}),
        ('note:"learning rate"', {"08be"}),
        ("learning", {"08be"}),
        ("user:launch", ALL),
        ("id:9c1e", {"9c1e"}),
        ("loss<2.5", {"9c1e", "77aa", "08be"}),
        ("loss < 2.5 job:pretrain", {"9c1e", "08be"}),
        ("train/loss<2.5", {"9c1e", "77aa", "08be"}),
        ("loss:nan", {"c4d2"}),
        ("grad_norm>0.3 progress>80%", {"77aa", "1f00"}),
        ("step>=140,500", {"9c1e", "3f2a"}),
        ("step:140500", {"3f2a"}),
        ("speed>100k", {"9c1e", "3f2a"}),
        ("tokens>1T", {"9c1e"}),
        ("attempt>1", {"9c1e"}),
        ("age<1h", {"51d0", "1f00"}),
        ("age<1h30m", {"51d0", "1f00"}),
        ("age>1d", {"9c1e", "08be", "c4d2"}),
        ("ended<1h", {"1f00"}),
        ("eta<1m", {"77aa"}),
        ("date:today", {"77aa", "51d0", "1f00"}),
        ("date:2026-11-23", {"3f2a", "08be"}),
        ("date<2026-11-22", {"c4d2"}),
        ("date:2026-11", ALL),
        ("archived", {"e0e0"}),
        ("archived or active", {"e0e0", "9c1e", "77aa", "51d0"}),
        ("-archived", ALL),
        ("state:lost", set()),
        ("state:failed or state:stopped loss<3", {"3f2a", "c4d2", "08be"}),
        ("(state:failed or state:stopped) loss<3", {"3f2a", "08be"}),
        ("-(olmo or demo)", {"77aa", "51d0", "08be", "c4d2"}),
        ("not state:failed -active", {"1f00", "08be"}),
        ("olmo failed", {"3f2a"}),
        ('"olmo failed"', set()),
    ],
)
def test_a_filter_finds_what_it_says(views: list[RunView], text: str, expected: set[str]) -> None:
    assert not parse(text, METRICS).problems
    assert _found(views, text) == expected


@pytest.mark.parametrize(
    "text", ["state:", "loss<", "loss", "-", "(", "or", "not", 'note:"', "tag:a or", "(olmo or", "-("]
)
def test_what_is_not_finished_is_no_mistake(views: list[RunView], text: str) -> None:
    assert not parse(text, METRICS).problems
    if text not in {"loss", "(olmo or", "tag:a or"}:
        assert _found(views, text) == ALL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stat:failed", "there is no key stat; did you mean state?"),
        ("lss<2", "there is no key lss; did you mean loss?"),
        ("learning_rat<1", "there is no key learning_rat; did you mean learning_rate?"),
        ("zzz:1", "there is no key zzz"),
        ("state:faild", "there is no state faild; did you mean failed?"),
        ("loss<two", "two is no number, such as 2.5, 10k or 50%"),
        ("age<2x", "2x is no length of time, such as 2d or 90m"),
        ("date:2026-13", "2026-13 is no day, such as 2026-11-20, 2026-11, today or yesterday"),
        ("tag<3", "tag has no order; write tag:3"),
        ("olmo)", "there is no ( for this )"),
    ],
)
def test_what_cannot_be_understood_is_left_out_and_told(views: list[RunView], text: str, said: str) -> None:
    problems = parse(text, METRICS).problems
    assert [str(problem.message) for problem in problems] == [said]
    assert _found(views, f"{text} state:failed") <= {"3f2a", "c4d2"}


def test_states_answer_to_their_names_in_the_language_of_the_reader(views: list[RunView]) -> None:
    i18n.setup("zh")
    assert _found(views, "state:失败") == {"3f2a", "c4d2"}


def test_completion_offers_keys_values_tags_and_metrics() -> None:
    known = Known(METRICS, {"baseline", "draft"}, {"olmo-1b"}, {"pretrain"})
    assert suggestions("", known)[:2] == ["state:", "reason:"]
    assert suggestions("olmo sta", known) == ["state:"]
    assert suggestions("-tag:", known) == ["-tag:baseline", "-tag:draft"]
    assert suggestions("grad", known) == ["grad_norm"]
    assert completed("sta") == "state:"
    assert completed("a state:f") == "a state:failed"
    assert completed("-tag:b", known) == "-tag:baseline"
    assert completed("state:st") == "state:st"
