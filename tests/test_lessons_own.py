"""The lessons on batches and on yesterday's plan with somebody's own traffic, each sentence computed again."""

from dataclasses import replace

import numpy as np
import pytest

from app.lessons import batching, yesterday
from app.look import words
from app.look.theme import LIGHT
from planner.lessons import own_traffic
from planner.lessons.own_traffic import bring, own_batches, own_stretches
from planner.problem import Problem
from planner.reproduce.published import recorded_points
from planner.reproduce.run import chosen, figure_of, reproduce
from planner.scenario.examples import examples
from planner.scenario.inputs import build_inputs
from planner.search import search
from simulator import Cluster, InputError, Model, simulate
from simulator.arrivals import gamma_workload
from tests.cases import profile

FIRST, SMALL = (build_inputs(examples()[i].scenario).problem for i in (0, 2))


def problem(requests=600, count=3, devices=4, batches=(2, 16), configurations=((1, 1), (2, 1))):
    card = profile(0.1, 1.0, "card", configurations, batches)
    models = tuple(Model(f"m{i}", card, 0.7) for i in range(count))
    workload = gamma_workload((10.0,) * count, 2.0, 10.0, 1)
    return Problem(models, Cluster(devices, 13.0), workload.rows(slice(0, requests)), FIRST.serving)


def met(at, placement, most=1):
    """Simulated here, apart from the code under test."""
    rules = replace(own_traffic.SERVING, max_batch_size=most)
    result = simulate(at.models, placement, at.workload, rules)
    return np.count_nonzero(result.in_slo) / len(at.workload)


@pytest.mark.parametrize(("given", "scale"), [(problem(), 3.0), (SMALL, 8.0)])
def test_what_batches_add_on_own_traffic_is_what_the_sentences_say(given, scale):
    brought = bring(given)
    found = own_batches(brought, scale)
    at = brought.at_scale(scale)
    assert [m.slo_s for m in at.models] == [scale * m.profile.single_device_latency_s for m in given.models]
    plans = [search(brought.at_scale(5.0), "fast_greedy", pp=pp, tp=1).placement for pp in (1, found.stages)]
    again = np.array([[met(at, plan, most) for most in (1, 2, 16)] for plan in plans])
    said = batching.say(batching.Settings(scale), found).sentences
    best = (again[:, 1:] - again[:, :1]).max()
    assert ("gain nothing" in said) == (best < 0.005)
    assert "gain nothing" in said or f"gain up to {100 * best:.1f} points" in said
    worst = (again[:, 1:] - again[:, :1]).min()
    assert ("lose" in said) == (worst < -0.005)
    assert all(words.share(share) in batching.way_sentence(found, way) for way in (0, 1) for share in again[way])
    assert found.lines.shape == (8, 2, 3)
    np.testing.assert_array_equal(found.lines[batching.SCALES.index(scale)], again)


@pytest.mark.parametrize(("given", "scale"), [(problem(), 3.0), (SMALL, 5.0)])
def test_plans_of_the_first_third_are_tested_on_the_others(given, scale):
    brought = bring(given)
    found = own_stretches(brought, scale)
    at = brought.at_scale(scale)
    begin, end = at.workload.arrival_s[[0, -1]]
    edges = [begin, *(begin + (end - begin) * k / 3 for k in (1, 2)), np.inf]
    thirds = [at.workload.window(low, high) for low, high in zip(edges[:-1], edges[1:], strict=True)]
    assert sum(map(len, thirds)) == len(at.workload) and found.stretch_s == pytest.approx((end - begin) / 3)
    thirds = [replace(at, workload=t.moved(t.arrival_s - low)) for t, low in zip(thirds, edges, strict=False)]
    replicas = search(thirds[0], "selective_replication").placement
    pipelines = search(thirds[0], "uniform", pp=found.tested.stages, tp=1).placement
    window_s = found.stretch_s / 5
    again = np.array([[met(t, replicas) for t in thirds],
                      [search(t, "clockwork", window_s=window_s).score for t in thirds],
                      [met(t, pipelines) for t in thirds]])  # fmt: skip
    np.testing.assert_allclose(found.tested.met, again, atol=1e-3)
    shown = found.tested.met
    said = yesterday.own_say(yesterday.Settings(slo_scale=scale), found)
    unseen = shown[:, 1:].mean(axis=1)
    named = said.sentences.split(" meet")[0].lower()
    assert all((plan.lower() in named) == (value == unseen.max())
               for plan, value in zip(yesterday.PLANS, unseen, strict=True))  # fmt: skip
    assert f"in the thirds B and C: {words.share(float(unseen.max()))} of deadlines" in said.sentences
    for plan in (0, 2):
        assert f"from {words.share(float(shown[plan, 0]))} in third A to {words.share(float(unseen[plan]))}" in (
            said.sentences
        )
    assert f"plans every {words.number(window_s)} s" in said.sentences and "hour" not in said.sentences


