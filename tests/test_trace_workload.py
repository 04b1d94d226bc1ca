"""A trace becomes a workload: cut, mapped, scaled; every request accounted for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import words
from simulator.errors import InputError
from simulator.traces import Counts, Events, Trace, TraceOptions, build_workload
from simulator.workload import MAX_REQUESTS


def events(arrival_s, source, names=("a", "b", "c", "d", "e"), slo_s=None) -> Trace:
    slo_s = None if slo_s is None else np.array(slo_s, dtype=float)
    return Trace("native", tuple(names), Events(np.array(arrival_s, dtype=float), np.array(source, np.int32), slo_s))


def counts(table) -> Trace:
    table = np.array(table, dtype=np.int32)
    return Trace("azure_functions_2019", tuple(f"f{i}" for i in range(len(table))), Counts(table, 60.0))


FIVE = events([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])


def test_without_options_every_request_is_replayed_as_it_is():
    workload, notices = build_workload(FIVE, ["x", "y"])
    assert workload.arrival_s.tolist() == [0, 1, 2, 3, 4]
    assert workload.model.tolist() == [0, 1, 0, 1, 0]
    assert workload.num_models == 2
    assert notices == ()


def test_the_window_holds_its_start_and_not_its_end_and_times_start_at_zero():
    workload, _ = build_workload(FIVE, ["x"], TraceOptions(start_s=1, duration_s=2))
    assert workload.arrival_s.tolist() == [0, 1]


def test_a_window_without_an_end_holds_the_last_request():
    workload, _ = build_workload(FIVE, ["x"], TraceOptions(start_s=2.5))
    assert workload.arrival_s.tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (TraceOptions(start_s=5), "start_s is 5 s, but the trace ends at 4 s"),
        (TraceOptions(start_s=1.2, duration_s=0.5), "No request falls into the window from 1.2 to 1.7 s"),
    ],
)
def test_a_window_without_requests_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        build_workload(FIVE, ["x"], options)


def test_sources_without_a_request_in_the_window_are_dropped_before_stripes_are_counted():
    workload, _ = build_workload(FIVE, ["x", "y", "z"], TraceOptions(start_s=1, duration_s=3))
    assert workload.model.tolist() == [0, 1, 2]


def test_blocks_are_contiguous_and_nearly_equal():
    workload, _ = build_workload(FIVE, ["x", "y"], TraceOptions(map_models="blocks"))
    assert workload.model.tolist() == [0, 0, 0, 1, 1]


def test_by_name_finds_models_by_the_names_of_the_trace():
    trace = events([0, 1, 2], [0, 1, 0], ["search", "ads"])
    workload, notices = build_workload(trace, ["ads", "idle", "search"], TraceOptions(map_models="by_name"))
    assert workload.model.tolist() == [2, 0, 2]
    assert notices == ("1 of 3 models get no request.",)


def test_by_name_refuses_an_unknown_model_and_lists_the_known_ones():
    with pytest.raises(InputError, match="asks for 'b', but no model has this name .known: a, x."):
        build_workload(FIVE, ["a", "x"], TraceOptions(map_models="by_name"))


def test_by_name_does_not_mind_unknown_models_outside_the_window():
    workload, _ = build_workload(FIVE, ["a"], TraceOptions(map_models="by_name", duration_s=1))
    assert len(workload) == 1


def test_a_mapping_names_sources_and_models_and_leaves_out_the_rest():
    options = TraceOptions(map_models={"a": "y", "e": "x"})
    workload, notices = build_workload(FIVE, ["x", "y"], options)
    assert workload.arrival_s.tolist() == [0, 4]
    assert workload.model.tolist() == [1, 0]
    assert notices == ("3 sources not in map_models left out: b, c, d.",)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"nobody": "x"}, "names the source 'nobody', which the trace does not have .it has a, b"),
        ({"a": "nothing"}, "gives 'a' the model 'nothing'; x are allowed"),
        ({}, "No request is left"),
    ],
)
def test_a_mapping_with_unknown_names_or_nothing_left_is_refused(mapping, words):
    with pytest.raises(InputError, match=words):
        build_workload(FIVE, ["x"], TraceOptions(map_models=mapping))


@pytest.mark.parametrize(("names", "words"), [([], "no model to map"), (["x", "x"], "Two models are called 'x'")])
def test_the_models_need_names_of_their_own(names, words):
    with pytest.raises(InputError, match=words):
        build_workload(FIVE, names)


def test_time_scale_multiplies_times_after_the_cut():
    workload, _ = build_workload(FIVE, ["x"], TraceOptions(start_s=1, duration_s=3, time_scale=0.5))
    assert workload.arrival_s.tolist() == [0, 0.5, 1]


def test_deadlines_go_with_their_requests():
    trace = events([0, 1, 2, 3], [0, 1, 0, 1], slo_s=[0.5, np.nan, 2, 3])
    workload, _ = build_workload(trace, ["x"], TraceOptions(start_s=1, rate_scale=2))
    assert sorted(workload.slo_s[~np.isnan(workload.slo_s)].tolist()) == [2, 2, 3, 3]
    assert np.isnan(workload.slo_s).sum() == 2


def test_a_rate_scale_below_one_keeps_that_share_and_only_requests_of_the_trace():
    arrival_s = np.arange(20_000.0)
    trace = events(arrival_s, np.arange(20_000) % 5)
    workload, _ = build_workload(trace, list("vwxyz"), TraceOptions(rate_scale=0.3, seed=7))
    # Five standard deviations of a binomial.
    assert abs(len(workload) - 6000) < 5 * np.sqrt(20_000 * 0.3 * 0.7)
    assert np.array_equal(workload.arrival_s.astype(int) % 5, workload.model)


def test_a_whole_rate_scale_makes_exactly_that_many_copies():
    workload, _ = build_workload(FIVE, list("vwxyz"), TraceOptions(rate_scale=3))
    assert workload.requests_per_model().tolist() == [3, 3, 3, 3, 3]


def test_a_broken_rate_scale_makes_its_whole_part_and_draws_the_rest():
    trace = events(np.arange(20_000.0), np.zeros(20_000))
    workload, _ = build_workload(trace, ["x"], TraceOptions(rate_scale=2.25))
    assert abs(len(workload) - 45_000) < 5 * np.sqrt(20_000 * 0.25 * 0.75)


def test_a_copy_arrives_between_its_request_and_the_next_of_the_same_source():
    trace = events([0, 10, 11, 50], [0, 1, 0, 1], slo_s=[1, 2, 3, 4])
    options = TraceOptions(rate_scale=200, duration_s=60)
    workload, _ = build_workload(trace, ["x", "y"], options)
    # The deadline tells which request a copy was made of.
    for slo_s, low, high in [(1, 0, 11), (2, 10, 50), (3, 11, 60), (4, 50, 60)]:
        times = workload.arrival_s[workload.slo_s == slo_s]
        assert times.size == 200
        assert low == times.min()
        assert low + 0.9 * (high - low) < times.max() < high


def test_scaling_up_keeps_the_bursts_of_the_trace():
    random = np.random.default_rng(0)
    gaps = random.gamma(1 / 16, 16, 5000)
    workload, _ = build_workload(events(np.cumsum(gaps), np.zeros(5000)), ["x"], TraceOptions(rate_scale=4))
    assert np.diff(workload.arrival_s).std() / np.diff(workload.arrival_s).mean() > 3


def test_the_same_seed_draws_the_same_requests_and_another_one_others():
    trace = events(np.arange(1000.0), np.zeros(1000))
    runs = [build_workload(trace, ["x"], TraceOptions(rate_scale=1.5, seed=s))[0].arrival_s for s in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("how", ["even", "random"])
def test_dequantising_spreads_ticks_before_the_window_is_cut(how):
    trace = events(np.repeat(np.arange(10) * 3.0, 6), np.tile(np.arange(5), 12))
    workload, _ = build_workload(trace, ["x"], TraceOptions(dequantise=how, start_s=3, duration_s=3))
    assert len(workload) == 6
    assert len(set(workload.arrival_s.tolist())) == 6
    if how == "even":
        assert workload.arrival_s.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_dequantising_a_clock_without_tick_is_refused():
    trace = events(np.cumsum(np.random.default_rng(0).random(100)), np.zeros(100))
    with pytest.raises(InputError, match="the trace's clock has no tick"):
        build_workload(trace, ["x"], TraceOptions(dequantise="even"))


def test_counts_cannot_be_replayed_as_they_are():
    with pytest.raises(InputError, match="no arrival times to replay; set resample: gamma"):
        build_workload(counts([[1, 2]]), ["x"])
    with pytest.raises(InputError, match="dequantise is 'even', but a trace of counts"):
        build_workload(counts([[1, 2]]), ["x"], TraceOptions(resample="gamma", dequantise="even"))


@pytest.mark.parametrize("changes", [{"window_s": 90}, {"start_s": 30}, {"duration_s": 100, "window_s": 60}])
def test_windows_of_counts_are_whole_minutes(changes):
    with pytest.raises(InputError, match="counts per 60 s, so a multiple of that is allowed"):
        build_workload(counts([[1, 2, 3]]), ["x"], TraceOptions(resample="gamma", **changes))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("start_s", -1, "start_s is -1; a number from 0"),
        ("start_s", "soon", "start_s is 'soon'"),
        ("duration_s", 0, "duration_s is 0; a number above 0"),
        ("rate_scale", float("nan"), "rate_scale is nan"),
        ("rate_scale", 1e9, "rate_scale is 1000000000.0; a number above 0 and up to 1\u202f000\u202f000"),
        ("time_scale", 0, "time_scale is 0"),
        ("cv_scale", -1, "cv_scale is -1"),
        ("window_s", float("inf"), "window_s is inf"),
        ("seed", -1, "seed is -1; a whole number"),
        ("seed", 1.5, "seed is 1.5"),
        ("seed", True, "seed is True"),
        ("resample", "poisson", "resample is 'poisson'; 'none' or 'gamma' is allowed"),
        ("dequantise", "yes", "dequantise is 'yes'; 'none', 'even' or 'random' is allowed"),
        ("map_models", {"a": ["x"]}, "map_models.a is .*; text is allowed"),
        ("map_models", "random", "map_models is 'random'; 'stripe', 'by_name' or 'blocks'"),
        ("cv_scale", 2, "cv_scale is 2 without resampling; set resample: gamma"),
    ],
)
def test_a_wrong_option_is_refused_by_its_key(key, value, words):
    with pytest.raises(InputError, match=words):
        TraceOptions(**{key: value})


def test_more_requests_than_can_be_simulated_are_refused_before_they_are_made():
    with pytest.raises(
        InputError, match=f"would make 100\u202f000\u202f000 requests; at most {words.count(MAX_REQUESTS)}"
    ):
        build_workload(events(np.arange(100.0), np.zeros(100)), ["x"], TraceOptions(rate_scale=1e6))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 4)), min_size=1, max_size=40),
    st.sampled_from(["stripe", "blocks"]),
    st.floats(0.1, 5),
    st.integers(1, 7),
    st.integers(0, 100),
)
def test_every_workload_is_sorted_starts_at_zero_or_later_and_asks_only_for_models(rows, mapping, scale, models, seed):
    rows = sorted(rows)
    trace = events([time for time, _ in rows], [source for _, source in rows])
    options = TraceOptions(map_models=mapping, rate_scale=scale, seed=seed)
    workload, _ = build_workload(trace, [f"m{i}" for i in range(models)], options)
    copies = len(rows) * np.array([np.floor(scale), np.ceil(scale)])
    assert copies[0] <= len(workload) <= copies[1]
    if len(workload):
        assert workload.arrival_s[0] >= 0
        assert workload.arrival_s[-1] <= trace.end_s
