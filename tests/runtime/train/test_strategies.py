"""Strategies over real gloo groups."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runtime.train.exchange import share_json
from runtime.train.orders import Decision, LocalBits, OrderExchange
from runtime.train.strategies import Strategy, open_strategy
from tests.runtime.train.forking import CPU, run_ranks
from tests.runtime.train.small import VOCABULARY, Small


def test_the_name_chooses_and_contradictions_are_refused() -> None:
    assert open_strategy("auto", rank=0, world_size=1, device=CPU, rendezvous="").name == "single"
    with pytest.raises(ValueError, match="there are 2"):
        open_strategy("single", rank=0, world_size=2, device=CPU, rendezvous="")
    with pytest.raises(ValueError, match="not known"):
        open_strategy("magic", rank=0, world_size=1, device=CPU, rendezvous="")


@pytest.mark.parametrize("world_size", [1, 3])
def test_every_rank_gets_every_value_and_the_same_sums(tmp_path: Path, world_size: int) -> None:
    def body(strategy: Strategy) -> None:
        given = {"rank": strategy.rank, "text": "x" * strategy.rank * 100}
        shared = share_json(given, strategy.checkpoint_group)
        assert [value["rank"] for value in shared] == list(range(world_size))
        assert [len(value["text"]) for value in shared] == [rank * 100 for rank in range(world_size)]
        total = strategy.begin_sum([1.0, float(strategy.rank)])
        greatest = strategy.begin_maximum([strategy.rank, -1])
        assert greatest.wait() == [world_size - 1, -1]
        assert total.wait() == [world_size, sum(range(world_size))]
        strategy.barrier()

    assert run_ranks(world_size, tmp_path, body) == [0] * world_size


def test_gradients_are_added_in_the_same_order_from_the_first_step_on(tmp_path: Path) -> None:
    """DDP regroups its buckets after the first backward; with three ranks that would show in the last bit."""

    def body(strategy: Strategy) -> None:
        small = Small.create(layers=3)
        module = strategy.prepare(small.objective)
        generator = torch.Generator().manual_seed(strategy.rank)
        tokens = torch.randint(0, VOCABULARY, (4, 17), generator=generator)
        gradients = []
        for _ in range(3):
            with strategy.synchronised(module, last=True):
                module(tokens[:, :-1], tokens[:, 1:], strategy.loss_scale() / 192).objective.backward()
            gradients.append([p.grad.clone() for p in small.objective.parameters() if p.grad is not None])
            module.zero_grad(set_to_none=True)
        for later in gradients[1:]:
            assert all(torch.equal(a, b) for a, b in zip(gradients[0], later, strict=True))

    assert run_ranks(3, tmp_path, body) == [0, 0, 0]


def test_one_rank_s_signal_and_rank_0_s_orders_reach_all_at_the_same_step(tmp_path: Path) -> None:
    def body(strategy: Strategy) -> None:
        bits = LocalBits()
        exchange = OrderExchange(strategy, lambda: bits)

        def exchanged(give_up: bool = False) -> Decision:
            exchange.begin(give_up)
            return exchange.finish()

        nothing = Decision(stop=False, save=False, give_up=False)
        assert exchanged() == nothing
        if strategy.rank == 0:
            bits = LocalBits(save=2)
        assert exchanged() == Decision(stop=False, save=True, give_up=False)
        assert exchanged() == nothing  # a request is carried out once
        if strategy.rank == 1:
            bits = LocalBits(stop=True)
        assert exchanged() == Decision(stop=True, save=True, give_up=False)
        if strategy.rank == 0:
            bits = LocalBits(save=2, stop_without_saving=True)
        assert exchanged() == Decision(stop=True, save=False, give_up=False)
        bits = LocalBits(save=2)
        assert exchanged(give_up=strategy.rank == 1) == Decision(stop=False, save=False, give_up=True)

    assert run_ranks(2, tmp_path, body) == [0, 0]
