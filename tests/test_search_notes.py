"""The notes of a search say what can be counted again in its answer."""

import re
from dataclasses import replace

import pytest

from planner.search import search
from planner.search.clockwork import PCIE_S_PER_GIB
from simulator import words
from simulator.run import simulate
from tests.search_cases import random_problem


@pytest.mark.parametrize(
    ("devices", "pp", "tp"),
    [(n, pp, tp) for n in range(1, 10) for pp, tp in ((1, 1), (2, 1), (4, 1), (2, 2)) if pp * tp <= n],
)
def test_devices_that_equal_groups_leave_over_are_counted(devices, pp, tp):
    problem = random_problem(3, devices=(devices, devices))
    result = search(problem, "uniform", pp=pp, tp=tp)
    idle = devices % (pp * tp)
    said = [note for note in result.notes if "stay idle" in note]
    assert said == ([f"{idle} of {devices} devices stay idle: groups of {pp * tp} leave them over."] if idle else [])


def test_models_for_which_no_device_is_left_are_counted():
    heard = 0
    for seed in range(12):
        problem = random_problem(seed, models=(2, 6), devices=(1, 4))
        result = search(problem, "dedicated")
        placed = {name for group in result.placement.groups for name in group.models}
        without = [model.name for model in problem.models if model.name not in placed]
        said = [note for note in result.notes if note.startswith("No devices were left")]
        assert len(said) == bool(without)
        if said:
            heard += 1
            assert said[0].startswith(f"No devices were left for {len(without)} of {len(problem.models)} models, ")
            assert re.search(r"models, (.+) among them", said[0])[1] in without
    assert heard > 2


def test_a_schedule_says_its_figure_with_free_and_with_paid_swapping():
    problem = random_problem(5, requests=(150, 200))
    result = search(problem, "clockwork", window_s=10.0)
    free = replace(problem.serving, forget_backlog=True, load_s_per_gib=0.0)
    load_s_per_gib = problem.serving.load_s_per_gib or PCIE_S_PER_GIB
    paid = replace(problem.serving, forget_backlog=False, load_s_per_gib=load_s_per_gib)
    shares = [
        words.share(simulate(problem.models, result.placement, problem.workload, serving).slo_attainment)
        for serving in (free, paid)
    ]
    (said,) = [note for note in result.notes if "swapping is free" in note]
    assert said.startswith(
        f"{len(result.placement.epochs)} windows: {shares[0]} of requests in time if swapping is free"
    )
    assert f"backlog, {shares[1]} if backlog stays" in said
