"""Gamma resampling, held against scipy and against a plain reading of OSDI'23 section 6."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulator import words
from simulator.arrivals import gamma_arrivals
from simulator.errors import InputError
from simulator.traces import Counts, Events, Rates, Trace, TraceOptions, build_workload
from simulator.traces.resample import fit_gamma_shape, windows_of_events
from simulator.workload import MAX_REQUESTS


def resampled(**changes) -> TraceOptions:
    return TraceOptions(resample="gamma", **changes)


def counts(table) -> Trace:
    table = np.array(table, dtype=np.int32)
    return Trace("azure_functions_2019", tuple(f"f{i}" for i in range(len(table))), Counts(table, 60.0))


def bursty_events(seed: int, size: int = 400, sources: int = 5) -> Trace:
    random = np.random.default_rng(seed)
    arrival_s = np.cumsum(random.gamma(0.2, 5.0, size))
    source = random.choice(sources, size, p=np.arange(1, sources + 1) / (sources * (sources + 1) / 2))
    names = tuple(f"f{i}" for i in range(sources))
    return Trace("native", names, Events(arrival_s, source.astype(np.int32)))


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.floats(1e-6, 1e4, allow_subnormal=False), min_size=2, max_size=30).filter(
            lambda gaps: max(gaps) > 1.001 * min(gaps)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_fit_of_all_groups_at_once_is_that_of_scipy_one_by_one(groups):
    gaps = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    shape, mean = fit_gamma_shape(gaps, group, len(groups))
    for i, one in enumerate(groups):
        expected_shape, _, expected_scale = stats.gamma.fit(one, floc=0)
        assert shape[i] == pytest.approx(expected_shape, rel=1e-5)
        assert mean[i] == pytest.approx(expected_shape * expected_scale, rel=1e-5)


def test_equal_gaps_give_a_cv_of_almost_nothing_and_not_an_error():
    shape, mean = fit_gamma_shape(np.full(10, 0.5), np.zeros(10, int), 1)
    assert 1 / math.sqrt(shape[0]) < 1e-3
    assert mean[0] == 0.5


def plain_resample(trace: Trace, num_models: int, options: TraceOptions) -> list[list[float]]:
    """The same as build_workload for events, written as the section reads."""
    content, end_s = trace.content, trace.end_s
    seen = [s for s in range(len(trace.sources)) if s in content.source]
    arrivals = [[] for _ in range(num_models)]
    seed = options.seed
    for model in range(num_models):
        mine = [s for i, s in enumerate(seen) if i % num_models == model]
        times = sorted(t for t, s in zip(content.arrival_s, content.source, strict=True) if s in mine)
        start_s = 0.0
        while start_s < end_s:
            stop_s = min(start_s + options.window_s, end_s)
            inside = [t for t in times if start_s <= t < stop_s or (t == end_s == stop_s)]
            if len(inside) > 2:
                shape, _, scale = stats.gamma.fit(np.diff(inside) + 1e-6, floc=0)
                rate, empirical = 1 / (shape * scale), len(inside) / (stop_s - start_s)
                rate = empirical if rate > 5 * empirical else rate
                cv = math.sqrt(1 / shape) * options.cv_scale
                arrivals[model] += list(gamma_arrivals(rate * options.rate_scale, cv, stop_s - start_s, seed, start_s))
                seed += 1
            start_s += options.window_s
    return arrivals


@pytest.mark.parametrize("seed", range(4))
def test_resampling_events_does_what_the_plain_reading_does(seed):
    trace = bursty_events(seed)
    options = resampled(window_s=40, rate_scale=1.5, cv_scale=1.2, seed=10 * seed)
    workload, _ = build_workload(trace, ["x", "y"], options)
    for model, expected in enumerate(plain_resample(trace, 2, options)):
        # scipy finds the shape to nine digits or so; the arrivals follow it.
        np.testing.assert_allclose(workload.arrival_s[workload.model == model], expected, rtol=1e-5, atol=1e-5)


def test_requests_in_windows_with_two_arrivals_or_fewer_are_lost_with_a_notice():
    trace = Trace("native", ("a",), Events(np.array([0, 1, 100, 101, 102, 103.0]), np.zeros(6, np.int32)))
    workload, notices = build_workload(trace, ["x"], resampled(window_s=50, rate_scale=20))
    assert workload.arrival_s.min() >= 100
    assert notices[0].startswith("2 requests of 6 lost: a window with two arrivals or fewer")


def test_a_window_much_denser_than_its_average_gets_the_empirical_rate():
    arrival_s = np.array([10.0, 10.1, 10.25, 10.3])
    windows, lost = windows_of_events(arrival_s, np.zeros(4, int), 1, 60.0, 60.0)
    assert windows.rate_per_s.tolist() == [4 / 60]
    assert lost == 0


def test_all_requests_at_one_instant_can_be_resampled():
    trace = Trace("native", ("a",), Events(np.full(9, 0.0), np.zeros(9, np.int32)))
    workload, _ = build_workload(trace, ["x"], resampled(rate_scale=10))
    assert (workload.arrival_s < 60).all()


def test_counts_give_each_window_its_own_rate_the_cv_scale_as_cv_and_a_running_seed():
    trace = counts([[60, 0, 120, 6], [0, 0, 0, 0], [30, 600, 0, 0]])
    workload, notices = build_workload(trace, ["x", "y"], resampled(rate_scale=0.5, cv_scale=4, seed=3))
    # The silent second function is dropped, so the third one is the second stripe.
    windows = [(0, 0, 60), (0, 120, 120), (0, 180, 6), (1, 0, 30), (1, 60, 600)]
    for model in (0, 1):
        expected = [
            gamma_arrivals(0.5 * count / 60, 4, 60, 3 + k, start)
            for k, (of, start, count) in enumerate(windows)
            if of == model
        ]
        assert workload.arrival_s[workload.model == model].tolist() == np.concatenate(expected).tolist()
    assert notices == ()


def test_functions_of_one_model_are_added_up_and_minutes_joined_to_windows():
    trace = counts([[60, 0, 120, 6, 9], [1, 2, 3, 4, 0]])
    workload, _ = build_workload(trace, ["x"], resampled(window_s=120, start_s=60))
    expected = [gamma_arrivals((2 + 123) / 120, 1, 120, 0, 0), gamma_arrivals((10 + 9) / 120, 1, 120, 1, 120)]
    assert workload.arrival_s.tolist() == np.concatenate(expected).tolist()


def test_resampled_counts_come_out_as_many_as_were_counted():
    table = np.full((4, 60), 300)
    workload, _ = build_workload(counts(table), list("wxyz"), resampled(window_s=3600))
    # Four Poisson processes of 18,000 requests; five standard deviations.
    assert np.abs(workload.requests_per_model() - 18_000).max() < 5 * math.sqrt(18_000)


def rates(start_s, duration_s, rate, cv, source=None) -> Trace:
    size = len(start_s)
    source = np.zeros(size, np.int32) if source is None else np.array(source, np.int32)
    arrays = (np.array(values, dtype=float) for values in (start_s, duration_s, rate, cv))
    return Trace("servegen", tuple(f"c{i}" for i in range(source.max() + 1)), Rates(source, *arrays))


def test_rate_profiles_are_cut_at_the_window_and_scaled_in_rate_and_cv():
    trace = rates([0, 600, 1200], [600] * 3, [1, 0, 2], [1.5, 0, 3])
    options = resampled(start_s=300, duration_s=1000, rate_scale=2, cv_scale=2, seed=5)
    workload, _ = build_workload(trace, ["x"], options)
    expected = [gamma_arrivals(2, 3, 300, 5, 0), gamma_arrivals(4, 6, 100, 6, 900)]
    assert workload.arrival_s.tolist() == np.concatenate(expected).tolist()


def test_two_clients_of_one_model_keep_their_own_burstiness():
    trace = rates([0, 0], [600, 600], [1, 2], [0.5, 4], source=[0, 1])
    workload, _ = build_workload(trace, ["x"], resampled())
    expected = np.concatenate([gamma_arrivals(1, 0.5, 600, 0), gamma_arrivals(2, 4, 600, 1)])
    assert workload.arrival_s.tolist() == np.sort(expected).tolist()


def test_a_window_with_traffic_and_no_cv_is_taken_as_poisson_with_a_notice():
    workload, notices = build_workload(rates([0], [600], [1], [0]), ["x"], resampled())
    assert workload.arrival_s.tolist() == gamma_arrivals(1, 1, 600, 0).tolist()
    assert notices == ("1 window with traffic but a CV of 0 taken as Poisson (CV 1).",)


def test_too_many_resampled_requests_are_refused_before_they_are_drawn():
    with pytest.raises(InputError, match=f"about 200\u202f000\u202f000 requests; at most {words.count(MAX_REQUESTS)}"):
        build_workload(counts([[2_000_000_000]]), ["x"], resampled(rate_scale=0.1))


def test_windows_too_bursty_to_be_drawn_are_refused():
    with pytest.raises(InputError, match="Arrivals as bursty as these .CV up to 1\u202f000."):
        build_workload(counts(np.ones((1, 1000))), ["x"], resampled(cv_scale=1000))


def test_too_many_windows_are_refused():
    trace = Trace("native", ("a",), Events(np.array([0, 1e6]), np.zeros(2, np.int32)))
    with pytest.raises(InputError, match="make 100\u202f000\u202f000 windows for 1 model; at most 2\u202f000\u202f000"):
        build_workload(trace, ["x"], resampled(window_s=0.01))


def test_the_deadlines_of_resampled_requests_are_dropped_with_a_notice():
    trace = Trace("native", ("a",), Events(np.arange(50.0), np.zeros(50, np.int32), np.ones(50)))
    workload, notices = build_workload(trace, ["x"], resampled())
    assert workload.slo_s is None
    assert "deadlines are dropped" in notices[-1]
