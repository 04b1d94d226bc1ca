"""The lesson's numbers: closed forms against the simulator and against each other."""

import numpy as np
import pytest

from planner.lessons.theory import LOADS, crossings, latencies, simulate_points
from planner.theory.queueing import (
    bursty_waiting_s,
    dedicated_latency_s,
    largest_alpha,
    largest_beta,
    most_tolerant_load,
    pipeline_latency_s,
)
from planner.theory.two_models import serve_burst, serve_traffic


def test_four_requests_in_one_burst_take_the_papers_mean_latencies():
    both = serve_burst(4, 0.1)
    np.testing.assert_allclose(both.dedicated.latency_s, [1, 2, 3, 4])
    np.testing.assert_allclose(both.shared.latency_s, [1.1, 1.6, 2.1, 2.6])
    assert both.mean_latency_s() == pytest.approx((2.5, 1.85))


def test_a_burst_for_both_models_in_turn_uses_both_devices_either_way():
    dedicated_s, shared_s = serve_burst(4, 0.1, (0, 1)).mean_latency_s()
    assert dedicated_s == pytest.approx(1.5)
    assert shared_s > dedicated_s


@pytest.mark.parametrize(("share", "alpha", "beta"), [(0.5, 1, 1), (0.25, 1, 1), (0.5, 1.1, 1), (0.5, 1, 1.2)])
def test_the_closed_forms_are_what_the_simulator_gives(share, alpha, beta):
    d, rate = 0.4, 3.0
    means = np.mean(
        [serve_traffic(rate, 1.0, share, alpha, beta, duration_s=50_000, seed=2 * k, latency_s=d).mean_latency_s()
         for k in range(4)], axis=0,
    )  # fmt: skip
    expected = dedicated_latency_s(rate, d, share), pipeline_latency_s(rate, alpha * d, alpha * beta * d / 2)
    np.testing.assert_allclose(means, expected, rtol=0.02 if share == 0.5 else 0.06)


@pytest.mark.parametrize("load", [0.1, 0.75, 1.172, 1.9])
def test_at_the_largest_overheads_sharing_and_dedicating_are_equally_fast(load):
    simple = dedicated_latency_s(load, 1.0)
    alpha, beta = largest_alpha(load), largest_beta(load)
    assert pipeline_latency_s(load, alpha, alpha / 2) == pytest.approx(simple)
    assert pipeline_latency_s(load, 1.0, beta / 2) == pytest.approx(simple)


def test_the_largest_overheads_are_those_of_the_table():
    loads = (0.25, 0.5, 1.0, 1.5, 1.9)
    np.testing.assert_allclose([largest_alpha(r) for r in loads], [1.033, 1.069, 1.1315, 1.111, 1.025], atol=6e-4)
    np.testing.assert_allclose([largest_beta(r) for r in loads], [1.376, 1.333, 1.236, 1.123, 1.025], atol=6e-4)
    load, alpha = most_tolerant_load()
    assert (load, alpha) == pytest.approx((1.172, 1.138), abs=2e-3)


def test_a_queue_at_full_load_never_drains():
    assert dedicated_latency_s(2.5, 0.4, 1.0) == bursty_waiting_s(2.5, 0.4, 1) == np.inf
    assert dedicated_latency_s(0.0, 0.4, 1.0) == 0.4


def test_a_poisson_queue_waits_as_kingman_says():
    assert bursty_waiting_s(1.5, 0.4, 1) == pytest.approx(dedicated_latency_s(1.5, 0.4, 1.0) - 0.4)


@pytest.mark.parametrize("load", [0.25, 0.5, 1.0, 1.5, 1.9])
def test_the_latencies_cross_where_the_largest_overheads_say(load):
    """To three digits, as the lesson prints them."""
    assert min(abs(at - load) for at in crossings(largest_alpha(load), 1.0)) < 5e-4
    assert crossings(1.0, largest_beta(load)) == pytest.approx([load], abs=5e-4)


def test_without_overhead_or_with_too_much_nothing_crosses():
    assert crossings(1.0, 1.0) == crossings(1.2, 1.0) == []
    low, high = crossings(1.1, 1.0)
    for at in (low, high):
        dedicated, shared = latencies(at, 1.1, 1.0)
        assert dedicated == pytest.approx(shared, rel=1e-6)


def test_the_formula_lies_in_nearly_all_intervals_of_the_simulated_points():
    points = simulate_points(1.1, 1.05)
    formulas = np.array([latencies(load, 1.1, 1.05) for load in LOADS]).T
    kept_up = np.isfinite(formulas)
    assert np.mean(np.abs(points.mean - formulas)[kept_up] <= points.half_width[kept_up]) >= 0.8
