"""Large problems are searched in blocks that add up to the whole."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from planner.problem import Problem
from planner.search import blocks, refine, search
from planner.search.alpaserve import take_stage
from planner.search.block_cuts import cut_into_blocks
from planner.search.blocks import Block, advance, block_space, search_in_blocks
from planner.search.budget import Stopped
from planner.search.options import AlpaServeOptions
from planner.search.run import begin_run
from planner.search.scoring import score_layout
from planner.search.space import Space
from simulator import Cluster, Model, Profile, ProfileEntry, Workload, serving_preset, simulate
from tests.search_cases import search_profile


@cache
def large_problem(models=200, devices=208, requests=4_000, hot=1.0, devices_per_node=8, rate_per_device=1.5):
    """Many models of four profiles; the first asks for `hot` times as much as an average one."""
    random = np.random.default_rng(models)
    profiles = [search_profile(random, f"p{i}") for i in range(4)]
    served = tuple(Model.with_slo_scale(f"m{i}", profiles[i % 4], 3.0) for i in range(models))
    weight = np.r_[hot, random.dirichlet(np.ones(models - 1)) * (models - 1)]
    model = random.choice(models, requests, p=weight / weight.sum())
    workload = Workload(np.cumsum(random.exponential(1 / (rate_per_device * devices), requests)), model, models)
    cluster = Cluster(devices, memory_gib=9, devices_per_node=devices_per_node)
    return Problem(served, cluster, workload, serving_preset("published"))


@pytest.mark.parametrize(
    ("models", "devices", "hot", "node"), [(200, 208, 1, 8), (200, 331, 40, 4), (640, 203, 5, 8), (200, 256, 9, 64)]
)
def test_every_model_and_device_is_in_one_block(models, devices, hot, node):
    space = Space(large_problem(models, devices, hot=hot, devices_per_node=node))
    parts = cut_into_blocks(space)
    assert len(parts) == min(models, devices) // 64
    assert sorted(m for block in parts for m in block.models) == list(range(models))
    assert sum(block.devices for block in parts) == devices
    assert all(block.devices % min(node, 8) == 0 for block in parts[:-1])
    share = space.load_s[parts[0].models].sum() / space.load_s.sum()
    holder = next(block for block in parts if 0 in block.models)
    assert hot < 9 or holder.devices == max(block.devices for block in parts), share


@pytest.mark.parametrize(("models", "devices"), [(60, 32), (191, 500), (500, 191), (3, 256)])
def test_small_problems_stay_whole(models, devices):
    assert cut_into_blocks(Space(large_problem(models, devices))) == []


def test_a_model_that_fits_the_cluster_only_keeps_it_whole():
    problem = large_problem()
    wide = Profile("wide", {(2, 64): ProfileEntry(2, 64, (0.1, 0.1), (1.0, 1.0))}, alone_s=0.2)
    models = (replace(problem.models[0], profile=wide), *problem.models[1:])
    assert cut_into_blocks(Space(replace(problem, models=models))) == []


@pytest.mark.parametrize("limit", [1, 5, 900, 20_000])
def test_the_score_is_the_simulators_and_the_best_only_rises(limit):
    problem = large_problem()
    result = search(problem, max_evaluations=limit, seed=1)
    simulated = simulate(problem.models, result.placement, problem.workload, problem.serving)
    assert result.score == simulated.slo_attainment
    scores = [step.score for step in result.steps]
    assert scores == sorted(scores) and scores[-1] == result.score
    # Filling one placement in each block may overrun the limit.
    assert result.evaluations <= limit + 3 * 300
    again = search(problem, max_evaluations=limit, seed=1)
    assert (again.placement, again.evaluations) == (result.placement, result.evaluations)


def test_a_longer_search_is_never_worse():
    problem = large_problem()
    scores = [search(problem, max_evaluations=limit).score for limit in (1, 200, 4_000, 40_000)]
    assert scores == sorted(scores) and scores[-1] > scores[0]


def test_blocks_add_up_exactly_also_after_they_are_merged(monkeypatch):
    monkeypatch.setattr(blocks, "STAGES_BEFORE_MERGING", 2)
    monkeypatch.setattr(blocks, "STAGES_MERGED", 1)
    monkeypatch.setattr(refine, "FIRST_ROUND_EVALUATIONS", 200)
    problem = large_problem(requests=2_000, rate_per_device=6.0)
    space = Space(problem)
    with begin_run(space, max_evaluations=9_000) as run:
        with pytest.raises(Stopped):
            search_in_blocks(run, AlpaServeOptions(), cut_into_blocks(space), take_stage)
        assert run.budget.tally.phase == "improve"
        assert {step.phase for step in run.incumbent.steps} >= {"improve 3 blocks", "improve 2 blocks"}
        assert run.incumbent.layout is not None
        scored = score_layout(space, run.incumbent.layout, np.zeros(1, np.int64))
        assert scored is not None and scored.good == run.good


def test_a_block_that_is_stopped_keeps_what_it_had():
    space = Space(large_problem())
    with begin_run(space) as run:
        part = cut_into_blocks(space)[0]
        own, control = block_space(run, part), np.zeros(1, np.int64)
        begun = advance(own, Block(part, 0), AlpaServeOptions(), take_stage, 10, control)
        control[0] = 1
        stopped = advance(own, begun, AlpaServeOptions(), take_stage, 1_000_000, control)
    assert begun.good > 0 and stopped.good == begun.good and not stopped.is_exhausted
    assert stopped.layout is not None and begun.layout is not None
    assert stopped.layout.key() == begun.layout.key()
