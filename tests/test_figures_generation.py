"""Figures and sentences about models that generate: what they say is computed again."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from app.figures.generation_over_time import build_engines_figure, describe_engines
from app.figures.generation_plan import build_deadlines_figure, build_token_latency_figure, describe_deadlines
from app.figures.generation_profile import build_iterations_figure, describe_iterations
from app.figures.generation_trace import (
    build_lengths_figure,
    build_pairs_figure,
    build_tokens_over_time_figure,
    describe_pairs,
    rank_correlation,
    token_rates,
    way_of,
)
from app.panels.generation_profile import cache_facts
from planner.generation.compare import compare
from planner.generation.figures import deadlines_kept
from planner.generation.profiles import shipped_profiles
from planner.scenario.examples import FOLDER
from planner.scenario.file import parse_scenario
from simulator.generation import TokenWorkload
from tests.generation_cases import tokens


@pytest.fixture(scope="module")
def compared():
    return compare(parse_scenario((FOLDER / "6-language-models.yaml").read_text(encoding="utf-8")))


def test_every_deadline_has_a_point_with_its_interval(compared):
    names, figures = [o.name for o in compared.outcomes], [o.figures for o in compared.outcomes]
    figure = build_deadlines_figure(names, figures)
    for trace, f in zip(figure.data, figures, strict=True):
        np.testing.assert_allclose(trace.x, [100 * f.total.attainment[q] for q in ("ttft", "tpot", "all")])
        low, high = f.interval("tpot")
        assert trace.error_x.arrayminus[1] == pytest.approx(trace.x[1] - 100 * low)
        assert trace.error_x.array[1] == pytest.approx(100 * high - trace.x[1])
    best = max(figures, key=lambda f: f.total.attainment["all"])
    assert best.total.attainment["tpot"] < best.total.attainment["ttft"]
    assert "later tokens (TPOT) are late most often: 99.49" in describe_deadlines(names, figures)
    twin = describe_deadlines(["one", "its twin"], [best, best])
    assert twin.startswith("With one and its twin the later tokens")


def test_latencies_are_those_of_the_requests(compared):
    outcome = compared.outcomes[0]
    slos = [model.slo for model in compared.inputs.problem.models]
    figure = build_token_latency_figure([outcome.name], [outcome.result], slos)
    assert figure.data[0].x[-1] == outcome.result.ttft_s.max() and figure.data[2].x[0] == outcome.result.e2e_s.min()


def test_engines_over_time_say_where_most_wait(compared):
    outcome = compared.outcomes[0]
    bins, arrival_s = outcome.figures.over_time, outcome.result.workload.arrival_s
    met = deadlines_kept(compared.inputs.problem, outcome.result)["all"]
    figure = build_engines_figure(outcome.name, outcome.figures.engines, bins, arrival_s, met)
    drawn = {trace.meta: trace for trace in figure.data if trace.type == "heatmap"}
    np.testing.assert_array_equal(drawn["most_waiting"].z, bins.most_waiting)
    np.testing.assert_array_equal(drawn["peak_cache"].z, 100 * bins.peak_cache)
    assert f"Up to {bins.most_waiting.max()} request" in describe_engines("x", outcome.figures.engines, bins)
    arrivals = figure.data[0]
    assert (arrivals.y[:-1] * np.diff(arrivals.x)).sum() == pytest.approx(arrival_s.size)


def test_lengths_and_tokens_over_time_are_those_of_the_requests():
    random = np.random.default_rng(0)
    inputs = random.integers(1, 5000, 500)
    workload = tokens(np.sort(random.random(500) * 60), inputs, 10 + inputs // 3)
    assert rank_correlation(workload) == pytest.approx(1.0, abs=1e-3)
    assert "Longer prompts have longer outputs" in describe_pairs(workload)
    edges_s = np.linspace(0, 60, 11)
    assert (token_rates(workload, edges_s)[0] * 6).sum() == pytest.approx(inputs.sum())
    assert np.nansum(build_pairs_figure(workload).data[0].z) == 500
    assert build_lengths_figure(workload).data[0].x[-1] == inputs.max()
    assert len(build_tokens_over_time_figure(workload).data) == 2
    alike = tokens([0, 1], [5, 5], [3, 4])
    assert not np.isfinite(rank_correlation(alike)) and "always the same" in describe_pairs(alike)


def mixed(inputs, outputs, model):
    n = len(inputs)
    return TokenWorkload(np.arange(n, dtype=float), np.array(model), np.array(inputs), np.array(outputs), ("a", "b"))


def test_a_correlation_is_told_only_where_it_is_real_and_within_the_models_too():
    random = np.random.default_rng(1)
    model, noise = np.repeat([0, 1], 400), lambda low, high: random.integers(low, high, 400)
    # Code has long prompts and short outputs, chat the other way round: a difference between models only.
    inputs = np.concatenate([noise(2000, 4000), noise(100, 200)])
    outputs = np.concatenate([noise(10, 20), noise(200, 400)])
    apart = mixed(inputs, outputs, model)
    own = [spearmanr(inputs[model == m], outputs[model == m]).statistic for m in (0, 1)]
    assert spearmanr(inputs, outputs).statistic < -0.5 and max(map(abs, own)) < 0.15
    assert rank_correlation(apart, model == 1) == pytest.approx(own[1])
    assert "but not within each of them" in describe_pairs(apart)
    # Weak ones are none, however many the requests: 0.11 of 20,000 is not far from zero.
    many = random.normal(size=(2, 20_000))
    prompts, more = np.exp(6 + many[0]), np.exp(6 + 0.11 * many[0] + many[1])
    weak = mixed(prompts.astype(int), more.astype(int), np.zeros(20_000, dtype=int))
    assert 0.1 < rank_correlation(weak) < 0.115 and "says little" in describe_pairs(weak)
    # Nor are strong ones of few requests.
    few = mixed([1, 2, 3, 4, 5, 6], [1, 3, 2, 5, 4, 9], [0, 0, 0, 0, 0, 0])
    assert rank_correlation(few) > 0.8
    assert way_of(0.8, 6) == 0 and way_of(0.8, 600) == 1 and way_of(-0.8, 600) == -1
    # Within one model and not over all.
    inputs = np.concatenate([np.arange(1, 401), noise(1, 401)])
    opposite = mixed(inputs, np.concatenate([inputs[:400], 401 - inputs[400:]]), model)
    assert abs(rank_correlation(opposite)) < 0.1
    assert "With a longer prompts have longer outputs (rank correlation +1.00)" in describe_pairs(opposite)
    both = mixed(inputs, 2 * inputs, model)
    assert "within each model too" in describe_pairs(both)


@pytest.mark.parametrize("profile", shipped_profiles(), ids=lambda p: f"{p.name}-{p.device}-{p.tp}")
def test_a_profile_says_what_its_iterations_cost(profile):
    figure = build_iterations_figure(profile)
    assert figure.data[0].y[-1] == pytest.approx(1e3 * profile.iteration_s(0, 0, [(0, 16_384)]))
    assert figure.data[1].y[0] == pytest.approx(1e3 * profile.iteration_s(1, 500))
    assert "1\u202f000 tokens takes" in describe_iterations(profile)
    assert "do not fit" in dict(cache_facts(profile, profile.weight_gib))["left for the cache"]
    held = dict(cache_facts(profile, profile.weight_gib + 1))["holds"]
    blocks = int(2**30 / (16 * profile.kv_bytes_per_token))
    assert held.startswith(f"{blocks:,} blocks".replace(",", "\u202f"))
