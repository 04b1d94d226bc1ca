"""What would take too long or too much memory to draw is refused before it is drawn, with the bound."""

import pytest

from planner import build_inputs, parse_scenario
from simulator import InputError

HEAD = "version: 1\ncluster: {devices: 2}\nmodels: [{name: 'm{i}', profile: bert-1.3b, count: 1000, slo_scale: 5}]\n"
WINDOWS = ", ".join(["{duration_s: 1, total_rate_per_s: 1}"] * 600)


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        ("gamma: {total_rate_per_s: 40000000, cv: 1, duration_s: 100}", "about 4,000,000,000 requests; at most 50,000"),
        ("poisson: {total_rate_per_s: 40000000, duration_s: 100}", "about 4,000,000,000 requests"),
        ("deterministic: {total_rate_per_s: 40000000, duration_s: 100}", "about 4,000,000,000 requests"),
        ("windows: {windows: [{total_rate_per_s: 40000000, duration_s: 100}]}", "about 4,000,000,000 requests"),
        (f"windows: {{windows: [{WINDOWS}]}}", "all models together are 600,000; at most 500,000"),
        ("markov_modulated: {total_rate_per_s: 1, duration_s: 3000}", "rate about 300,000 times; at most 200,000"),
        (
            "markov_modulated: {total_rate_per_s: 1, duration_s: 10, mean_stay_s: [1.0e-9, 1.0e-9]}",
            "at most 200,000 are allowed",
        ),
    ],
)
def test_a_workload_that_is_too_large_is_refused_before_it_is_drawn(workload, words):
    with pytest.raises(InputError, match=words):
        build_inputs(parse_scenario(f"{HEAD}workload: {{{workload}}}\n"))
