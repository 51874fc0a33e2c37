"""The settings file that `headnode settings --init` writes: every setting explained, none changed."""

from __future__ import annotations

from runtime.settings import KINDS, LANGUAGES, OCCASIONS, THEMES
from tui.cli.text import wrap
from tui.i18n import _


def template() -> str:
    """TOML in which everything is a comment but the names of sections."""
    parts = [
        _comment(_("Headnode's settings. What is taken away or stays behind # has its default.")),
        "",
        "[panel]",
        *_setting('theme = "dark"', ", ".join(THEMES) + _("; what is chosen in the panel goes before this")),
        *_setting('language = "en"', ", ".join(LANGUAGES) + _("; without it, that of the system")),
        *_setting("mouse = true", _("false leaves the mouse to the terminal, so that it selects text")),
        *_setting("bell = true", _("ring when a run ends")),
        *_setting("read_only = false", _("true: look at everything, change nothing")),
        "",
        "[keys]",
        _comment(_("An action and its key, or keys. headnode settings --keys lists all actions.")),
        '# stop = "S"',
        '# picture = ["ctrl+e", "f5"]',
        "",
        "[machine]",
        *_setting("cpu_slots = 8", _("how many processes may train at once where there is no GPU")),
        *_setting(
            'lease_directory = "/run/lock/headnode"',
            _("where all users of this machine keep who has which GPU"),
        ),
        "",
        _comment(_("Who is told when something happens to a run; repeat [[notify]] for more.")),
        "# [[notify]]",
        *_setting('kind = "slack"', ", ".join(KINDS)),
        *_setting('on = ["end", "fault", "hang"]', ", ".join(OCCASIONS)),
        *_setting(
            'url_env = "SLACK_WEBHOOK"',
            _("the environment variable that holds the address, never the address itself"),
        ),
        *_setting('argv = ["notify-send", "headnode"]', _('for kind = "command"')),
        *_setting("timeout = 10", _("seconds")),
    ]
    return "\n".join(parts) + "\n"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(text, 98))


def _setting(line: str, meaning: str) -> list[str]:
    return [f"# {line:<40} # {meaning}"]
