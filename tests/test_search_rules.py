"""Searches keep to placement rules and plan by weights; without either nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from planner import build_inputs, parse_scenario
from planner.rules import Rules
from planner.search import ALGORITHMS, NoPlacement, search
from planner.search.space import Space
from planner.search.zones import cut_zones, zones_of
from simulator import Cluster, InputError, Schedule, simulate
from tests.search_cases import random_problem

QUICK = {
    "alpaserve": {"max_evaluations": 400}, "refine": {"max_evaluations": 400}, "uniform": {"pp": 1},
    "round_robin": {"pp": 1}, "fast_greedy": {"pp": 1}, "greedy": {"pp": 1}, "beam": {"pp": 1},
    "exhaustive": {"max_placements": 3_000_000, "max_evaluations": 20_000}, "clockwork": {"window_s": 20.0},
}  # fmt: skip


def ruled(seed):
    """A random problem of four devices on two nodes, with random rules that single models can keep."""
    random = np.random.default_rng(seed)
    problem = random_problem(seed, models=(3, 3), devices=(4, 4))
    cluster = replace(problem.cluster, devices_per_node=2)
    pins = {"m0": ((0, 1), (1, 3), (0, 3))[random.integers(3)]} if random.random() < 0.7 else {}
    rules = Rules(
        pins=pins,
        apart=(("m0", "m1"),) if random.random() < 0.6 else (),
        within_node=bool(random.random() < 0.4),
        min_replicas={"m2": int(random.integers(1, 3))} if random.random() < 0.6 else {},
    )
    rules.check(problem.models, cluster)
    return replace(problem, cluster=cluster, rules=rules)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_found_keeps_to_the_rules(algorithm):
    found = 0
    for seed in range(12):
        problem = ruled(seed)
        try:
            placement = search(problem, algorithm, **QUICK.get(algorithm, {})).placement
        except NoPlacement as nothing:
            assert "keeps to the rules" in str(nothing)
            continue
        for part in [p for _, p in placement.epochs] if isinstance(placement, Schedule) else [placement]:
            part.check(problem.models, problem.cluster)
            assert problem.rules.broken(part, problem.cluster) == (), seed
        found += 1
    assert found >= 6


def test_among_all_placements_the_best_that_keeps_to_the_rules_is_found():
    """Groups of one zone may stand in any order, so that rules of groups only leave some of all placements out."""
    for seed in range(6):
        problem = random_problem(seed, models=(3, 3), devices=(2, 3), requests=(40, 60))
        rules = Rules(apart=(("m0", "m1"),), min_replicas={"m2": 1})
        best = search(replace(problem, rules=rules), "exhaustive")
        assert not rules.broken(best.placement, problem.cluster)
        free = search(problem, "exhaustive")
        assert best.score <= free.score
        if not rules.broken(free.placement, problem.cluster):
            assert best.score == free.score


def test_a_placement_is_read_back_from_its_zones():
    problem = replace(random_problem(1, models=(3, 3), devices=(4, 4)), rules=Rules(pins={"m0": (1, 2)}))
    space = Space(problem)
    assert [(zone.first, zone.devices) for zone in space.zones] == [(0, 1), (1, 2), (3, 1)]
    layout = space.empty([space.in_zone(space.shape_index(1, 1), z) for z in (2, 1, 0)])
    layout.holds[[0, 1, 2], [1, 0, 2]] = True
    placement = space.placement(layout)
    assert [group.models for group in placement.groups] == [("m2",), ("m0",), (), ("m1",)]
    assert zones_of(placement, space.zones) == [0, 1, 1, 2]
    assert space.placement(space.layout(placement)).groups == placement.groups
    assert cut_zones(Rules(), Cluster(8)) == cut_zones(Rules(min_replicas={"m0": 2}), Cluster(8))


def test_a_beginning_that_breaks_a_rule_is_refused_with_it():
    problem = random_problem(1, models=(3, 3), devices=(4, 4))
    start = search(problem, "selective_replication").placement
    name = start.groups[0].models[0]
    with pytest.raises(InputError, match=f"The placement to begin with breaks a rule: group 0 .*'{name}'"):
        search(replace(problem, rules=Rules(pins={name: (3, 3)})), "refine", placement=start)


def test_weights_decide_who_is_served():
    """Of all placements the one whose requests in time weigh most is found; the score is the share of all requests."""
    differs = 0
    for seed in range(8):
        problem = random_problem(seed, models=(3, 3), devices=(2, 2), requests=(60, 90))
        weights = {"m0": 50}
        heavy, plain = (search(p, "exhaustive") for p in (replace(problem, weights=weights), problem))

        def served(placement, problem=problem):
            result = simulate(problem.models, placement, problem.workload, problem.serving)
            good = np.bincount(problem.workload.model[result.in_slo], minlength=3)
            return int(good @ [50, 1, 1]), result.slo_attainment

        assert served(heavy.placement)[0] >= served(plain.placement)[0]
        assert heavy.score == served(heavy.placement)[1] <= plain.score
        differs += served(heavy.placement)[0] > served(plain.placement)[0]
        improved = search(replace(problem, weights=weights), "alpaserve", max_evaluations=500)
        assert served(improved.placement)[0] <= served(heavy.placement)[0]
    assert differs


def test_a_scenario_hands_rules_and_weights_to_its_searches():
    scenario = parse_scenario("""
version: 1
cluster: {devices: 4}
models: [{name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 5, weight: 2, min_replicas: 1}]
rules: {within_node: true}
workload: {poisson: {total_rate_per_s: 4, duration_s: 20}}
""")
    problem = build_inputs(scenario).problem
    assert problem.weights == {"m0": 2, "m1": 2} and problem.rules.within_node
    assert Space(problem).asked(Space(problem).traffic) == 2 * len(problem.workload)
