"""The token kernels against their plain twin, and against what must hold for every run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import (
    Cancelled,
    Group,
    InputError,
    Model,
    Placement,
    Profile,
    ProfileEntry,
    Workload,
    serving_preset,
    simulate,
)
from simulator.generation import (
    STATUS,
    Engine,
    EngineGroup,
    EngineLimits,
    record_engines,
    simulate_generation,
    watch_engines,
)
from tests.generation_cases import one_engine, profile, random_case, random_workload, tokens
from tests.generation_twin import twin_generation

TOLERANCE_S = 1e-9


def assert_same(groups, workload, dispatch, ttft_limits_s=None):
    result = simulate_generation(groups, workload, dispatch, ttft_limits_s=ttft_limits_s)
    requests, twin_groups = twin_generation(groups, workload, dispatch, ttft_limits_s)
    np.testing.assert_array_equal(result.status == STATUS.index("rejected"), [r.rejected for r in requests])
    np.testing.assert_array_equal(result.engine, [r.engine for r in requests])
    np.testing.assert_array_equal(result.preemptions, [r.preemptions for r in requests])
    for name in ("scheduled_s", "first_token_s", "last_token_s"):
        np.testing.assert_allclose(
            getattr(result, name), [getattr(r, name) for r in requests], rtol=0, atol=TOLERANCE_S
        )
    return sum(g.preemptions for g in twin_groups)


def test_kernel_equals_twin_on_random_cases_with_thousands_of_preemptions():
    assert sum(assert_same(*random_case(seed)) for seed in range(60)) > 3000


def test_kernel_equals_twin_where_predictions_turn_requests_away():
    rejected = preempted = 0
    for seed in range(60):
        groups, workload, dispatch = random_case(seed, n=200)
        limits_s = np.random.default_rng(seed).choice([0.05, 0.3, 2.0, np.inf], len(workload.models)).tolist()
        preempted += assert_same(groups, workload, dispatch, limits_s)
        result = simulate_generation(groups, workload, dispatch, ttft_limits_s=limits_s)
        rejected += (result.status == STATUS.index("rejected")).sum()
    assert rejected > 1000 and preempted > 500


def test_a_prediction_on_an_engine_with_room_is_what_happens():
    """Prompts that come one by one and end with their first token: predicted is when they are computed."""
    random = np.random.default_rng(4)
    workload = tokens(np.cumsum(random.exponential(0.08, 400)), random.integers(1, 2000, 400), np.ones(400, int))
    limit_s = 0.12
    result = simulate_generation([one_engine()], workload, ttft_limits_s=[limit_s])
    rejected = result.status == STATUS.index("rejected")
    assert 20 < rejected.sum() < 200
    assert np.nanmax(result.ttft_s) <= limit_s * 1.1
    assert np.isnan(result.first_token_s[rejected]).all() and (result.engine[rejected] == -1).all()
    everybody = simulate_generation([one_engine()], workload, ttft_limits_s=[np.inf])
    assert everybody.served.all() and np.nanmax(everybody.ttft_s) > limit_s


@pytest.mark.parametrize("dispatch", ["round_robin", "fewest_requests", "fewest_tokens", "least_kv"])
def test_kernel_equals_twin_with_many_engines(dispatch):
    workload = random_workload(np.random.default_rng(3), 1000, 60)
    assert assert_same([one_engine(kv_blocks=90)] * 6, workload, dispatch) > 50


def test_kernel_equals_twin_over_long_outputs():
    """Runs of decoding are summed in closed form; blocks run out in the middle of one."""
    random = np.random.default_rng(1)
    workload = tokens(np.cumsum(random.exponential(8, 30)), random.integers(1, 500, 30), random.integers(500, 4000, 30))
    assert assert_same([one_engine(kv_blocks=500)], workload, "round_robin") > 5
    assert_same([one_engine()], workload, "round_robin")


def test_a_million_tokens_take_one_event():
    result = simulate_generation([one_engine(kv_blocks=10**6)], tokens([0, 5], [10, 10], [10**6, 10**6]))
    assert (result.status == 0).all()
    assert result.e2e_s.min() > 10**6 * 10e-3
    segments = record_engines([one_engine(kv_blocks=10**6)], tokens([0, 5], [10, 10], [10**6, 10**6])).segments
    assert len(segments) < 200 and segments.iterations.sum() > 10**6


def test_a_request_larger_than_the_pool_is_too_long_and_delays_nobody():
    groups = [one_engine(kv_blocks=10)]
    alone = simulate_generation(groups, tokens([1], [100], [20]))
    beside = simulate_generation(groups, tokens([0, 0, 1], [161, 100, 100], [1, 62, 20]))
    assert [STATUS[s] for s in beside.status] == ["too_long", "too_long", "served"]
    assert beside.last_token_s[2] == alone.last_token_s[0]
    assert np.isnan(beside.first_token_s[:2]).all()
    fits = simulate_generation(groups, tokens([0], [100], [61]))
    assert STATUS[fits.status[0]] == "served"


def test_a_model_without_engine_is_unplaced():
    result = simulate_generation([one_engine()], tokens([0, 0], [1, 1], [1, 1], [0, 1], ("a", "b")))
    assert [STATUS[s] for s in result.status] == ["served", "unplaced"]


@settings(max_examples=60)
@given(seed=st.integers(1000, 10**6))
def test_tokens_and_blocks_are_conserved(seed):
    groups, workload, dispatch = random_case(seed, n=80)
    result, series = simulate_generation(groups, workload, dispatch), record_engines(groups, workload, dispatch)
    segments, events = series.segments, series.events
    served = result.served
    # Every token after the first of an incarnation is made by one decoding request in one iteration; every prompt
    # computed to its end makes one.
    made = (segments.iterations * segments.decoding).sum()
    lost = events[events.kind == "preempted"]
    computed = events[events.kind == "prefill"].tokens.sum() + made
    assert computed - lost.tokens.sum() == (workload.input_tokens + workload.output_tokens - 1)[served].sum()
    assert len(lost) == result.preemptions.sum()
    assert segments.pool_used.between(0, 1).all()
    engines = [engine for group in groups for engine in group.engines]
    for e, rows in segments.groupby("engine"):
        limits = engines[e].limits
        assert (rows.decoding + rows.prefilling <= limits.max_num_seqs).all()
        if limits.chunked_prefill:
            assert (rows.decoding + rows.prefill_tokens <= limits.max_num_batched_tokens).all()
    first = 0
    for group in groups:
        mine = segments[segments.engine.between(first, first + len(group.engines) - 1)]
        assert (mine.begin_s.to_numpy()[1:] >= mine.end_s.to_numpy()[:-1] - 1e-12).all()
        first += len(group.engines)


def binned(series, engines, edges_s, name, most=False):
    """A column of the recorded segments in bins, plainly: mean over the time in which an engine computes, or most."""
    found = np.full((engines, edges_s.size - 1), np.nan)
    for e in range(engines):
        rows = series.segments[series.segments.engine == e]
        for b, (low, high) in enumerate(zip(edges_s, edges_s[1:], strict=False)):
            length_s = np.minimum(rows.end_s, high) - np.maximum(rows.begin_s, low)
            inside = length_s > 0
            if inside.any():
                values = rows[name][inside]
                found[e, b] = values.max() if most else np.average(values, weights=length_s[inside])
    return found


@pytest.mark.parametrize("seed", range(12))
def test_engines_over_time_are_the_recorded_iterations_in_bins(seed):
    groups, workload, dispatch = random_case(seed)
    engines = sum(len(group.engines) for group in groups)
    # The span leaves out something at both ends.
    span_s = float(workload.arrival_s[20]), float(workload.arrival_s[-20])
    result, bins = watch_engines(groups, workload, dispatch, 15, span_s)
    np.testing.assert_array_equal(result.last_token_s, simulate_generation(groups, workload, dispatch).last_token_s)
    series = record_engines(groups, workload, dispatch)
    segments, edges_s = series.segments, bins.edges_s
    assert edges_s[0] == span_s[0] and edges_s[-1] == pytest.approx(span_s[1])
    segments["tokens"] = segments.decoding + segments.prefill_tokens
    segments["prompts"] = segments.prefilling > 0
    for name, column in (("tokens", "tokens"), ("running", "running"), ("waiting", "waiting"), ("prompts", "prompts"),
                         ("cache", "pool_used")):  # fmt: skip
        expected = binned(series, engines, edges_s, column)
        np.testing.assert_allclose(getattr(bins, name), expected, rtol=1e-6, atol=1e-9)
    for name, column in (("peak_cache", "pool_used"), ("most_waiting", "waiting")):
        expected = np.nan_to_num(binned(series, engines, edges_s, column, most=True))
        np.testing.assert_allclose(getattr(bins, name), expected)
    assert bins.preemptions.sum() <= bins.whole["preemptions"].sum() == result.preemptions.sum()
    busy_s = np.bincount(segments.engine, segments.end_s - segments.begin_s, minlength=engines)
    np.testing.assert_allclose(bins.whole["busy"], busy_s)
    assert bins.busy.max() <= 1


def test_a_recorded_span_is_the_part_of_the_whole():
    groups, workload, dispatch = random_case(3)
    span_s = float(workload.arrival_s[100]), float(workload.arrival_s[140])
    whole, part = record_engines(groups, workload, dispatch), record_engines(groups, workload, dispatch, span_s)
    segments = whole.segments[(whole.segments.end_s > span_s[0]) & (whole.segments.begin_s < span_s[1])]
    events = whole.events[whole.events.at_s.between(*span_s, inclusive="left")]
    assert 0 < len(segments) < len(whole.segments)
    np.testing.assert_array_equal(part.segments, segments)
    np.testing.assert_array_equal(part.events.drop(columns="segment"), events.drop(columns="segment"))


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_times_of_a_request_are_in_order(seed):
    groups, workload, dispatch = random_case(seed, n=60)
    result = simulate_generation(groups, workload, dispatch)
    served = result.served
    assert (result.scheduled_s >= workload.arrival_s)[served].all()
    assert (result.first_token_s > result.scheduled_s)[served].all()
    one = workload.output_tokens == 1
    assert (result.last_token_s > result.first_token_s)[served & ~one].all()
    assert (result.last_token_s == result.first_token_s)[served & one].all()


def test_a_second_engine_in_a_group_costs_nothing_while_idle():
    """Two models that share a group: the one without requests changes nothing."""
    groups, workload, _ = random_case(5)
    engine = groups[0].engines[0]
    other = type(engine)("idle", engine.profile, engine.limits)
    alone = EngineGroup((engine,), kv_pool_bytes=4e6)
    shared = EngineGroup((engine, other), kv_pool_bytes=4e6)
    for dispatch in ("round_robin", "least_kv"):
        a, b = (simulate_generation([g], workload, dispatch) for g in (alone, shared))
        np.testing.assert_array_equal(a.last_token_s, b.last_token_s)


def test_one_token_outputs_of_equal_prompts_are_the_queue_that_the_other_simulator_serves():
    """One sequence at a time, one token each: a queue with constant service, as `simulator.simulate` has it."""
    random = np.random.default_rng(7)
    groups = [one_engine(max_num_seqs=1)] * 3
    service_s = groups[0].engines[0].profile.iteration_s(0, 0, [(0, 200)])
    arrival_s = np.cumsum(random.exponential(service_s / 3 / 0.9, 5000))
    model = Model("a", Profile("p", {(1, 1): ProfileEntry(1, 1, (service_s,), (1.0,))}, alone_s=service_s), 1e6)
    placement = Placement((Group(1, 1, ("a",)),) * 3)
    serving = serving_preset("published", dispatch="shortest_queue", response_delay_s=0.0, admission="none",
                             stage_overhead=0.0)  # fmt: skip
    expected = simulate([model], placement, Workload(arrival_s, np.zeros(5000, int), 1), serving)
    result = simulate_generation(groups, tokens(arrival_s, np.full(5000, 200), np.ones(5000, int)), "fewest_requests")
    np.testing.assert_array_equal(result.engine, expected.group)
    np.testing.assert_allclose(result.last_token_s, expected.finish_s, rtol=0, atol=TOLERANCE_S)
    wait_s = (result.scheduled_s - arrival_s)[500:]
    assert wait_s.mean() > service_s / 2


def test_bad_input_is_one_sentence():
    with pytest.raises(InputError, match="Request 1 has 0 input_tokens; 1 to 10\u202f000\u202f000"):
        tokens([0, 1], [5, 0], [1, 1])
    with pytest.raises(InputError, match=r"Request 0 has nan output_tokens; a whole number"):
        tokens([0, 1], [5, 5], [np.nan, 1])
    with pytest.raises(InputError, match=r"Request 0 has -3 output_tokens"):
        tokens([0, 1], [5, 5], [-3, 1])
    with pytest.raises(InputError, match="max_num_batched_tokens is 16 and max_num_seqs 32"):
        EngineLimits(16, 32)
    with pytest.raises(InputError, match="needs kv_pool_bytes"):
        EngineGroup(one_engine().engines + (Engine("b", profile(), EngineLimits()),))
    with pytest.raises(InputError, match="dispatch is 'best'"):
        simulate_generation([one_engine()], tokens([0], [1], [1]), "best")


def test_stopping_raises_cancelled():
    with pytest.raises(Cancelled):
        simulate_generation([one_engine()], tokens([0], [1], [1]), on_progress=lambda _: False)
