"""What would take too long or too much memory to draw is refused before it is drawn, with the bound."""

import numpy as np
import pytest

from planner import build_inputs, parse_scenario
from simulator import InputError
from simulator.arrivals import check_renewals, gamma_arrivals

HEAD = "version: 1\ncluster: {devices: 2}\nmodels: [{name: 'm{i}', profile: bert-1.3b, count: 1000, slo_scale: 5}]\n"
WINDOWS = ", ".join(["{duration_s: 1, total_rate_per_s: 1}"] * 600)


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        (
            "gamma: {total_rate_per_s: 40000000, cv: 1, duration_s: 100}",
            "about 4\u202f000\u202f000\u202f000 requests; at most 50\u202f000",
        ),
        ("poisson: {total_rate_per_s: 40000000, duration_s: 100}", "about 4\u202f000\u202f000\u202f000 requests"),
        ("deterministic: {total_rate_per_s: 40000000, duration_s: 100}", "about 4\u202f000\u202f000\u202f000 requests"),
        (
            "windows: {windows: [{total_rate_per_s: 40000000, duration_s: 100}]}",
            "about 4\u202f000\u202f000\u202f000 requests",
        ),
        (f"windows: {{windows: [{WINDOWS}]}}", "all models together are 600\u202f000; at most 500\u202f000"),
        (
            "markov_modulated: {total_rate_per_s: 1, duration_s: 3000}",
            "rate about 300\u202f000 times; at most 200\u202f000",
        ),
        (
            "markov_modulated: {total_rate_per_s: 1, duration_s: 10, mean_stay_s: [1.0e-9, 1.0e-9]}",
            "at most 200\u202f000 are allowed",
        ),
    ],
)
def test_a_workload_that_is_too_large_is_refused_before_it_is_drawn(workload, words):
    with pytest.raises(InputError, match=words):
        build_inputs(parse_scenario(f"{HEAD}workload: {{{workload}}}\n"))


@pytest.mark.parametrize(
    "workload",
    [
        "gamma: {total_rate_per_s: 40000, cv: 1000, duration_s: 100}",
        "windows: {windows: [{total_rate_per_s: 40000, cv: 1000, duration_s: 100}]}",
    ],
)
def test_bursts_that_can_make_far_more_than_the_mean_are_refused_before_they_are_drawn(workload):
    with pytest.raises(InputError, match="as bursty as these .CV up to 1.000. can make .* at most 50.000.000"):
        build_inputs(parse_scenario(f"{HEAD}workload: {{{workload}}}\n"))


@pytest.mark.parametrize(("rate", "cv", "duration_s"), [(1.0, 1.0, 50.0), (5.0, 8.0, 40.0), (0.5, 30.0, 20.0)])
def test_the_bound_on_bursty_arrivals_is_above_their_mean_and_not_far(rate, cv, duration_s):
    mean = np.mean([gamma_arrivals(rate, cv, duration_s, seed).size for seed in range(3000)])
    refused = int(mean / 8)
    with pytest.raises(InputError, match="at most"):
        check_renewals([rate], cv, duration_s, refused)
    check_renewals([rate], cv, duration_s, int(4 * mean) + 10)


def test_a_draw_that_turns_out_too_large_ends(monkeypatch):
    monkeypatch.setattr("simulator.arrivals.MAX_REQUESTS", 100)
    with pytest.raises(InputError, match="make more than 100 requests"):
        gamma_arrivals(1.0, 1000.0, 90.0, 0)
