"""`plan`: what a run would need, before anything is started."""

from __future__ import annotations

import math
import os
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from runtime.messages import N_
from tui.cli.output import Segment
from tui.cli.parser import Parser, add_common
from tui.cli.profiles import add_profile, load_profile
from tui.cli.table import Column, Table, fields
from tui.cli.text import wrap
from tui.format import count, duration, number, percent, rate, short_count, size
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.profile.estimates import Estimate
    from tui.cli.context import Context

_PARTS = {
    "weights": N_("weights"),
    "gradients": N_("gradients"),
    "optimizer": N_("optimizer state"),
    "activations": N_("activations"),
    "logits": N_("logits and loss"),
}
_BAR_CELLS = 24


def plan_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Tells what a profile would need, from its numbers alone: exact parameters, memory on each "
            "device by part, tokens, FLOPs, duration, cost, and the exact command line of its processes. "
            "Starts nothing and needs no GPU."
        ),
        [
            ("headnode plan olmo-2-1b", _("a profile as it is")),
            ("headnode plan olmo-2-1b plan.device=a100 plan.devices=64", _("on other hardware")),
            ("headnode plan olmo-2-1b train.micro_batch=2 --json", _("numbers for a script")),
        ],
        _(
            "Duration assumes plan.mfu (model FLOPs utilisation) of the device's peak; cost needs "
            "plan.price_per_device_hour. Next: headnode check PROFILE, headnode launch PROFILE."
        ),
    )
    add_profile(parser)
    add_common(parser, json=_("print the estimate and the command"))


def plan(context: Context) -> int:
    from runtime.launch.command import environment_names_of, worker_command

    workspace = context.workspace_untouched
    profile = load_profile(context, workspace.root)
    estimate = _estimate(profile)
    command = worker_command(profile)
    environment = environment_names_of(profile, workspace)
    if context.options.json:
        context.out.json(_as_json(profile, estimate, command, environment))
        return 0
    context.out.line((profile.name, "strong"), "  ", (profile.job, "dim"))
    if profile.description:
        context.out.lines(wrap(profile.description, context.out.text_width, "  "))
    if estimate is not None:
        _show_size(context, profile, estimate)
        _show_memory(context, estimate)
    _show_command(context, command, _own_names(profile, environment))
    return 0


def _estimate(profile: Profile) -> Estimate | None:
    """None for a job that trains no model."""
    from runtime.profile.estimates import estimate

    return estimate(profile) if profile.job == "pretrain" else None


def _own_names(profile: Profile, names: list[str]) -> list[str]:
    """The variables that aren't merely inherited from whoever launches."""
    own = {*profile.launch.env, *profile.launch.secrets}
    return [name for name in names if name in own or name not in os.environ]


def _as_json(
    profile: Profile, estimate: Estimate | None, command: list[str], environment: list[str]
) -> dict[str, Any]:
    numbers = {} if estimate is None else asdict(estimate)
    if estimate is not None:
        numbers |= {"memory_total": estimate.memory_total, "checkpoint_bytes": estimate.checkpoint_bytes}
    return {"name": profile.name, "job": profile.job, **numbers, "command": command, "env_names": environment}


def _show_size(context: Context, profile: Profile, estimate: Estimate) -> None:
    from runtime.profile import geometry

    shape = geometry(profile)
    batch = _("{batch} sequences of {length} tokens = {tokens} tokens").format(
        batch=count(shape.batch), length=count(shape.sequence_length), tokens=count(shape.tokens_per_step)
    )
    split = _("{micro} a process × {accumulation} accumulated × {world}").format(
        micro=count(shape.micro_batch),
        accumulation=count(shape.accumulation),
        world=ngettext("{count} process", "{count} processes", shape.world_size).format(
            count=shape.world_size
        ),
    )
    context.out.line()
    fields(
        context.out,
        [
            (
                _("parameters"),
                _("{exact} ({short}), {rest} without embeddings").format(
                    exact=count(estimate.parameters),
                    short=short_count(estimate.parameters),
                    rest=count(estimate.parameters_without_embeddings),
                ),
            ),
            (_("vocabulary"), count(estimate.vocabulary_size)),
            (_("batch"), batch),
            ("", split),
            (_("steps"), _unknown(estimate.steps, count)),
            (_("tokens"), _tokens(estimate)),
            (_("compute"), _compute(estimate)),
            (_("checkpoint"), _("{size} on disk").format(size=size(estimate.checkpoint_bytes))),
            (_("device"), _device(profile, estimate)),
            (_("speed"), _speed(estimate)),
            (_("duration"), _unknown(estimate.seconds, duration)),
            (_("cost"), _cost(estimate)),
        ],
        "  ",
    )


