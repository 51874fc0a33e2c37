"""A new run from weights only: which checkpoint `model.weights` means, whether it fits, and bringing it
along.

The run gets hard links of the checkpoint (copies where there can be none) in `artifacts/weights/`, so that it
stands alone; the trainer reads the model's tensors there and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.launch.check import Check
from runtime.launch.linking import link_tree
from runtime.launch.plan_values import prepared_directory
from runtime.messages import N_, HeadnodeError, Message, UsageError, joined
from runtime.run.brought import weights_folder
from runtime.run.checkpoints import Complete, find_checkpoint, parse_address
from runtime.run.complete import read_complete
from runtime.run.files import ForeignSchema, read_json
from runtime.run.layout import RunDirectory
from runtime.run.record import Parent
from runtime.run.tensor_index import model_shapes
from runtime.run.verification import Progress, verify_directory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.profile.tensors import Shape

_MADE_OF = ("sources", "tokenizer", "holdout", "shard_tokens")
"""The keys of `data` that decide what prepared data holds."""
_VOCABULARY_MULTIPLE = 64
_TOLD = 2  # names in a sentence


@dataclass(frozen=True)
class Weights:
    """A checkpoint to begin from. `run`: the one that it lies in, None for a directory of its own."""

    directory: Path
    complete: Complete
    run: RunDirectory | None

    @property
    def address(self) -> str:
        """How the new run's profile names it, wherever it is read."""
        return f"{self.run.run_id}@{self.complete.step}" if self.run is not None else str(self.directory)

    @property
    def parent(self) -> Parent:
        """What the new run's record says."""
        return {"run_id": self.complete.run_id, "step": self.complete.step, "kind": "weights"}


def find_weights(reference: str, workspace: Workspace) -> Weights:
    """The checkpoint that `RUN@STEP`, or the path of a directory (relative to the workspace), means.

    Raises UsageError where there is none, or none that is complete.
    """
    run: RunDirectory | None = None
    given = workspace.root / Path(reference).expanduser()
    if given.is_dir():
        directory = given
    else:
        address = parse_address(reference)
        if address.step is None:
            raise UsageError(
                N_("{reference} is neither a directory nor an address; write RUN@STEP, as in last@400"),
                reference=reference,
            )
        run = workspace.resolve(address.run)
        directory = find_checkpoint(run, address.step).path
    try:
        complete = read_complete(directory)
    except (ForeignSchema, OSError) as error:
        text = str(error.message) if isinstance(error, HeadnodeError) else str(error)
        raise _unusable(directory, text) from error
    if isinstance(complete, Message):
        raise _unusable(directory, str(complete))
    return Weights(directory, complete, run)


def _unusable(directory: Path, problem: str) -> UsageError:
    return UsageError(
        N_("{directory} is no checkpoint to begin from: {problem}"), directory=str(directory), problem=problem
    )


