"""More sentences of the lessons, computed again: memory, splitting, the board, dispatch."""

import re

import numpy as np
import pytest

from app.lessons import dispatch, greedy, memory, splitting
from app.look import words
from planner.lessons import greedy_board as board
from planner.lessons.memory import fitting, lead_of, pipeline_gib, serve_stretch, stretches
from planner.lessons.verdicts import lead
from planner.parallelise.evidence import compare_cuts
from planner.problem import Problem
from planner.search import search
from planner.theory.two_models import IDEAL
from simulator import Cluster


def test_the_memories_of_the_paper_change_the_stages_where_it_says():
    assert [fitting(gib).stages for gib in (7, 12, 22, 44)] == [8, 4, 2, 1]
    assert [fitting(gib).replicas for gib in (7, 12, 22, 44)] == [1, 2, 4, 8]
    assert fitting(5.0) is None
    assert all(fitting(gib).stages == fitting(gib + 0.01).stages for gib in np.arange(6, 44) if all(
        abs(gib - pipeline_gib(k)) > 0.02 for k in (8, 4, 2, 1)))  # fmt: skip


@pytest.mark.parametrize(("rate", "cv"), [(20.0, 3.0), (8.0, 1.0), (28.0, 6.0)])
def test_every_jump_is_explained_by_what_fits(rate, cv):
    chosen = memory.Settings(13.0, rate, cv)
    run = memory.run(chosen)
    lines = memory.jumps(run).split("\n")[1:]
    assert len(lines) == len(stretches()) - 1
    for i, line in enumerate(lines, 1):
        before, after = run.stretches[i - 1], run.stretches[i]
        jumped = run.means_s[:, i] != run.means_s[:, i - 1]
        assert ("models fit a device whole" in line) == (after.replicas != before.replicas) == jumped[0]
        assert ("stages" in line) == (after.stages != before.stages)
        assert not jumped[1] or "stages" in line
        assert words.gib(after.from_gib) in line


@pytest.mark.parametrize(("rate", "cv"), [(20.0, 3.0), (20.0, 1.0), (32.0, 1.0)])
def test_splitting_pays_just_until_the_memory_that_is_named(rate, cv):
    run = memory.run(memory.Settings(13.0, rate, cv))
    signs = [lead_of(stretch, rate, cv).sign for stretch in stretches()]
    if run.pays_until_gib is None:
        assert 1 not in signs and "with no memory" in memory.limit_sentence(run)
    else:
        last = max(i for i, sign in enumerate(signs) if sign > 0)
        assert stretches()[last + 1].from_gib == run.pays_until_gib
        assert words.gib(run.pays_until_gib) in memory.limit_sentence(run)
    text = memory.lead_sentence(memory.Settings(13.0, rate, cv), run)
    sign = lead(serve_stretch(run.here.replicas, run.here.stages, rate, cv), "mean latency").sign
    assert text.startswith({1: "Pipelines", -1: "Replicas", 0: "Neither"}[sign])


@pytest.mark.parametrize("model", splitting.MODELS)
@pytest.mark.parametrize("devices", ["2", "8"])
def test_what_splitting_costs_is_said_as_it_is_planned(model, devices):
    run, n = splitting.run(splitting.Settings(model, devices)), int(devices)
    equal, sharded = run.plans.equal[n], run.plans.sharded[n]
    alone_s = run.plans.alone_s
    assert run.overheads[splitting.EQUAL].total_s == pytest.approx(n * equal.slowest_s() - alone_s)
    text = splitting.cost_sentence(run)
    assert text.startswith("Sharding") == (n * sharded.latency_s() > n * equal.slowest_s())
    saved = 1 - (n * run.plans.dynamic[n].slowest_s() - alone_s) / (n * equal.slowest_s() - alone_s)
    assert (words.share(saved) in splitting.saved_sentence(run)) == (saved > 1e-3)
    stages_s = equal.stage_latency_s()
    assert f"stage {stages_s.index(max(stages_s)) + 1} of {n}" in splitting.why_sentence(run)


def test_the_gap_to_the_published_saving_is_stated():
    table = splitting.paper(greedy_theme()).table
    for row, saved in zip(table.itertuples(index=False), compare_cuts(), strict=True):
        assert row[-1] == f"{words.signed(100 * (saved.share - saved.published_share), 1)} points"


def greedy_theme():
    from app.look.theme import LIGHT

    return LIGHT


