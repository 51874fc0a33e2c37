"""Tree → `Profile`, or all that is wrong with it."""

from __future__ import annotations

from pydantic import ValidationError

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, ProfileError, shown
from runtime.profile.nodes import MapNode, Node, plain
from runtime.profile.schema import Profile
from runtime.profile.translate import problems_of, without_unknown_keys


def validated(root: Node) -> Profile:
    """The profile that the tree says.

    Raises:
        ProfileError: with every problem that can be told; rules between sections are checked once all values
            are right.
    """
    if not isinstance(root, MapNode):
        message = Message(
            N_("a profile must have keys (such as job: pretrain), not {value}"), {"value": shown(plain(root))}
        )
        raise ProfileError([Problem(root.mark.file, root.mark.line, None, message)])
    if not root.entries:
        raise ProfileError(
            [Problem(root.mark.file, root.mark.line, None, Message(N_("the profile is empty")))]
        )
    try:
        return Profile.model_validate(plain(root))
    except ValidationError as error:
        raise ProfileError(_all_problems(error, root)) from None


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
            known = {problem.key for problem in found}
            found += [
                p for p in problems_of(second.errors(include_url=False), repaired) if p.key not in known
            ]
    main = root.mark.file
    return sorted(found, key=lambda problem: (problem.file != main, problem.file or "", problem.line or 0))
