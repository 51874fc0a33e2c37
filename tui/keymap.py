"""The one table of keys: what each action is called, which keys it has, and under which heading the help
lists it.

A page or widget names the actions that it offers, in the order in which the footer shows them:

    class LogsPage(Page):
        ACTIONS = ("filter", "find_next", "follow")     # needs action_filter, action_find_next, action_follow

Its bindings, its part of the footer and its part of the help are made from that. `check_action(action, ())`
says whether it can be
done here and now; what can't is not in the footer. One letter means one thing on every page, and nothing
destructive hides behind
Shift of a harmless key. ctrl+h, ctrl+i, ctrl+j, ctrl+m, Alt and function keys don't arrive everywhere and are
not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

from runtime.messages import N_


@dataclass(frozen=True)
class Action:
    """What a key does: `keys` in Textual's names, a `label` for the footer, and a sentence for the help.

    `changes`: it changes something on disk or a run, and so isn't there when the panel is read-only."""

    keys: tuple[str, ...]
    label: str
    help: str
    group: str = N_("This page")
    changes: bool = False


EVERYWHERE = N_("Everywhere")
"""The group of what works on every page."""
_RUN = N_("Run")
_CHART = N_("Charts")
_LOG = N_("Logs")
_COMPARE = N_("Compare")
_CHECKPOINT = N_("Checkpoints")
_PROFILE = N_("Profiles")
_MACHINE = N_("Machine")

