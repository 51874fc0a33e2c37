"""`notify test`: sends a trial to whoever would be told of runs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.clean import clean
from tui.cli.parser import Parser, add_common
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.settings import Notification
    from tui.cli.context import Context


def notify_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Sends a trial notification to everyone under [[notify]] in the settings file, or under notify "
            "of a profile, and says whether it arrived. Runs tell of their start, end, fault and hang by "
            "themselves, each once.\n\nA web address is a secret: it stands in an environment variable or a "
            "file, which url_env or url_file names. Kinds: json (a JSON document), slack, feishu, dingtalk "
            "(where keywords are asked for, “headnode” is one), and command (argv; the JSON document comes "
            "on standard input)."
        ),
        [
            ("headnode notify test", _("everyone under [[notify]] of the settings file")),
            ("headnode notify test demo", _("those of the profile demo")),
        ],
        _("Exit code 1 where one of them couldn't be told. headnode settings says where the file is."),
    )
    parser.add_argument("what", metavar="test", choices=["test"], help=_("test: send a trial"))
    parser.add_argument(
        "profile", metavar="PROFILE", nargs="?", help=_("the profile whose notify section is meant")
    )
    add_common(parser, json=_("print an array: kind, where, error (null where it arrived)"))


def notify(context: Context) -> int:
    from runtime.launch.notify_child import NotifyChild
    from runtime.launch.notify_messages import trial
    from runtime.run.identity import host_name

    receivers = _receivers(context)
    children = [NotifyChild(receiver, trial(host_name()), os.environ) for receiver in receivers]
    results: list[str | None] = [None] * len(children)
    while None in results:
        results = [
            child.poll() if result is None else result
            for child, result in zip(children, results, strict=True)
        ]
        time.sleep(0.05)
    if context.options.json:
        context.out.json(
            [
                {"kind": receiver.kind, "where": where(receiver), "error": result or None}
                for receiver, result in zip(receivers, results, strict=True)
            ]
        )
    for receiver, result in zip(receivers, results, strict=True) if not context.options.json else ():
        name = f"{receiver.kind}  {clean(where(receiver))}"
        if result:
            context.out.line(("✗ ", "failed"), name, "  ", (clean(result), "failed"))
        else:
            context.out.line(("✓ ", "done"), name, "  ", (_("told"), "dim"))
    return 1 if any(results) else 0


def where(receiver: Notification) -> str:
    """What leads to the receiver, without the address itself."""
    return receiver.url_env or (str(receiver.url_file) if receiver.url_file is not None else receiver.argv[0])


def _receivers(context: Context) -> list[Notification]:
    name = context.options.profile
    if name is None:
        from runtime.settings import load_settings, settings_path

        receivers = list(load_settings().notify)
        if not receivers:
            raise UsageError(
                N_("nobody is to be told: there is no [[notify]] in {path}"), path=str(settings_path())
            )
        return receivers
    from runtime.launch.notify import notification
    from runtime.profile import load

    profile = load(name, workspace=context.workspace_untouched.root)
    receivers = [notification(entry.model_dump(mode="json")) for entry in profile.notify]
    if not receivers:
        raise UsageError(
            N_("nobody is to be told: the profile {name} has no notify section"), name=profile.name
        )
    return receivers
