"""`launch.gpus`: how many GPUs, which, or `auto`; its forms are checked by hand, so that an error names the
entry and says what may stand there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from runtime.messages import N_
from runtime.profile.errors import shown
from runtime.profile.schema.base import enforce, violation

AUTO = "auto"
MOST = 1024
_UUID = ("GPU-", "MIG-")


def _check(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return _check_list(tuple(value))
    if isinstance(value, str) and value != AUTO:
        if value.startswith(_UUID):
            enforce([violation("", N_("must be a list: write [{value}]"), value=shown(value))])
        enforce(
            [
                violation(
                    "",
                    N_("must be a number of GPUs, a list of them, or auto, not {value}"),
                    value=shown(value),
                )
            ]
        )
    if isinstance(value, bool | float | dict):
        enforce(
            [
                violation(
                    "",
                    N_("must be a number of GPUs, a list of them, or auto, not {value}"),
                    value=shown(value),
                )
            ]
        )
    if isinstance(value, int) and not 0 <= value <= MOST:
        enforce(
            [violation("", N_("must be between 0 and {most}, not {value}"), most=MOST, value=shown(value))]
        )
    return value


def _check_list(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        enforce([violation("", N_("must have at least one entry; no GPU at all is 0"))])
    if len(value) > MOST:
        enforce([violation("", N_("has more than {limit} entries"), limit=MOST)])
    enforce(
        violation(
            str(place),
            N_("must be the number of a GPU, from 0 on, or its UUID in quotes, not {value}"),
            value=shown(item),
        )
        for place, item in enumerate(value)
        if not _names_a_gpu(item)
    )
    if len({str(item) for item in value}) != len(value):
        enforce([violation("", N_("names a GPU twice"))])
    return value


def _names_a_gpu(item: object) -> bool:
    if isinstance(item, str):
        return item.startswith(_UUID) and len(item) > 4 and "," not in item and item.isprintable()
    return isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 31


Gpus = Annotated[int | Literal["auto"] | tuple[int | str, ...] | None, BeforeValidator(_check)]
"""null, a number, `auto`, or a list of numbers and UUIDs."""


def count(gpus: object) -> int | None:
    """How many GPUs the value stands for; None where it doesn't say."""
    if isinstance(gpus, list | tuple):
        return len(gpus)
    return gpus if isinstance(gpus, int) and not isinstance(gpus, bool) else None
