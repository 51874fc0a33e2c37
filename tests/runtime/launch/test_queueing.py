"""The rule of the queue: who may take what."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from runtime.launch.actions import Acquire, Prioritize, Start, Wait
from runtime.launch.devices import Device
from runtime.launch.evidence import AgentEvidence, Evidence, RankEvidence, Request
from runtime.launch.evidence_devices import MemoryEvidence, QueueEvidence
from runtime.launch.leases import Lease
from runtime.launch.queueing import SILENT, Ticket, Wants, decide, lacking, wants_of
from runtime.launch.queueing_view import waiting_of
from runtime.launch.reconcile import reconcile
from runtime.messages import Message
from runtime.run.record import RunRecord
from runtime.telemetry import DeviceProcess

GIB = 1 << 30
STRANGER = DeviceProcess(398_113, 21 * GIB, "jupyter-lab", None, "mlin")


def gpus(count: int, taken: str = "", **more: Any) -> list[Device]:
    """`count` GPUs, those in `taken` ("0 2") leased."""
    held = {int(index) for index in taken.split()}
    return [
        Device(
            f"GPU-{index}", index, lease=Lease(f"GPU-{index}", 1, "other") if index in held else None, **more
        )
        for index in range(count)
    ]


def ticket(name: str, count: int = 1, priority: int = 0, asked: float = 0.0, **wants: Any) -> Ticket:
    return Ticket(name, Wants("gpu", count, **wants), priority, asked)


def choice(me: Ticket, others: list[Ticket], devices: list[Device]) -> tuple[str, ...] | None:
    return decide(me, others, devices).choice


def test_what_is_free_is_taken_from_the_front() -> None:
    assert choice(ticket("a", 2), [], gpus(4, "0")) == ("GPU-1", "GPU-2")
    assert choice(ticket("a", 4), [], gpus(4, "0")) is None


def test_the_line_is_by_priority_then_time_then_name() -> None:
    early, late, dear = ticket("b", asked=1.0), ticket("c", asked=2.0), ticket("d", asked=3.0, priority=5)
    everybody = [late, dear, early, ticket("a", asked=1.0)]
    ahead = {each.run_id: decide(each, everybody, gpus(1)).ahead for each in everybody}
    assert ahead == {"d": (), "a": ("d",), "b": ("d", "a"), "c": ("d", "a", "b")}
    assert [choice(each, everybody, gpus(1)) for each in everybody] == [None, ("GPU-0",), None, None]


def test_who_is_next_leaves_to_those_behind_only_what_it_does_not_want() -> None:
    first, second, third = ticket("a", asked=1.0), ticket("b", 2, asked=2.0), ticket("c", asked=3.0)
    line = [first, second, third]
    assert choice(second, line, gpus(3)) == ("GPU-1", "GPU-2")
    assert choice(third, line, gpus(3)) is None
    assert choice(third, line, gpus(4)) == ("GPU-3",)


def test_a_large_run_is_not_starved_by_small_ones() -> None:
    large, small = ticket("large", 4, asked=1.0), ticket("small", 1, asked=2.0)
    assert choice(large, [small], gpus(4, "0")) is None
    assert choice(small, [large], gpus(4, "0")) is None  # three are free, and all are spoken for


def test_a_small_run_goes_ahead_where_it_delays_nobody() -> None:
    large = ticket("large", 2, asked=1.0, names=(0, 1))
    assert choice(ticket("small", 1, asked=2.0), [large], gpus(3, "1")) == ("GPU-2",)
    assert choice(ticket("small", 1, asked=2.0), [large], gpus(2, "1")) is None
    slots = [Device(f"cpu:{index}", index) for index in range(2)]
    on_cpu = Ticket("on the cpu", Wants("cpu", 1), 0, 3.0)
    assert decide(on_cpu, [large], [*gpus(2, "1"), *slots]).choice == ("cpu:0",)
    assert decide(on_cpu, [large], [*gpus(2, "1"), *slots]).ahead == ()


def test_who_wants_what_there_is_not_holds_up_nobody() -> None:
    hopeless = ticket("a", 9, asked=1.0)
    assert choice(ticket("b", 2, asked=2.0), [hopeless], gpus(2)) == ("GPU-0", "GPU-1")
    missing = decide(hopeless, [], gpus(2)).missing
    assert missing is not None
    assert str(missing) == "9 GPUs wanted, but 2 can be used here"


def test_who_gives_no_sign_of_life_is_passed_over() -> None:
    stopped = Ticket("a", Wants("gpu", 1), 0, 1.0, silent=SILENT + 1)
    assert choice(ticket("b", asked=2.0), [stopped], gpus(1)) == ("GPU-0",)
    asleep = Ticket("a", Wants("gpu", 1), 0, 1.0, silent=SILENT / 2)
    assert choice(ticket("b", asked=2.0), [asleep], gpus(1)) is None


def test_gpus_are_named_by_number_and_uuid() -> None:
    assert choice(ticket("a", 2, names=(3, "GPU-1")), [], gpus(4)) == ("GPU-3", "GPU-1")
    assert choice(ticket("a", 1, names=(0,)), [], gpus(4, "0")) is None
    for names, says in (
        ((7,), "no GPU 7 here (4 in all)"),
        (("GPU-",), "several"),
        ((0, "GPU-0"), "the same"),
    ):
        message = lacking(Wants("gpu", len(names), names), gpus(4))
        assert message is not None
        assert says in str(message)


def test_a_number_of_a_gpu_is_no_instance_of_it() -> None:
    instances = [Device(f"MIG-{slot}", 0, parent="GPU-0") for slot in range(2)]
    assert lacking(Wants("gpu", 1, (0,)), instances) is not None
    assert choice(ticket("a", 2), [], instances) == ("MIG-0", "MIG-1")
    assert choice(ticket("a", 1, names=("MIG-1",)), [], instances) == ("MIG-1",)


def test_gpus_that_others_are_on_are_avoided_unless_named() -> None:
    devices = [*gpus(1, processes=(STRANGER,)), *gpus(2)[1:]]
    assert choice(ticket("a", 1), [], devices) == ("GPU-1",)
    assert choice(ticket("a", 2), [], devices) is None
    assert choice(ticket("a", 1, names=(0,)), [], devices) == ("GPU-0",)


def test_auto_takes_those_with_the_most_free_memory() -> None:
    devices = [
        Device(f"GPU-{index}", index, memory_free=free * GIB, memory_total=80 * GIB)
        for index, free in enumerate((10, 60, 80, 20))
    ]
    wish = ticket("a", 2, most_memory=True, memory=15 * GIB)
    assert choice(wish, [], devices) == ("GPU-2", "GPU-1")
    assert choice(ticket("a", 4, most_memory=True, memory=15 * GIB), [], devices) is None
    large = lacking(Wants("gpu", 1, most_memory=True, memory=90 * GIB), devices)
    assert str(large) == "1 GPUs of 90.0 GiB wanted, but there are 0"


def test_what_is_hidden_from_us_is_not_taken() -> None:
    devices = [Device("GPU-0", 0, allowed=False), Device("GPU-1", 1)]
    assert choice(ticket("a", 1), [], devices) == ("GPU-1",)
    assert choice(ticket("a", 1, names=(0,)), [], devices) is None
    assert str(lacking(Wants("gpu", 1, (0,)), devices)) == "GPU 0 is hidden by CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize(
    ("launch", "here", "wants"),
    [
        ({}, 8, Wants("gpu", 2)),
        ({}, 0, Wants("cpu", 2)),
        ({"device": "cpu"}, 8, Wants("cpu", 2)),
        ({"device": "cpu", "slots": 0}, 8, None),
        ({"device": "cpu", "processes": 99}, 8, Wants("cpu", 16)),
        ({"gpus": 0}, 8, Wants("cpu", 2)),
        ({"gpus": 2}, 8, Wants("gpu", 2)),
        ({"gpus": (0, 3)}, 8, Wants("gpu", 2, (0, 3))),
        ({"gpus": "auto"}, 8, Wants("gpu", 2, most_memory=True, memory=5)),
        ({"device": "cuda"}, 0, Wants("gpu", 2)),
        ({"job": "prepare"}, 8, None),
        ({"job": "prepare", "slots": 1}, 8, Wants("cpu", 1)),
        ({"job": "command"}, 8, Wants("gpu", 2)),
        ({"job": "command"}, 0, None),
        ({"job": "command", "slots": 3}, 0, Wants("cpu", 3)),
    ],
)
def test_what_a_job_wants(launch: dict[str, Any], here: int, wants: Wants | None) -> None:
    section = {"job": "pretrain", "processes": 2, "device": "auto", "gpus": None, "slots": None} | launch
    assert wants_of(**section, memory=5, gpus_here=here, slots_here=16) == wants


RECORD = RunRecord("a", "/run/a", "a", "command", "starting", attempt=1)


def waiting(others: tuple[Ticket, ...] = (), **more: Any) -> QueueEvidence:
    return QueueEvidence(ticket("a", 2, asked=5.0), others, tuple(gpus(2)), **({"known": True} | more))


def decided(queue: QueueEvidence | None = None, record: RunRecord = RECORD, **more: Any) -> list[Any]:
    return reconcile(record, Evidence(now=0.0, job="command", queue=queue, **more))


def test_reconcile_starts_takes_or_waits() -> None:
    assert decided(None, left=0) == [Start()]
    assert decided(waiting(leased=True), left=0) == [Start()]
    assert decided(waiting(leased=True), left=1) != [Start()]  # nothing of the attempt before may be there
    assert decided(waiting()) == [Acquire(("GPU-0", "GPU-1"))]
    first = ticket("b", 1, asked=1.0)
    assert decided(waiting((first,))) == [Wait(waiting().me, ("b",))]
    assert decided(waiting(known=False)) == []
    assert decided(waiting(), start_at=1.0) == []  # a restart that isn't due yet


def test_reconcile_tells_what_keeps_a_run_waiting() -> None:
    (action,) = decided(waiting(problem=Message("the disk is full")))
    assert action == Wait(waiting().me, (), "the disk is full")
    (action,) = decided(QueueEvidence(ticket("a", 3), (), tuple(gpus(2)), known=True))
    assert action.problem == "3 GPUs wanted, but 2 can be used here"


def test_reconcile_changes_a_priority_only_of_who_waits() -> None:
    asked = Request("1", 1, "priority", priority=7)
    actions = decided(waiting((ticket("b", 1, asked=1.0),)), requests=(asked,))
    assert actions[0] == Prioritize(7)
    assert [action.event for action in actions[1:3]] == ["request_accepted", "request_done"]
    for queue in (None, waiting(leased=True)):
        refused = decided(queue, left=0, requests=(asked,))[0]
        assert (refused.event, refused.reason) == ("request_refused", "not_waiting")


@pytest.mark.parametrize(
    ("memory", "state", "does"),
    [
        (MemoryEvidence("free"), "stopping", ["End"]),
        (MemoryEvidence("unverified"), "stopping", ["End"]),
        (MemoryEvidence("checking", since=99.0), "stopping", []),
        (MemoryEvidence("held", {"GPU-0": [7]}, since=1.0), "stopping", []),
        (MemoryEvidence("held", {"GPU-0": [7]}, since=11.0), "stopping", ["Enter"]),
        (MemoryEvidence("held", {"GPU-0": [7]}, since=99.0), "unkillable", []),
    ],
)
def test_reconcile_ends_nothing_whose_gpu_memory_is_held(
    memory: MemoryEvidence, state: str, does: list[str]
) -> None:
    over = {
        "started": True,
        "agent": AgentEvidence("gone", code=0),
        "ranks": (RankEvidence(0, "gone", ended=True, code=0),),
        "left": 0,
    }
    found = decided(record=replace(RECORD, state=state), memory=memory, **over)
    assert [type(action).__name__ for action in found] == does


def test_who_keeps_a_run_waiting_without_a_lease_is_named() -> None:
    devices = (*gpus(1, processes=(STRANGER,)), *gpus(2)[1:])
    queue = QueueEvidence(ticket("a", 2), (), devices, known=True)
    (action,) = decided(queue)
    assert [device.key for device in action.occupied] == ["GPU-0"]
    named = QueueEvidence(ticket("a", 2, names=(0, 1)), (), devices, known=True)
    assert decided(named) == [Acquire(("GPU-0", "GPU-1"))]
    record: dict[str, Any] = {
        "kind": "gpu",
        "wants": 2,
        "ahead": 0,
        "occupied": [{"gpu": 0, "processes": [asdict(STRANGER)]}],
    }
    said = str(waiting_of(record))
    assert said == "waits for 2 GPUs; others are on GPU 0: jupyter-lab (pid 398113 of mlin, 21.0 GiB)"
    strange: list[dict[str, Any]] = [{}, {"kind": "gpu"}, {"kind": "tpu"}, {**record, "occupied": [7, {}]}]
    for queue_of_record in strange:
        assert waiting_of(queue_of_record) is None or "waits for" in str(waiting_of(queue_of_record))
