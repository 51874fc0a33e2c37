"""Tree → `Profile`, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, ProfileError, shown
from runtime.profile.nodes import MapNode, Node, ScalarNode, plain
from runtime.profile.schema import Profile
from runtime.profile.translate import problems_of, without_unknown_keys


def validated(root: Node, known: Sequence[Problem] = ()) -> Profile:
    """The profile that the tree says. `known`: what reading it found wrong, with null in its place in the
    tree.

    Raises:
        ProfileError: with every problem that can be told; rules between sections are checked once all values
            are right.
    """
    if known and not isinstance(root, MapNode):
        raise ProfileError(known)
    if (isinstance(root, MapNode) and not root.entries) or (
        isinstance(root, ScalarNode) and root.value is None
    ):
        message = Message(N_("the profile is empty"))
        raise ProfileError([*known, Problem(root.mark.file, root.mark.line, None, message)])
    if not isinstance(root, MapNode):
        template = N_("a profile must have keys (such as job: pretrain), not {value}")
        message = Message(template, {"value": shown(plain(root))})
        raise ProfileError([Problem(root.mark.file, root.mark.line, None, message)])
    found: list[Problem] = []
    try:
        profile = Profile.model_validate(plain(root))
    except ValidationError as error:
        found = _all_problems(error, root)
    if not known and not found:
        return profile
    blamed = {problem.key for problem in known}
    found = [*known, *(problem for problem in found if problem.key not in blamed)]
    main = root.mark.file
    raise ProfileError(
        sorted(found, key=lambda problem: (problem.file != main, problem.file or "", problem.line or 0))
    ) from None


def _all_problems(error: ValidationError, root: Node) -> list[Problem]:
    errors = error.errors(include_url=False)
    found = list(problems_of(errors, root))
    unknown = [details["loc"] for details in errors if details["type"] == "extra_forbidden"]
    if unknown:
        # An unknown key keeps the rules of its section from being checked: look again as if it were right.
        repaired = without_unknown_keys(root, unknown)
        try:
            Profile.model_validate(plain(repaired))
        except ValidationError as second:
            keys = {problem.key for problem in found}
            again = problems_of(second.errors(include_url=False), repaired)
            found += [problem for problem in again if problem.key not in keys]
    return found