KEYMAP: dict[str, Action] = {
    "open": Action(("enter",), N_("open"), N_("open the selected run")),
    "open_log": Action(
        ("enter",), N_("log"), N_("open the log at the line that tells what went wrong"), _RUN
    ),
    "new_run": Action(
        ("n",),
        N_("new run"),
        N_("start a new run: from a profile, or from a checkpoint's weights"),
        changes=True,
    ),
    "stop": Action(
        ("s",), N_("stop"), N_("stop the run; asks how, and says what each way costs"), _RUN, changes=True
    ),
    "resume": Action(
        ("r",),
        N_("resume"),
        N_("continue the run from a checkpoint; shows first what differs"),
        _RUN,
        changes=True,
    ),
    "save_now": Action(("b",), N_("save now"), N_("save a checkpoint now and go on"), _RUN, changes=True),
    "mark": Action(("space",), N_("mark"), N_("mark or unmark this line")),
    "compare": Action(
        ("c",), N_("compare"), N_("lay the marked runs over each other, or this one and its parent")
    ),
    "remove": Action(("x",), N_("delete"), N_("delete, after asking"), changes=True),
    "annotate": Action(
        ("e",), N_("tags, note"), N_("edit tags and note of the marked runs, or of this one"), changes=True
    ),
    "unarchive": Action(
        ("u",), N_("bring back"), N_("bring an archived run back; / archived shows them"), changes=True
    ),
    # profiles and preflight
    "preflight": Action(
        ("enter",), N_("preflight"), N_("check the profile and estimate memory, time and cost"), _PROFILE
    ),
    "launch": Action(("enter",), N_("launch"), N_("launch the run"), _PROFILE, changes=True),
    "edit": Action(("e",), N_("edit"), N_("edit the profile"), _PROFILE, changes=True),
    "duplicate": Action(
        ("u",), N_("duplicate"), N_("make a copy of the profile under a new name"), _PROFILE, changes=True
    ),
    "validate": Action(("v",), N_("validate"), N_("check the profile against the schema"), _PROFILE),
    "change_value": Action(
        ("enter",), N_("change"), N_("change the value of this key"), _PROFILE, changes=True
    ),
    "reset_value": Action(
        ("x",),
        N_("reset"),
        N_("take the key out: the parent's value or the default holds again"),
        _PROFILE,
        changes=True,
    ),
    "external_editor": Action(
        ("ctrl+o",),
        N_("$EDITOR"),
        N_("edit the text in your own editor, as EDITOR names it"),
        _PROFILE,
        changes=True,
    ),
    "save_file": Action(
        ("ctrl+s",),
        N_("save"),
        N_("save the profile; what is wrong with it is marked"),
        _PROFILE,
        changes=True,
    ),
    "overrides": Action(
        ("o",), N_("overrides"), N_("change values for this run only, as in train.steps=100"), _PROFILE
    ),
    "toggle_device": Action(("space",), N_("GPU"), N_("use or leave out the GPU"), _PROFILE),
    "dry_run": Action(
        ("d",),
        N_("dry run"),
        N_("set the job up and make two steps, in a directory that is thrown away; again: break it off"),
        _PROFILE,
        changes=True,
    ),
    # checkpoints
    "unfold": Action(("enter",), N_("unfold"), N_("show or hide the run's checkpoints"), _CHECKPOINT),
    "branch": Action(
        ("n",),
        N_("new run"),
        N_("a new run from this checkpoint: a branch with its full state, or from its weights only"),
        _CHECKPOINT,
        changes=True,
    ),
    "verify": Action(
        ("v",), N_("verify"), N_("read every file of the checkpoint and compare its checksum"), _CHECKPOINT
    ),
    "protect": Action(
        ("p",),
        N_("protect"),
        N_("keep the checkpoint whatever the retention says"),
        _CHECKPOINT,
        changes=True,
    ),
    "delete": Action(
        ("x",), N_("delete"), N_("delete the checkpoint, after asking"), _CHECKPOINT, changes=True
    ),
    "undo": Action(("u",), N_("undo"), N_("bring back what was just deleted"), _CHECKPOINT, changes=True),
    "compare_checkpoints": Action(
        ("c",),
        N_("compare"),
        N_("compare the two marked checkpoints, or this one and the one before"),
        _CHECKPOINT,
    ),
    "acknowledge": Action(
        ("a",), N_("acknowledge"), N_("accept what differs and go on"), _CHECKPOINT, changes=True
    ),
    # charts
    "zoom_in": Action(("plus", "equals_sign"), N_("zoom in"), N_("show a narrower range of steps"), _CHART),
    "zoom_out": Action(("minus",), N_("zoom out"), N_("show a wider range of steps"), _CHART),
    "pan_left": Action(("less_than_sign",), N_("left"), N_("move to earlier steps"), _CHART),
    "pan_right": Action(("greater_than_sign",), N_("right"), N_("move to later steps"), _CHART),
    "inspect": Action(("i",), N_("inspect"), N_("read the values at one step; the arrows move it"), _CHART),
    "smooth": Action(("m",), N_("smooth"), N_("none, light or heavy smoothing"), _CHART),
    "log_scale": Action(("g",), N_("log scale"), N_("logarithmic or linear values"), _CHART),
    "axis": Action(("a",), N_("axis"), N_("steps, time or tokens along the axis"), _CHART),
    "follow": Action(("f",), N_("follow"), N_("stay at the newest"), _CHART),
    # comparing runs
    "pick_runs": Action(("space",), N_("pick runs"), N_("choose the runs to be compared"), _COMPARE),
    "baseline": Action(("b",), N_("baseline"), N_("measure the others against this run"), _COMPARE),
    "differences": Action(
        ("d",),
        N_("differences"),
        N_("in what profiles, versions and data differ; again: the curves"),
        _COMPARE,
    ),
    # logs
    "find": Action(("slash",), N_("search"), N_("search the log for a text"), _LOG),
    "find_next": Action(("n",), N_("next"), N_("the next line that matches"), _LOG),
    "find_previous": Action(("p",), N_("previous"), N_("the line before that matches"), _LOG),
    "find_error": Action(("e",), N_("error"), N_("the next line that looks like an error"), _LOG),
    "jump": Action(
        ("colon",), N_("go to"), N_("go to a line, a percentage, a time, the start or the end"), _LOG
    ),
    "next_source": Action(
        ("right_square_bracket",), N_("next log"), N_("the next rank, agent or supervisor"), _LOG
    ),
    "previous_source": Action(
        ("left_square_bracket",), N_("log before"), N_("the rank, agent or supervisor before"), _LOG
    ),
    "times": Action(("t",), N_("times"), N_("show when each line came"), _LOG),
    "wrap": Action(("w",), N_("wrap"), N_("wrap long lines"), _LOG),
    # the machine
    "metric": Action(
        ("m",), N_("metric"), N_("what the chart shows: utilisation, memory, power, temperature …"), _MACHINE
    ),
    "clean_up": Action(
        ("x",),
        N_("clean up"),
        N_("find processes that ended runs left on GPUs, and end them after asking"),
        _MACHINE,
        changes=True,
    ),
    "measure": Action(
        ("enter",), N_("run"), N_("run the selected measurement, or do the check again"), _MACHINE
    ),
    # everywhere
    "filter": Action(("slash",), N_("filter"), N_("show only what matches; esc shows all again"), EVERYWHERE),
    "sort": Action(("o",), N_("sort"), N_("another order")),
    "next_pane": Action(("tab",), N_("pane"), N_("go to the next pane"), EVERYWHERE),
    "maximise": Action(("z",), N_("maximise"), N_("the focused pane alone, and back"), EVERYWHERE),
    "copy": Action(("y",), N_("copy"), N_("copy to the clipboard of your terminal"), EVERYWHERE),
    "picture": Action(
        ("ctrl+e",), N_("picture"), N_("save a picture of this screen as an SVG file"), EVERYWHERE
    ),
    "back": Action(("escape",), N_("back"), N_("back to where you came from"), EVERYWHERE),
    "palette": Action(
        ("ctrl+p",), N_("palette"), N_("find a page, run, profile, language or theme by name"), EVERYWHERE
    ),
    "help": Action(("question_mark",), N_("help"), N_("this list"), EVERYWHERE),
    "quit": Action(("q",), N_("quit"), N_("close the panel; runs go on"), EVERYWHERE),
}