def test_greedy_on_the_board_is_algorithm_1_of_the_search():
    chosen = board.Board(3.0, 5.0)
    models, workload = board._traffic(3.0, 5.0)
    problem = Problem(models, Cluster(board.DEVICES, board.MEMORY_GIB), workload, IDEAL)
    found = search(problem, "greedy", pp=1, tp=1)
    assert board.greedy(chosen)[-1][1] == pytest.approx(found.score, abs=1e-3)
    best, selection, count = board.optimum(chosen)
    assert best >= max(score for _, score in board.greedy(chosen)) and count == 560
    assert chosen.score(selection) == best


def test_every_step_reveals_the_best_of_what_was_possible():
    chosen = greedy.Settings(moves="A0.D1.B1")
    run = greedy.run(chosen)
    assert [greedy.write(move) for move in run.moves] == ["A0", "D1", "B1"]
    text = greedy.step_sentence(run)
    best = max(run.scores.values())
    assert words.share(run.scores[run.moves[-1]]) in text and (words.share(best) in text or "the same" in text)
    assert run.greedy == tuple(score for _, score in board.greedy(run.board)[:3])


def test_the_end_of_the_board_says_both_distances_to_the_optimum():
    run = greedy.run(greedy.LESSON.exercise.solution)
    text = greedy.end_sentence(run)
    best = board.optimum(run.board)[0]
    theirs = words.points_difference(board.greedy(run.board)[-1][1], best)
    assert run.is_full and run.yours[-1] == best and f"yours same, greedy {theirs}" in text
    behind = greedy.gap_sentence(run.board)
    assert behind.startswith(f"Greedy stays {theirs.lstrip(words.MINUS)} behind the best")


@pytest.mark.parametrize(("rate", "cv", "scale"), [(4.0, 1.0, 1.2), (12.0, 3.0, 2.0), (8.0, 3.0, 5.0)])
@pytest.mark.parametrize("rule", dispatch.NAMES.values())
def test_the_sentences_of_dispatch_count_what_happened(rate, cv, scale, rule):
    chosen = dispatch.Settings(rate, cv, scale, rule)
    run = dispatch.run(chosen)
    assert all(found.sent.sum() == run.looked_at.sent.sum() for found in run.runs.values())
    sent, rejected = run.looked_at.sent[0], run.looked_at.rejected[0]
    text = dispatch.slow_sentence(chosen, run.looked_at)
    assert f"rejects {words.count(rejected)} of {words.count(sent)}." in text
    assert ("cannot meet it" in dispatch.why(chosen, run)) == (scale < 1.3)
    if scale < 1.3:
        assert sent == rejected
    most = max(found.attainment for found in run.runs.values())
    assert words.share(most) in dispatch.rules_sentence(run)
    named = re.split(r" meets? most", dispatch.rules_sentence(run))[0].lower()
    assert all((name in named) == (found.attainment == most) for name, found in run.runs.items())


@pytest.mark.parametrize("exchange", [0.0, 0.1, 0.2, 1.0, 3.0])
def test_the_exchange_between_devices_costs_in_proportion(exchange):
    usual, run = splitting.run(splitting.Settings()), splitting.run(splitting.Settings(exchange=exchange))
    for name, overhead in run.overheads.items():
        before = usual.overheads[name]
        assert overhead.communication_s == pytest.approx(exchange * before.communication_s)
        assert (overhead.alone_s, overhead.imbalance_s) == (before.alone_s, before.imbalance_s)
    equal, sharded = run.overheads[splitting.EQUAL], run.overheads[splitting.SHARDED]
    assert splitting.cost_sentence(run).startswith("Sharding") == (sharded.total_s >= equal.total_s)
    # Devices together, n times the rate, are busy for all that splitting adds.
    ways, n = splitting.ways_on(run.plans, exchange), splitting.WAYS[-1]
    dynamic = run.overheads[splitting.DYNAMIC]
    assert n / ways["rate_per_s"]["shards"][-1] == pytest.approx(sharded.alone_s + sharded.total_s)
    assert n / ways["rate_per_s"]["stages"][-1] == pytest.approx(dynamic.alone_s + dynamic.total_s)
    assert ways["latency_s"]["shards"][-1] == pytest.approx((sharded.alone_s + sharded.communication_s) / n)
    assert ways["memory_gib"] == splitting.ways_on(run.plans, 1.0)["memory_gib"]


def test_the_exercise_on_cuts_is_about_the_exchange_as_it_is():
    slow = splitting.Settings("moe-2.4b", "8", 2.0)
    assert splitting.check(slow, splitting.run(slow))[0] is False


def test_a_solution_on_the_board_is_told_in_words():
    assert greedy.told("B0.D0.E0.C2.D2") == "B, D and E to device 0; C and D to device 2"
    solution = greedy.LESSON.exercise.solution.moves
    assert sum(part.split(" to ")[0].count(name) for part in greedy.told(solution).split("; ")
               for name in greedy.NAMES) == len(solution.split("."))  # fmt: skip