def weights_checks(profile: Profile, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    """Whether the weights that the profile begins with are there and fit its model, by names and shapes. A
    run
    that goes on has its own copy."""
    if profile.model is None or profile.model.weights is None or resume is not None:
        return
    try:
        weights = find_weights(profile.model.weights, workspace)
        found = model_shapes(weights.directory)
    except UsageError as error:
        yield Check(
            "model.weights", "fail", error.message, Message(N_("headnode checkpoints RUN lists them"))
        )
        return
    except OSError as error:
        yield Check("model.weights", "fail", Message("{problem}", {"problem": str(error)}))
        return
    problem = _unlike(profile, workspace, weights, found)
    if problem is not None:
        fix = Message(N_("take the model section of the run that the weights come from"))
        yield Check("model.weights", "fail", problem, fix)
        return
    values = {"address": weights.address, "count": len(found)}
    yield Check("model.weights", "ok", Message(N_("{count} tensors of {address} fit this model"), values))
    yield from _tokenizer(profile, workspace, weights)


def _unlike(
    profile: Profile, workspace: Workspace, weights: Weights, found: dict[str, tuple[int, ...]]
) -> Message | None:
    from runtime.profile.tensors import tensors

    assert profile.model is not None
    wanted = tensors(profile.model, _vocabulary(profile, workspace, weights))
    lacking, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    unlike = [name for name in wanted if name in found and not _fits(wanted[name], found[name])]
    parts = []
    if unlike:
        shapes = [f"{name} {_shape(found[name])} → {_shape(wanted[name])}" for name in unlike[:_TOLD]]
        values = {"count": len(unlike), "names": ", ".join(shapes)}
        parts.append(Message(N_("{count} tensors have another shape ({names})"), values))
    for names, template in (
        (lacking, N_("{count} tensors are missing in the checkpoint ({names})")),
        (unknown, N_("{count} tensors are unknown to the model ({names})")),
    ):
        if names:
            parts.append(Message(template, {"count": len(names), "names": ", ".join(names[:_TOLD])}))
    if not parts:
        return None
    values = {"address": weights.address, "problems": joined(tuple(parts))}
    return Message(N_("the weights of {address} don't fit this model: {problems}"), values)


def _fits(wanted: Shape, found: tuple[int, ...]) -> bool:
    return len(wanted) == len(found) and all(
        size is None or size == known for size, known in zip(wanted, found, strict=True)
    )


def _shape(shape: Shape) -> str:
    return "×".join("?" if size is None else str(size) for size in shape)


def _vocabulary(profile: Profile, workspace: Workspace, weights: Weights) -> int | None:
    """Rows of the embedding; None as long as nobody can say, since the tokenizer is yet to be read."""
    assert profile.model is not None
    if profile.model.vocabulary_size is not None:
        return profile.model.vocabulary_size
    size = (_manifest(profile, workspace, weights) or {}).get("vocabulary_size")
    return -(-size // _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE if isinstance(size, int) else None


def _manifest(profile: Profile, workspace: Workspace, weights: Weights) -> dict[str, object] | None:
    """What is known of the data that the new run will read, where it is prepared already."""
    if profile.data is None:
        return None
    directory = (
        prepared_directory(profile.data.prepared, workspace)
        if profile.data.prepared is not None
        else data_to_bring(profile, weights)
    )
    return read_json(directory / "manifest.json") if directory is not None else None


def data_to_bring(profile: Profile, weights: Weights) -> Path | None:
    """The prepared data of the run that the weights come from, where the new run would make the same; with it
    comes the tokenizer that the weights know."""
    from runtime.profile import ProfileError, read_frozen

    if weights.run is None or profile.data is None or profile.data.sources is None:
        return None
    directory = weights.run.artifacts / "data"
    try:
        theirs = read_frozen(weights.run.profile).data
    except ProfileError:
        return None
    same = theirs is not None and all(getattr(theirs, key) == getattr(profile.data, key) for key in _MADE_OF)
    return directory if same and (directory / "manifest.json").is_file() else None


def _tokenizer(profile: Profile, workspace: Workspace, weights: Weights) -> Iterator[Check]:
    """Weights know the tokens of one tokenizer: another one makes nonsense of them."""
    data = profile.data
    if data is None:
        return
    manifest = _manifest(profile, workspace, weights)
    theirs = _their_tokenizer(weights, workspace)
    if manifest is not None:
        ours = manifest.get("tokenizer_fingerprint")
        if theirs is not None and ours is not None and ours != theirs[1]:
            message = Message(N_("the data was prepared with another tokenizer than the weights know"))
            yield Check("model.weights", "fail", message, _take(theirs[0]))
    elif data.tokenizer is not None and data.tokenizer.train is not None:
        message = Message(N_("a new tokenizer would be trained, and the weights know the tokens of another"))
        yield Check("model.weights", "fail", message, _take(theirs[0] if theirs is not None else None))


def _their_tokenizer(weights: Weights, workspace: Workspace) -> tuple[Path, str] | None:
    """The directory with the tokenizer of the weights, and its fingerprint."""
    from runtime.profile import ProfileError, read_frozen

    if weights.run is None:
        return None
    directory: Path | None = weights.run.artifacts / "data"
    if not (weights.run.artifacts / "data" / "manifest.json").is_file():
        try:
            data = read_frozen(weights.run.profile).data
        except ProfileError:
            return None
        directory = prepared_directory(data.prepared, workspace) if data and data.prepared else None
    manifest = read_json(directory / "manifest.json") if directory is not None else None
    fingerprint = (manifest or {}).get("tokenizer_fingerprint")
    return (directory, fingerprint) if directory is not None and isinstance(fingerprint, str) else None


def _take(directory: Path | None) -> Message:
    path = str(directory / "tokenizer.json") if directory is not None else "TOKENIZER.json"
    return Message(N_("-o data.tokenizer.path={path} takes the one that they know"), {"path": path})


def bring_weights(
    profile: Profile, weights: Weights, new: RunDirectory, progress: Progress | None = None
) -> None:
    """Links the checkpoint, and prepared data that the run would make again, into the new run's directory,
    and
    verifies every byte of the weights there. Raises UsageError where they are damaged, OSError."""
    target = weights_folder(new) / f"step-{weights.complete.step:08d}"
    target.parent.mkdir(parents=True, exist_ok=True)
    link_tree(weights.directory, target)
    result = verify_directory(target, progress, remember=False)
    if not result.ok:
        raise UsageError(
            N_("{directory} is no checkpoint to begin from: {problem}"),
            directory=str(weights.directory),
            problem=joined(result.problems),
        )
    data = data_to_bring(profile, weights)
    if data is not None:
        link_tree(data, new.artifacts / "data")


def profile_from(
    weights: Weights, overrides: Sequence[str], workspace: Workspace, reference: str | None = None
) -> Profile:
    """The profile of a new run from these weights: the one called `reference`, or the one of the run that
    they
    come from as it last was. Raises ProfileError, and UsageError where there is neither."""
    from runtime.profile import apply_overrides, load, read_frozen

    address = f"model.weights={json.dumps(weights.address, ensure_ascii=False)}"
    if reference is not None:
        return load(reference, [address, *overrides], workspace=workspace.root)
    if weights.run is None:
        raise UsageError(
            N_("{directory} lies in no run of this workspace; name a profile for the new run"),
            directory=str(weights.directory),
        )
    own = weights.run.attempt(weights.complete.attempt).profile
    return apply_overrides(read_frozen(own if own.exists() else weights.run.profile), [address, *overrides])
