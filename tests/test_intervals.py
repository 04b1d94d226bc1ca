"""Intervals cover the truth as often as they say, and stay within what is possible."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulator.intervals import batch_means_half_width, mean_half_width, share_half_width, share_interval, student_t_95


@pytest.mark.parametrize("degrees", [1, 2, 19, 1000])
def test_quantiles_are_those_of_students_t(degrees):
    assert student_t_95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees))


def covered(runs, truth):
    return np.mean([abs(run.mean() - truth) <= batch_means_half_width(run) for run in runs])


def test_intervals_of_shares_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(0)
    share = covered((random.random(2000) < 0.8 for _ in range(4000)), 0.8)
    assert share == pytest.approx(0.95, abs=0.01)


def test_intervals_of_differences_of_pairs_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(1)
    gains = (random.choice([-1, 0, 1], 2000, p=[0.05, 0.8, 0.15]) for _ in range(4000))
    assert covered(gains, 0.1) == pytest.approx(0.95, abs=0.01)


def test_bursts_shorter_than_a_block_are_covered():
    """Fates come in runs of 20 on average; a block has 500 requests."""
    random = np.random.default_rng(2)

    def run():
        fates = random.random(10_000) < 0.7
        draws = np.where(random.random(10_000) < 1 / 20, np.arange(10_000), 0)
        return fates[np.maximum.accumulate(draws)]

    assert covered((run() for _ in range(1500)), 0.7) == pytest.approx(0.95, abs=0.02)


def test_too_few_values_have_no_interval():
    assert math.isnan(batch_means_half_width(np.ones(39)))
    assert math.isnan(mean_half_width(np.ones(1)))


@given(st.floats(0, 1), st.floats(0, 2))
def test_an_interval_of_a_share_holds_it_and_stays_possible(share, half_width):
    low, high = share_interval(share, half_width)
    assert 0 <= low <= share + 1e-12 and share - 1e-12 <= high <= 1


def test_far_from_the_ends_the_interval_is_the_half_width():
    low, high = share_interval(0.5, 0.01)
    assert (low, high) == (pytest.approx(0.49, abs=1e-5), pytest.approx(0.51, abs=1e-5))
    assert all(map(math.isnan, share_interval(0.5, math.nan)))


@pytest.mark.parametrize("n", [40, 1000, 250_000])
def test_a_run_that_meets_all_or_nothing_is_not_certain(n):
    """The exact one-sided bound: that many requests all meet a share at its end once in 20 runs."""
    half_width = share_half_width(np.ones(n, dtype=bool))
    assert half_width == share_half_width(np.zeros(n, dtype=bool)) > 0
    low, high = share_interval(1.0, half_width)
    assert (low**n, high) == (pytest.approx(0.05), 1.0)
    assert share_interval(0.0, half_width) == (0.0, half_width)
    assert low == pytest.approx(stats.beta.ppf(0.05, n, 1))


def test_elsewhere_the_interval_of_a_share_is_that_of_batch_means():
    met = np.arange(1000) % 7 > 0
    assert share_half_width(met) == batch_means_half_width(met)
    assert math.isnan(share_half_width(np.ones(39, dtype=bool)))
