"""`new`: a new run from the weights of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.cli.launching import report_started
from tui.cli.parser import Parser, add_common, add_option_overrides, override_checked
from tui.cli.profiles import show_checks
from tui.cli.reading import reading
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.launch.check import Check
    from tui.cli.context import Context


def new_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Starts a new run that begins with the weights of a checkpoint, and with nothing else of it: the "
            "optimizer, the step and the order of the data are fresh. The profile may be another one, as "
            "long as the model's tensors have the same names and shapes, which is compared before anything "
            "starts."
            "\n\nWithout PROFILE, the profile of the run that the checkpoint comes from is taken, and its "
            "prepared data with the tokenizer that the weights know."
        ),
        [
            ("headnode new last@400", _("the same profile, from step 0, with the weights of step 400")),
            ("headnode new last@400 train.optimizer.learning_rate=1e-5", _("with another learning rate")),
            ("headnode new demo-1f00@400 tuned", _("with the profile tuned")),
            ("headnode new last@400 --dry-run", _("only compare and check")),
        ],
        _("With everything of the checkpoint: headnode branch RUN@STEP. The same run: headnode resume RUN."),
    )
    parser.add_argument(
        "weights",
        metavar="RUN@STEP",
        help=_(
            "the checkpoint, or the path of a checkpoint's directory; headnode checkpoints RUN lists them"
        ),
    )
    parser.add_argument(
        "rest",
        metavar="PROFILE | KEY=VALUE",
        nargs="*",
        help=_("the new run's profile, and values of it to change"),
    )
    add_option_overrides(parser)
    parser.add_argument("--dry-run", action="store_true", help=_("compare and check, start nothing"))
    parser.add_argument("--wait", action="store_true", help=_("show progress until the run has ended"))
    add_common(parser, json=_("print run_id and path; with --dry-run the checks"))


def new(context: Context) -> int:
    from runtime.launch import operations
    from runtime.launch.preflight import preflight
    from runtime.launch.weights import find_weights, profile_from

    workspace = context.workspace
    names = [word for word in context.options.rest if "=" not in word]
    if len(names) > 1:
        raise UsageError(N_("one profile at most, not {names}"), names=", ".join(names))
    given = [word for word in context.options.rest if "=" in word]
    overrides = [override_checked(text) for text in [*given, *context.options.option_overrides]]
    weights = find_weights(context.options.weights, workspace)
    profile = profile_from(weights, overrides, workspace, names[0] if names else None)
    checks = preflight(profile, workspace)
    if context.options.dry_run:
        return _show_only(context, checks)
    show_checks(context.err, [check for check in checks if check.status == "warn"])
    with reading(context.err, weights.complete.step) as progress:
        run = operations.launch(workspace, profile, progress=progress)
    return report_started(context, run)


def _show_only(context: Context, checks: list[Check]) -> int:
    if context.options.json:
        context.out.json(
            [
                {
                    "name": check.name,
                    "status": check.status,
                    "message": str(check.message),
                    "fix": None if check.fix is None else str(check.fix),
                }
                for check in checks
            ]
        )
    else:
        show_checks(context.out, checks)
    return 2 if any(check.status == "fail" for check in checks) else 0
