"""Where a training begins, and what it goes back to: random weights, weights brought along, a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.data.prepared import PreparedData
from runtime.jobs.worker import WorkerContext
from runtime.messages import N_, UsageError

if TYPE_CHECKING:
    from runtime.train.restoring import Restored
    from runtime.train.strategies import Strategy


class Origin:
    """Gives the live model and optimizer of one rank their state. All methods are collective."""

    def __init__(self, context: WorkerContext, data: PreparedData, model: Any, strategy: Strategy) -> None:
        """`model` is as it was built, its values not yet on the device."""
        self._context, self._data, self._strategy = context, data, strategy
        self._model = model
        assert context.profile.train is not None
        self._seed = context.profile.train.seed

    def build(self) -> Any:
        """A model with the values that this run begins with, on the CPU."""
        return build_model(self._context, self._data)

    def seed(self) -> None:
        """Seed this rank's generators as at the beginning."""
        from runtime.train import random_states

        random_states.seed_everything(random_states.derived_seed(self._seed, 0, self._context.rank))

    def begin(self, optimizer: Any) -> Restored:
        """The state that this attempt starts from: the checkpoint that it was told to resume, or the
        beginning."""
        from runtime.train.restoring import Restored, restore

        context = self._context
        if context.resume is None:
            self._bring_weights()
            return Restored(0, 0, self._data.manifest.fingerprint)
        checkpoint = context.run_dir.checkpoints / str(context.resume["checkpoint"])
        restored = restore(checkpoint, self._model, optimizer, self._strategy, self._seed)
        if context.rank == 0:
            self._tell(restored, checkpoint.name)
        return restored

    def rewind(self, optimizer: Any, step: int) -> Restored:
        """The state of the newest valid checkpoint up to `step`; without one, of the beginning."""
        from runtime.train.exchange import share_json
        from runtime.train.restoring import restore

        name = share_json(self._newest(step), self._strategy.checkpoint_group)[0]
        if name is None:
            return self._anew(optimizer)
        checkpoint = self._context.run_dir.checkpoints / str(name)
        return restore(checkpoint, self._model, optimizer, self._strategy, self._seed)

    def _newest(self, step: int) -> str | None:
        """On rank 0 the name of the checkpoint to go back to. Those that turn out damaged are set aside."""
        from runtime.run.checkpoints import invalidate, newest_valid

        context = self._context
        if context.rank != 0:
            return None
        checkpoint, rejected = newest_valid(context.run_dir, before=step + 1)
        for item in rejected:
            if item.checkpoint.state != "foreign":
                invalidate(item.checkpoint, item.problems)
            problems = [str(problem) for problem in item.problems]
            context.report("checkpoint_invalid", step=item.checkpoint.step, problems=problems)
        return checkpoint.name if checkpoint is not None else None

    def _anew(self, optimizer: Any) -> Restored:
        """Begin again, in the parameters that are there: others hold on to them."""
        import torch

        from runtime.train.restoring import Restored

        with torch.no_grad():
            fresh = self.build().state_dict()
            for name, value in self._model.state_dict().items():
                value.copy_(fresh[name])
        optimizer.state.clear()
        self._bring_weights()
        self.seed()
        return Restored(0, 0, self._data.manifest.fingerprint)

    def _bring_weights(self) -> None:
        """Loads the weights that the run brought along, if it is a new run from weights."""
        context = self._context
        assert context.profile.model is not None
        address = context.profile.model.weights
        if address is None:
            return
        from runtime.run.brought import brought_weights
        from runtime.train.restoring import restore_weights

        checkpoint = brought_weights(context.run_dir)
        if checkpoint is None:
            raise UsageError(N_("the weights of {address} are missing in artifacts/weights"), address=address)
        restore_weights(checkpoint, self._model, self._strategy)
        if context.rank == 0:
            context.say(
                f"begins with the weights of {address}; optimizer, step and order of the data are fresh"
            )

    def _tell(self, restored: Restored, name: str) -> None:
        say = self._context.say
        say(f"resuming after step {restored.step} from {name}")
        if not restored.exact:
            say("another world size or device: the same samples, but other random numbers for dropout")
        if restored.data_fingerprint != self._data.manifest.fingerprint:
            say("the data is not what the checkpoint was trained on: the order of samples is another")


def build_model(context: WorkerContext, data: PreparedData) -> Any:
    """The model of the profile with random weights, a pure function of the seed, on the CPU."""
    from runtime.model.build import build, padded_vocabulary

    profile = context.profile
    assert profile.model is not None
    assert profile.train is not None
    vocabulary = padded_vocabulary(profile.model, data.manifest.vocabulary_size)
    return build(profile.model, vocabulary, profile.train.seed, end_of_text=data.manifest.end_of_text)
