"""`notify`: whom to tell of a run, and of what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from runtime.messages import N_
from runtime.profile.schema.base import Listed, Section, Text, Violation, enforce, violation
from runtime.profile.schema.launch import EnvironmentName

Occasion = Literal["start", "end", "fault", "hang"]


class Notify(Section):
    """One receiver of notifications, as in the settings file's [[notify]].

    A web address is a secret and stands in no profile: `url_env` names the environment variable that holds
    it,
    `url_file` a file. `argv` is the program of kind command: it gets the JSON document on standard input, and
    no shell is between. `timeout` in seconds, for one try.
    """

    kind: Literal["json", "slack", "feishu", "dingtalk", "command"]
    on: Annotated[tuple[Occasion, ...], Listed, Field(min_length=1)] = ("start", "end", "fault", "hang")
    url_env: EnvironmentName | None = None
    url_file: Text | None = None
    argv: Annotated[tuple[Text, ...], Listed, Field(min_length=1)] | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] = 10.0

    @model_validator(mode="after")
    def _check_rules(self) -> Notify:
        enforce(self._address_rules())
        return self

    def _address_rules(self) -> list[Violation]:
        if self.kind == "command":
            if self.argv is None:
                return [violation("", N_("kind command needs argv: the program and its arguments, a list"))]
            if self.url_env is not None or self.url_file is not None:
                return [
                    violation(
                        "kind", N_("kind command runs argv and has no address; remove url_env, url_file")
                    )
                ]
            return []
        if self.argv is not None:
            return [violation("argv", N_("only kind command has argv"), "kind")]
        if (self.url_env is None) == (self.url_file is None):
            return [violation("", N_("say where the address is: url_env or url_file, one of the two"))]
        return []