def test_the_bound_says_what_was_taken_and_who_has_no_batches(monkeypatch):
    given = problem()
    n = len(given.workload)
    text = batching.own_bound(own_batches(bring(given), 2.0))
    assert f"all {n} requests, 3 models, 4 devices of 13 GiB" in text and "pipelines of 2 stages" in text
    assert "no batches" not in text
    monkeypatch.setattr(own_traffic, "MOST_REQUESTS", 200)
    single = Model("lonely", profile(0.1, 1.0, "single", ((1, 1), (2, 1))), 0.7)
    mixed = replace(given, models=(*given.models[:2], single))
    brought = bring(mixed)
    assert (
        len(brought.problem.workload) == 200 and brought.problem.workload.arrival_s[-1] == mixed.workload.arrival_s[199]
    )
    text = batching.own_bound(own_batches(brought, 2.0))
    assert f"the first 200 of {n} requests" in text and "The profile of lonely has no batches" in text
    found = own_stretches(brought, 5.0)
    assert f"three thirds of {words.number(found.stretch_s)} s" in yesterday.own_bound(found)


def test_of_many_models_on_many_devices_fewer_requests_are_taken(monkeypatch):
    monkeypatch.setattr(own_traffic, "MOST_WORK", 3 * 4 * 150)
    assert len(bring(problem()).problem.workload) == 150


def test_deadlines_of_the_requests_themselves_are_left_out():
    given = problem()
    own = replace(given.workload, slo_s=np.full(len(given.workload), 1e-6))
    np.testing.assert_array_equal(
        own_batches(bring(replace(given, workload=own)), 3.0).here, own_batches(bring(given), 3.0).here
    )


@pytest.mark.parametrize(("given", "run", "why"), [
    (problem(batches=()), own_batches, "do not say how long a batch takes"),
    (problem(configurations=((1, 1),)), own_batches, "No pipeline can be tried: your cluster has 4 devices"),
    (problem(devices=1), own_stretches, "your cluster has 1 device,"),
    (problem(requests=90), own_stretches, "at least 50 are needed"),
])  # fmt: skip
def test_what_cannot_be_tried_says_why(given, run, why):
    with pytest.raises(InputError, match=why):
        run(bring(given), 5.0)


def test_without_requests_there_is_nothing_to_try():
    with pytest.raises(InputError, match="No request arrives"):
        bring(problem(requests=0))


def test_the_recorded_points_of_figure_15_are_what_reproduce_finds():
    figure = chosen(figure_of("15"), values=[14.0])
    few = tuple(c for c in figure.panels[0].curves if c.name.endswith((", no batches", "of up to 16")))[:3]
    found = reproduce(replace(figure, panels=(replace(figure.panels[0], curves=few),)))
    recorded = recorded_points("15", "SLO scale")
    assert len(recorded) == 110 and len(found.points) == 3
    for point in found.points:
        assert point.slo_attainment == pytest.approx(recorded[point.curve.name, point.value], abs=2e-6)


def test_the_paper_screen_says_the_gains_of_figure_15():
    recorded = recorded_points("15", "SLO scale")
    paper = batching.paper(LIGHT)
    for row in paper.table.itertuples(index=False):
        deadline, plan, _, two, most = row
        scale = float(deadline.split(" ")[0])
        alone = recorded[f"{plan}, no batches", scale]
        for said, size in ((two, 2), (most, 16)):
            assert said == words.points_difference(recorded[f"{plan}, batches of up to {size}", scale], alone)
    gain = recorded["AlpaServe, batches of up to 16", 14.0] - recorded["AlpaServe, no batches", 14.0]
    assert f"by {words.signed(100 * gain, 1)} points at 14 × alone" in paper.pictures[0].alt
    lines = {line.name: line.y for line in paper.pictures[0].figure.data}
    assert lines["Clockwork++, batches of up to 2"][-1] == 100 * recorded["Clockwork++, batches of up to 2", 14.0]
