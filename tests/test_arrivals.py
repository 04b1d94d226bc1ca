"""Arrivals have the rate and burstiness they were asked for, and replay the authors' draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import InputError, Workload, merge_arrivals
from simulator.arrivals import (
    Window,
    deterministic_arrivals,
    gamma_arrivals,
    gamma_workload,
    markov_modulated_arrivals,
    poisson_arrivals,
    split_rate,
    windowed_arrivals,
)


def authors_loop(rate, cv, duration, seed):
    """The authors' generator, written as the loop that it describes."""
    random = np.random.RandomState(seed)
    block = max(int(1.2 * rate * duration), 1)
    times, now, at, gaps = [], 0.0, 0, random.gamma(1 / cv**2, cv**2 / rate, block)
    now += gaps[0]
    while now < duration:
        times.append(now)
        at += 1
        if at == block:
            gaps, at = random.gamma(1 / cv**2, cv**2 / rate, block), 0
        now += gaps[at]
    return times


@settings(max_examples=80)
@given(st.floats(0.05, 30), st.floats(0.2, 8), st.floats(0.5, 60), st.integers(0, 2**31 - 1))
def test_gamma_replays_the_authors_loop_to_the_last_digit(rate, cv, duration, seed):
    assert gamma_arrivals(rate, cv, duration, seed).tolist() == authors_loop(rate, cv, duration, seed)


def test_model_i_of_a_gamma_workload_has_seed_plus_i():
    workload = gamma_workload([3.0, 1.0], 4.0, 100, seed=7)
    for i, rate in enumerate((3.0, 1.0)):
        np.testing.assert_array_equal(workload.arrival_s[workload.model == i], gamma_arrivals(rate, 4.0, 100, 7 + i))


@pytest.mark.parametrize(("cv", "tolerance"), [(0.5, 0.02), (1.0, 0.02), (4.0, 0.08)])
def test_gamma_has_its_rate_and_cv(cv, tolerance):
    gaps = np.diff(gamma_arrivals(10, cv, 20_000, seed=0))
    assert 1 / gaps.mean() == pytest.approx(10, rel=tolerance)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=tolerance)


def test_poisson_has_cv_one_and_deterministic_has_none():
    gaps = np.diff(poisson_arrivals(10, 10_000, seed=3))
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.03)
    times = deterministic_arrivals(4, 10)
    assert np.ptp(np.diff(times)) < 1e-12 and times[0] == 0.25 and times[-1] < 10


def test_markov_modulated_rates_show_in_the_mean_and_make_it_bursty():
    times = markov_modulated_arrivals([1.0, 19.0], [10.0, 10.0], 40_000, seed=1)
    assert times.size / 40_000 == pytest.approx(10, rel=0.05)
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() > 1.5
    assert (gaps >= 0).all() and times[-1] < 40_000


def test_windows_start_where_they_should_and_change_the_rate():
    windows = [Window(0, 100, 10), Window(100, 100, 0), Window(200, 100, 30, 2.0)]
    times = windowed_arrivals(windows, first_seed=0)
    counts = np.histogram(times, bins=[0, 100, 200, 300])[0]
    assert counts[1] == 0
    assert 700 < counts[0] < 1300 and 2300 < counts[2] < 3700


def test_rate_splits_add_up():
    assert split_rate(12, 3).tolist() == [4, 4, 4]
    power = split_rate(10, 4, "power_law", 0.5)
    np.testing.assert_allclose(power[0] / power, np.sqrt([1, 2, 3, 4]))
    assert power.sum() == pytest.approx(10)
    assert split_rate(10, 2, "given", weights=[1, 3]).tolist() == [2.5, 7.5]


def test_merging_keeps_simultaneous_requests_in_the_order_of_models():
    merged = merge_arrivals([np.array([1.0, 2.0]), np.array([1.0]), np.array([0.5, 2.0])])
    assert merged.arrival_s.tolist() == [0.5, 1, 1, 2, 2]
    assert merged.model.tolist() == [2, 0, 1, 0, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda: gamma_arrivals(-1, 1, 10, 0),
        lambda: gamma_arrivals(1, 0, 10, 0),
        lambda: gamma_arrivals(1, float("nan"), 10, 0),
        lambda: gamma_arrivals(1e9, 1, 1e9, 0),
        lambda: poisson_arrivals(1, float("inf"), 0),
        lambda: split_rate(0, 3),
        lambda: split_rate(1, 2, "zipf"),
        lambda: split_rate(1, 2, "given", weights=[1]),
        lambda: split_rate(1, 2, "given", weights=[0, 0]),
        lambda: markov_modulated_arrivals([1], [1], 10, 0),
        lambda: markov_modulated_arrivals([1, 2], [1, 0], 10, 0),
        lambda: Workload(np.array([1.0, 0.5]), np.array([0, 0]), 1),
        lambda: Workload(np.array([-1.0]), np.array([0]), 1),
        lambda: Workload(np.array([np.nan]), np.array([0]), 1),
        lambda: Workload(np.array([1.0]), np.array([3]), 1),
        lambda: Workload(np.array([1.0]), np.array([0, 0]), 1),
        lambda: Workload(np.array([1.0]), np.array([0]), 1, np.array([-2.0])),
        lambda: Workload(np.array([1.0]), np.array([0]), 1, np.array([1.0, 2.0])),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(make):
    with pytest.raises(InputError, match=r"\.$"):
        make()


def test_a_workload_cannot_be_changed():
    workload = Workload(np.array([1.0]), np.array([0]), 1)
    with pytest.raises(ValueError, match="read-only"):
        workload.arrival_s[0] = 2


def test_a_window_of_a_workload_holds_its_requests():
    workload = Workload(np.arange(10.0), np.zeros(10, dtype=int), 1, np.full(10, 2.0))
    part = workload.window(2, 5)
    assert part.arrival_s.tolist() == [2, 3, 4] and part.slo_s.tolist() == [2, 2, 2]
