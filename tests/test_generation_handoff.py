"""Prompts and later tokens on different engines: the kernels against their plain twin, and what must hold."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.generation import (
    STATUS,
    Engine,
    EngineGroup,
    EngineLimits,
    record_engines,
    request_life,
    simulate_generation,
    watch_engines,
)
from tests.generation_cases import one_engine, profile, random_case, tokens
from tests.generation_twin import twin_split
from tests.test_generation_life import plain_life

TOLERANCE_S = 1e-9


def split_case(seed, n=250):
    """Groups of a random case, each once for prompts and once for later tokens; workload, dispatch, bytes a second."""
    groups, workload, dispatch = random_case(seed, n)
    groups = [replace(group, role=role) for role in ("prefill", "decode") for group in groups]
    return groups, workload, dispatch, float(np.random.default_rng(seed).choice([1e5, 1e6, 1e8, np.inf]))


def assert_same(groups, workload, dispatch, bandwidth):
    result = simulate_generation(groups, workload, dispatch, kv_bandwidth_bytes_per_s=bandwidth)
    first, later, _ = twin_split(groups, workload, dispatch, bandwidth)
    served = {r.number: r for r in first if r.engine >= 0}
    n = len(workload)
    np.testing.assert_array_equal(np.flatnonzero(result.served), sorted(served))
    np.testing.assert_array_equal(result.engine, [served[i].engine if i in served else -1 for i in range(n)])
    np.testing.assert_array_equal(result.handoff.engine, [later[i].engine if i in later else -1 for i in range(n)])
    np.testing.assert_array_equal(
        result.preemptions,
        [served[i].preemptions * (i in served) + (later[i].preemptions if i in later else 0) if i in served else 0
         for i in range(n)],
    )  # fmt: skip
    last = {i: later[i].last_token_s if i in later else r.last_token_s for i, r in served.items()}
    for values, expected in (
        (result.scheduled_s, {i: r.scheduled_s for i, r in served.items()}),
        (result.first_token_s, {i: r.first_token_s for i, r in served.items()}),
        (result.last_token_s, last),
        (result.handoff.arrived_s, {i: r.arrival_s for i, r in later.items()}),
        (result.handoff.joined_s, {i: r.scheduled_s for i, r in later.items()}),
    ):
        np.testing.assert_allclose(values, [expected.get(i, np.nan) for i in range(n)], rtol=0, atol=TOLERANCE_S)
    return sum(r.preemptions for r in later.values()), len(later)


def test_kernel_equals_twin_on_random_cases_with_preemptions_where_tokens_are_made():
    preempted, handed_on = np.sum([assert_same(*split_case(seed)) for seed in range(60)], axis=0)
    assert preempted > 500 and handed_on > 5000


@pytest.mark.parametrize("seed", range(10))
def test_tokens_are_conserved_and_seen_at_the_engines_that_made_them(seed):
    groups, workload, dispatch, bandwidth = split_case(seed)
    result, bins = watch_engines(
        groups, workload, dispatch, 10, (0.0, float(workload.arrival_s[-1])), kv_bandwidth_bytes_per_s=bandwidth
    )
    series = record_engines(groups, workload, dispatch, kv_bandwidth_bytes_per_s=bandwidth)
    segments, events, served = series.segments, series.events, result.served
    made = (segments.iterations * segments.decoding).sum()
    lost = events[events.kind == "preempted"].tokens.sum()
    brought = events[events.kind == "joined"].tokens.sum()
    computed = events[events.kind == "prefill"].tokens.sum() + made
    tokens_s = (workload.input_tokens + workload.output_tokens - 1)[served]
    # What is brought was computed once, and is lost where it is preempted.
    assert computed + brought - lost == tokens_s.sum() + workload.input_tokens[result.handoff.engine >= 0].sum()
    roles = np.array([group.role for group in groups for _ in group.engines])
    assert not segments[roles[segments.engine] == "prefill"].decoding.any()
    joined = events[events.kind == "joined"].set_index("request").at_s
    np.testing.assert_array_equal(result.handoff.joined_s[joined.index], joined)
    assert (segments.pool_used <= 1).all() and bins.whole["preemptions"].sum() == result.preemptions.sum()
    handed = result.handoff.engine >= 0
    assert set(roles[result.handoff.engine[handed]]) == {"decode"} and set(roles[result.engine[served]]) == {"prefill"}
    assert (handed == (served & (workload.output_tokens > 1))).all()
    times_s = (workload.arrival_s, result.scheduled_s, result.first_token_s, result.handoff.arrived_s,
               result.handoff.joined_s, result.last_token_s)  # fmt: skip
    assert all((a[handed] <= b[handed]).all() for a, b in zip(times_s, times_s[1:], strict=False))


@pytest.mark.parametrize("seed", range(5))
def test_the_life_of_every_request_is_that_of_the_twin(seed):
    groups, workload, dispatch, bandwidth = split_case(seed, n=120)
    result = simulate_generation(groups, workload, dispatch, kv_bandwidth_bytes_per_s=bandwidth)
    series = record_engines(groups, workload, dispatch, kv_bandwidth_bytes_per_s=bandwidth)
    first, later, _ = twin_split(groups, workload, dispatch, bandwidth)
    for request in (request for request in first if request.engine >= 0):
        expected = plain_life(request)
        if request.number in later:
            there = later[request.number]
            expected += [("cache moves", request.last_token_s, there.arrival_s, request.input_tokens),
                         ("waits to decode", there.arrival_s, there.scheduled_s, 0)]  # fmt: skip
            expected += plain_life(replace(there, arrival_s=there.scheduled_s))
        expected = [step for step in expected if step[2] > step[1] + TOLERANCE_S]
        life = [s for s in request_life(result, series, request.number) if s.end_s > s.begin_s + TOLERANCE_S]
        assert [(step.kind, step.tokens) for step in life] == [(kind, n) for kind, _, _, n in expected]
        np.testing.assert_allclose(
            [step[1:3] for step in life], [step[1:3] for step in expected], rtol=0, atol=TOLERANCE_S
        )


def test_a_request_alone_is_its_prompt_its_transfer_and_its_tokens():
    prefill, decode = (EngineGroup(one_engine().engines, None, 0.0, role) for role in ("prefill", "decode"))
    result = simulate_generation([prefill, decode], tokens([3.0], [500], [4]), kv_bandwidth_bytes_per_s=1e6)
    cost = profile()
    first_s = 3.0 + cost.iteration_s(0, 0, [(0, 500)])
    arrived_s = first_s + 500 * cost.kv_bytes_per_token / 1e6
    assert result.first_token_s[0] == pytest.approx(first_s, abs=TOLERANCE_S)
    assert result.handoff.arrived_s[0] == pytest.approx(arrived_s, abs=TOLERANCE_S)
    expected_s = arrived_s + sum(cost.iteration_s(1, 500 + i) for i in range(3))
    assert result.last_token_s[0] == pytest.approx(expected_s, abs=TOLERANCE_S)
    assert result.last_engine[0] == 1


def test_what_no_decoding_engine_can_hold_is_too_long_and_without_one_unplaced():
    small = EngineGroup((Engine("a", profile(), EngineLimits(kv_blocks=10)),), None, 0.0, "decode")
    large = EngineGroup(one_engine().engines, None, 0.0, "prefill")
    work = tokens([0, 0], [100, 100], [20, 100])
    result = simulate_generation([large, small], work)
    assert [STATUS[s] for s in result.status] == ["served", "too_long"]
    assert [STATUS[s] for s in simulate_generation([large], work).status] == ["unplaced", "unplaced"]
    assert [STATUS[s] for s in simulate_generation([small], work).status] == ["unplaced", "unplaced"]


def test_roles_that_cannot_be_are_one_sentence():
    with pytest.raises(InputError, match="The role of a group is 'both'; prefill, decode are allowed"):
        EngineGroup(one_engine().engines, None, 0.0, "both")
    prefill = EngineGroup(one_engine().engines, None, 0.0, "prefill")
    with pytest.raises(InputError, match="Model 'a' has groups of a role and groups without one"):
        simulate_generation([prefill, one_engine()], tokens([0], [1], [1]))
