"""What a profile would need, as lines: memory by part in bars, and size, time and cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.clean import clean
from tui.format import count, duration, number, pad, percent, rate, short_count, size
from tui.i18n import N_, _, ngettext
from tui.widgets import bars

if TYPE_CHECKING:
    from runtime.profile import Estimate, Profile

_PARTS = {
    "weights": N_("weights"),
    "gradients": N_("gradients"),
    "optimizer": N_("optimizer state"),
    "activations": N_("activations"),
    "logits": N_("logits and loss"),
}
_LABEL = 16
_SIZE = 9


def memory_lines(estimate: Estimate, width: int) -> list[Text]:
    """A bar for each part, the sum, and how much of the planned device that is."""
    muted, text = theme.style("muted"), theme.style("text")
    total, largest = estimate.memory_total, max(estimate.memory.values(), default=0)
    bar = max(4, min(40, width - _LABEL - _SIZE - 8))
    lines = []
    for part, needed in estimate.memory.items():
        label = _(_PARTS[part]) if part in _PARTS else clean(part)
        lines.append(
            Text.assemble(
                (pad(label, _LABEL), muted),
                (pad(size(needed), _SIZE, "right") + "  ", text),
                bars.level(needed / largest if largest else 0.0, bar),
                (f" {percent(needed / total if total else 0.0):>4}", muted),
            )
        )
    lines.append(
        Text.assemble(
            (pad(_("in all"), _LABEL), theme.style("bold text")),
            (pad(size(total), _SIZE, "right") + "  ", theme.style("bold text")),
            _of_device(estimate),
        )
    )
    return lines


def _of_device(estimate: Estimate) -> Text:
    """`29% of the 80.0 GiB of h100`; in red where it is more than there is."""
    available = estimate.device_memory
    if not available:
        return Text()
    share = estimate.memory_total / available
    words = _("{share} of the {available} of {device}").format(
        share=percent(share), available=size(available), device=clean(estimate.device)
    )
    style = "failed" if share > 1 else "warning" if share > 0.9 else "muted"
    return Text(words, theme.style(style))


def plan_facts(profile: Profile, estimate: Estimate) -> list[tuple[str, str]]:
    """Label and value of everything else: parameters, batch, steps, tokens, compute, device, duration,
    cost."""
    from runtime.profile import geometry

    shape = geometry(profile)
    unknown = _("not known before the data is prepared")
    facts = [
        (
            _("parameters"),
            _("{exact} ({short}), {rest} without embeddings").format(
                exact=count(estimate.parameters),
                short=short_count(estimate.parameters),
                rest=count(estimate.parameters_without_embeddings),
            ),
        ),
        (_("batch"), _batch(shape.batch, shape.sequence_length, shape.tokens_per_step)),
        (
            "",
            _("{micro} a process × {accumulation} accumulated × {world}").format(
                micro=count(shape.micro_batch),
                accumulation=count(shape.accumulation),
                world=ngettext("{count} process", "{count} processes", shape.world_size).format(
                    count=shape.world_size
                ),
            ),
        ),
        (_("steps"), unknown if estimate.steps is None else count(estimate.steps)),
        (_("tokens"), unknown if estimate.tokens is None else _tokens(estimate)),
        (_("compute"), flops(estimate.flops or estimate.flops_per_token, whole=estimate.flops is not None)),
    ]
    if estimate.tokens_per_second is not None:
        facts.append((_("device"), _device(profile, estimate)))
        facts.append((_("duration"), unknown if estimate.seconds is None else duration(estimate.seconds)))
    if estimate.cost is not None:
        facts.append((_("cost"), f"{estimate.cost:,.2f} {clean(estimate.currency)}"))
    elif estimate.seconds is not None:
        facts.append((_("cost"), _("set plan.price_per_device_hour to know")))
    return facts


def _batch(batch: int, length: int, tokens: int) -> str:
    return _("{batch} sequences of {length} tokens = {tokens} tokens").format(
        batch=count(batch), length=count(length), tokens=count(tokens)
    )


def _tokens(estimate: Estimate) -> str:
    each = _("{number} a parameter").format(number=number((estimate.tokens or 0) / estimate.parameters))
    return f"{count(estimate.tokens)} ({_(', ').join((short_count(estimate.tokens), each))})"


def flops(value: float, whole: bool) -> str:
    """FLOPs in powers of ten, as papers give them: `1.20e21 FLOPs`; `whole` is of the run, else a token."""
    exponent = math.floor(math.log10(value)) if value > 0 else 0
    shown = count(value) if value < 1000 else f"{value / 10**exponent:.2f}e{exponent}"
    text = _("{number} FLOPs").format(number=shown)
    return text if whole else _("{flops} a token").format(flops=text)


def _device(profile: Profile, estimate: Estimate) -> str:
    peak = profile.plan.peak_tflops
    name = clean(estimate.device) if peak is None else f"{number(peak)} TFLOP/s"
    mfu = _("at {share} of its peak").format(share=percent(profile.plan.mfu))
    speed = _("{rate} tokens/s").format(rate=rate(estimate.tokens_per_second))
    return _("{what}: {detail}").format(
        what=_(", ").join((f"{count(estimate.devices)} × {name}", mfu)), detail=speed
    )
