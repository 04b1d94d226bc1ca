"""The two passes of the parallelisation: the integer program and the dynamic program, against enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.parallelise import build_operators, cut_stages, equal_cut, load_architectures, load_hardware, shard_stage
from planner.parallelise.operators import GIB
from planner.parallelise.plans import Setting, make_plans
from planner.parallelise.sharding import STRATEGIES, evaluate_stage, solve_sharding
from simulator.errors import InputError

V100 = load_hardware()["v100-16gb"]
MODELS = load_architectures()


def slowest(latency, starts, hops):
    ends = [*starts[1:], len(latency)]
    return max(sum(latency[a:b]) + hop for a, b, hop in zip(starts, ends, hops, strict=True))


def fullest(weights, starts):
    return max(sum(weights[a:b]) for a, b in zip(starts, [*starts[1:], len(weights)], strict=True))


def every_cut(count, stages):
    return ([0, *inner] for inner in itertools.combinations(range(1, count), stages - 1))


positive = st.floats(0.001, 10, allow_nan=False)


@st.composite
def chains(draw):
    latency = draw(st.lists(positive, min_size=1, max_size=9))
    stages = draw(st.integers(1, len(latency)))
    weights = draw(st.lists(positive, min_size=len(latency), max_size=len(latency)))
    hops = [0.0] + draw(st.lists(st.floats(0, 3), min_size=stages - 1, max_size=stages - 1))
    limit = draw(st.one_of(st.just(np.inf), st.floats(0.5, 40)))
    return latency, stages, hops, weights, limit


@given(chains())
@settings(max_examples=200)
def test_the_dynamic_program_finds_the_fastest_slowest_stage_of_all_cuts(case):
    latency, stages, hops, weights, limit = case
    allowed = [cut for cut in every_cut(len(latency), stages) if fullest(weights, cut) <= limit]
    found = cut_stages(latency, stages, hops, weights, limit)
    if not allowed:
        assert found is None
        return
    best = min(slowest(latency, cut, hops) for cut in allowed)
    assert found in allowed
    assert slowest(latency, found, hops) <= best * (1 + 1e-3) + 1e-9


@given(chains())
@settings(max_examples=100)
def test_of_equally_fast_cuts_the_one_with_the_lightest_fullest_stage_is_taken(case):
    latency, stages, hops, weights, _ = case
    best = min(slowest(latency, cut, hops) for cut in every_cut(len(latency), stages))
    equally_fast = [c for c in every_cut(len(latency), stages) if slowest(latency, c, hops) <= best * (1 + 1e-3 - 1e-9)]
    found = cut_stages(latency, stages, hops, weights)
    assert fullest(weights, found) <= min(fullest(weights, cut) for cut in equally_fast) + 1e-9


def test_more_stages_than_operators_are_refused():
    with pytest.raises(InputError, match="2 operators cannot be cut into 3 stages"):
        cut_stages([1.0, 1.0], 3)


def test_the_equal_cut_gives_every_stage_as_many_layers():
    chain = build_operators(MODELS["bert-1.3b"])
    assert equal_cut(chain, 8) == [0, 7, 13, 19, 25, 31, 37, 43]
    assert [end - start for start, end in itertools.pairwise([*equal_cut(chain, 5), len(chain)])] == [11, 10, 10, 10, 9]


@st.composite
def graphs(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    costs, weights, activations = ([numbers.uniform(0.1, 2, size) for size in sizes] for _ in range(3))
    pairs = draw(st.sets(st.tuples(*[st.integers(0, len(sizes) - 1)] * 2), max_size=6))
    resharding = {(v, w): numbers.uniform(0, 1, (sizes[v], sizes[w])) for v, w in pairs}
    limit = draw(st.floats(0.3, 10))
    memory = draw(st.floats(0.3, 12))
    return costs, resharding, weights, activations, limit, memory


def total_cost(pick, costs, resharding):
    own = sum(cost[i] for cost, i in zip(costs, pick, strict=True))
    return own + sum(edge[pick[v], pick[w]] for (v, w), edge in resharding.items())


@given(graphs())
@settings(max_examples=120)
def test_the_integer_program_finds_the_cheapest_choice_under_both_memory_limits(case):
    costs, resharding, weights, activations, limit, memory = case

    def fits(pick, slack):
        held = sum(weight[i] for weight, i in zip(weights, pick, strict=True))
        peak = max(activation[i] for activation, i in zip(activations, pick, strict=True))
        return held <= limit + slack and held + peak <= memory + slack

    every = list(itertools.product(*(range(len(cost)) for cost in costs)))
    found = solve_sharding(costs, resharding, weights, activations, limit, memory)
    surely = [pick for pick in every if fits(pick, -1e-5)]
    if found is None:
        assert not surely
        return
    assert fits(found, 1e-5)
    best = min((total_cost(pick, costs, resharding) for pick in surely), default=np.inf)
    assert total_cost(found, costs, resharding) <= best + 1e-5


@pytest.mark.parametrize("name", ["bert-1.3b", "moe-1.3b", "llama-3.2-1b"])
def test_the_sharding_of_a_small_stage_is_the_cheapest_of_all_that_fit(name):
    device = V100 if name != "llama-3.2-1b" else load_hardware()["a100-40gb"]
    chain = build_operators(MODELS[name], stages=2)
    stage = (*chain[:5], chain[-1])
    found = shard_stage(stage, device, 4)
    kinds = list(dict.fromkeys(stage))
    picks = (dict(zip(kinds, pick, strict=True)) for pick in itertools.product(*map(choices, kinds)))
    every = [evaluate_stage(stage, [pick[operator] for operator in stage], device, 4) for pick in picks]
    leanest = min(stage.weight_bytes for stage in every)
    best = min(s.latency_s for s in every if s.weight_bytes <= 1.02 * leanest)
    assert found.latency_s == pytest.approx(best, rel=1e-6)


def choices(operator):
    axes = dict(operator.units)
    return [strategy for strategy in STRATEGIES[operator.kind] if strategy.axis is None or strategy.axis in axes]


def test_no_strategy_splits_tokens_over_devices_that_hold_all_weights():
    assert all(s.axis is not None or s.gives == s.takes == "whole" for kind in STRATEGIES.values() for s in kind)


def test_a_tighter_weight_limit_never_makes_a_stage_faster_and_an_impossible_one_has_no_sharding():
    chain = build_operators(MODELS["bert-2.6b"])
    loose, tight = (shard_stage(chain, V100, 4, weight_limit_gib=limit) for limit in (13.0, 1.3))
    assert tight.latency_s >= loose.latency_s
    assert tight.weight_bytes <= 1.3 * GIB
    assert shard_stage(chain, V100, 4, weight_limit_gib=1.2) is None


def test_activations_count_against_the_memory():
    chain = build_operators(MODELS["bert-1.3b"])
    assert shard_stage(chain, V100, 2) is not None
    assert shard_stage(chain, V100, 2, memory_gib=1.4) is None


def test_bert_104b_is_sharded_and_cut_for_32_devices():
    plans, left_out = make_plans(Setting(MODELS["bert-104b"], V100), [(4, 8), (8, 4)])
    assert not left_out
    assert len(plans[4, 8].strategies) == 2 * 128 + 2
