"""What a notification says: one JSON document, and what Slack, Feishu and DingTalk want of it.

    {"schema": 1, "on": "fault", "event": "failed", "time": 1795520000.0,
     "run_id": "20261124-073012-demo-1f00", "name": "demo", "job": "pretrain", "state": "failed",
     "reason": "oom_device", "evidence": {"rank": 1, "phase": "step", "step": 451},
     "attempt": 2, "restarts": 1, "step": 451, "total_steps": 700, "tokens": 923648, "metrics": {"train/loss":
     2.31},
     "host": "gpu-1", "path": "/data/ws/logs/20261124-073012-demo-1f00", "text": "headnode: demo-1f00 failed
     …"}

`on` is start, end, fault or hang; `event` the event's name in events.jsonl, where all of it stands. Keys may
be
added. `text` is one line in English for a chat; it begins with "headnode", which serves as DingTalk's
keyword.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runtime.run.events import Event
from runtime.run.files import SCHEMA, plain
from runtime.run.identity import host_name
from runtime.run.record import RunRecord

_EVIDENCE = ("rank", "phase", "step", "code", "signal", "cause", "next_attempt", "behind")
"""Of an event's details; log lines stay at home, since anything may stand in them."""


def document(event: Event, on: str, record: RunRecord) -> dict[str, Any]:
    """What is told of an event of the run."""
    summary = record.summary
    facts = {name: event.detail[name] for name in _EVIDENCE if name in event.detail}
    value = {
        "schema": SCHEMA,
        "on": on,
        "event": event.event,
        "time": event.time,
        "run_id": record.run_id,
        "name": record.name,
        "job": record.job,
        "state": record.state,
        "reason": event.reason,
        "evidence": facts,
        "attempt": event.attempt,
        "restarts": record.restarts,
        "step": summary.step,
        "total_steps": summary.total_steps,
        "tokens": summary.tokens,
        "metrics": dict(summary.metrics),
        "host": host_name(),
        "path": record.path,
    }
    return {**plain(value), "text": _text(event, record)}


def trial(host: str) -> dict[str, Any]:
    """A document that says that it is only a trial."""
    text = f"headnode: a trial notification from {host}; nothing has happened"
    return {"schema": SCHEMA, "on": "test", "event": "test", "host": host, "text": text}


def _text(event: Event, record: RunRecord) -> str:
    """`headnode: demo-1f00 failed (oom_device) at step 451 of 700, loss 2.310, on gpu-1 · headnode show
    …`."""
    words = {
        "running": "runs",
        "completed": "has completed",
        "stopped": "has stopped",
        "failed": "has FAILED",
        "lost": "is LOST",
        "unkillable": "can't be killed",
        "hang": "HANGS",
        "restart": "is restarted after a fault",
    }
    summary, reason = record.summary, event.reason
    text = f"headnode: {_short(record)} {words.get(event.event, event.event)}"
    if reason and reason not in ("finished", "user") and reason != event.event:
        text += f" ({reason})"
    if summary.step is not None and event.event != "running":
        text += f" at step {summary.step:,}"
        text += f" of {summary.total_steps:,}" if summary.total_steps else ""
    loss = summary.metrics.get("train/loss")
    if loss is not None and math.isfinite(loss):
        text += f", loss {loss:.4g}"
    rank = event.detail.get("rank")
    if isinstance(rank, int) and event.event in ("failed", "hang"):
        text += f", rank {rank}"
    return f"{text}, on {host_name()} · headnode show {record.run_id}"


def _short(record: RunRecord) -> str:
    return f"{record.name}-{record.run_id.rpartition('-')[2]}"


def payload(kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request.

    Slack: https://api.slack.com/messaging/webhooks (&, < and > escaped). Feishu:
    https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot. DingTalk:
    https://open.dingtalk.com/document/robots/custom-robot-access.
    """
    text = str(told.get("text", ""))
    match kind:
        case "slack":
            return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
        case "feishu":
            return {"msg_type": "text", "content": {"text": text}}
        case "dingtalk":
            return {"msgtype": "text", "text": {"content": text}}
        case _:
            return dict(told)


def refusal(kind: str, answer: Mapping[str, Any]) -> str | None:
    """Why a chat refused a message although it answered 200; None where it took it."""
    if kind == "feishu":
        code = answer.get("code", answer.get("StatusCode", 0))
        return f"Feishu answered code {code}" if code != 0 else None
    if kind == "dingtalk":
        code = answer.get("errcode", 0)
        return f"DingTalk answered errcode {code}" if code != 0 else None
    return None