GLOBAL_ACTIONS = ("copy", "picture", "maximise", "next_pane", "back", "palette", "help", "quit")

_NAMES = {
    "escape": "esc", "question_mark": "?", "slash": "/", "plus": "+", "minus": "-", "less_than_sign": "<",
    "greater_than_sign": ">",
    "colon": ":", "left_square_bracket": "[", "right_square_bracket": "]",
    "equals_sign": "=", "left": "←", "right": "→", "up": "↑", "down": "↓",
}  # fmt: skip

ARROWS = {"h": "left", "j": "down", "k": "up", "l": "right"}

# What an input method for Chinese or Japanese sends in its full-width mode. 、 is what / gives in Chinese
# punctuation.
_FULL_WIDTH = {"。": ".", "、": "/", "《": "<", "》": ">", "　": " ", "—": "-"}


def key_name(key: str) -> str:
    """A key as people write it: `esc`, `?`, `ctrl+p`."""
    return _NAMES.get(key, key)


_own: dict[str, tuple[str, ...]] = {}


def use(own: Mapping[str, tuple[str, ...]]) -> None:
    """Other keys for some actions, from now on; what isn't named has its default again."""
    _own.clear()
    _own.update(own)


def keys(action: str) -> tuple[str, ...]:
    """The keys that the action has now, in Textual's names."""
    return _own.get(action) or KEYMAP[action].keys


def changes(action: str) -> bool:
    """Whether the action changes something, and so isn't there when the panel is read-only."""
    return action in KEYMAP and KEYMAP[action].changes


def shown_key(action: str) -> str:
    """Its first key as people write it, for texts that name it."""
    return key_name(keys(action)[0])


def bindings(actions: Iterable[str]) -> list[Binding]:
    """Textual's bindings for these actions with their default keys; each has its action's name as id, by
    which
    the app gives it the keys of the settings."""
    return [
        Binding(",".join(KEYMAP[name].keys), name, KEYMAP[name].label, show=False, id=name)
        for name in actions
    ]


def half_width(character: str) -> str | None:
    """The ASCII character meant by a full-width one (`？` → `?`), or None."""
    if character in _FULL_WIDTH:
        return _FULL_WIDTH[character]
    return chr(ord(character) - 0xFEE0) if len(character) == 1 and "！" <= character <= "～" else None