def _unknown(value: float | None, shown: Any) -> str | Segment:
    return (_("not known before the data is prepared"), "dim") if value is None else str(shown(value))


def _tokens(estimate: Estimate) -> str | Segment:
    if estimate.tokens is None:
        return _unknown(None, count)
    per_parameter = _("{number} a parameter").format(number=number(estimate.tokens / estimate.parameters))
    return f"{count(estimate.tokens)} ({_(', ').join((short_count(estimate.tokens), per_parameter))})"


def _compute(estimate: Estimate) -> str:
    each = _("{flops} a token").format(flops=_flops(estimate.flops_per_token))
    return each if estimate.flops is None else f"{_flops(estimate.flops)} ({each})"


def _flops(value: float) -> str:
    """FLOPs in powers of ten, as papers give them: `1.2e21 FLOPs`."""
    if value < 1000:
        return _("{number} FLOPs").format(number=count(value))
    exponent = math.floor(math.log10(value))
    return _("{number} FLOPs").format(number=f"{value / 10**exponent:.2f}e{exponent}")


def _device(profile: Profile, estimate: Estimate) -> str:
    peak = profile.plan.peak_tflops
    if estimate.device is None and peak is None:
        return ""
    mfu = _("at {share} of its peak").format(share=percent(profile.plan.mfu))
    name = f"{number(peak)} TFLOP/s" if estimate.device is None else estimate.device
    return _(", ").join((f"{count(estimate.devices)} × {name}", mfu))


def _speed(estimate: Estimate) -> str:
    if estimate.tokens_per_second is None:
        return ""
    return _("{rate} tokens/s").format(rate=rate(estimate.tokens_per_second))


def _cost(estimate: Estimate) -> str | Segment:
    if estimate.cost is None:
        return "" if estimate.seconds is None else (_("set plan.price_per_device_hour to know"), "dim")
    return f"{estimate.cost:,.2f} {estimate.currency}"


def _show_memory(context: Context, estimate: Estimate) -> None:
    total = estimate.memory_total
    context.out.line()
    context.out.line((_("Memory on each device"), "strong"))
    table = Table([Column(""), Column("", "right"), Column("", "right"), Column("", importance=1)])
    for part, part_bytes in estimate.memory.items():
        share = part_bytes / total if total else 0.0
        bar = "█" * round(share * _BAR_CELLS)
        table.add(
            _(_PARTS[part]) if part in _PARTS else part, size(part_bytes), percent(share), (bar, "accent")
        )
    table.add((_("in all"), "strong"), (size(total), "strong"), "", "")
    table.show(context.out, header=False, indent="  ")
    available = estimate.device_memory
    if available is None:
        return
    text = _("{needed} of the {available} that {device} has").format(
        needed=percent(total / available), available=size(available), device=estimate.device
    )
    if total > available:
        text = _(
            "more than the {available} that {device} has: a smaller train.micro_batch needs less"
        ).format(available=size(available), device=estimate.device)
    context.out.line(
        "  ", (text, "failed" if total > available else "warning" if total > 0.9 * available else "dim")
    )


def _show_command(context: Context, command: list[str], environment: list[str]) -> None:
    context.out.line()
    context.out.line((_("Command of each process"), "strong"))
    context.out.line("  ", shlex.join(command))
    if environment:
        context.out.lines(
            wrap(
                _("with {names}, and the environment of the launch").format(names=" ".join(environment)),
                context.out.text_width,
                "  ",
            )
        )
