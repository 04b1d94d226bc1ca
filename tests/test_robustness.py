"""Whether a ranking survives is what plain simulations say, and its sentence counts right."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from planner import build_inputs, compare, parse_scenario
from planner.__main__ import main
from planner.search import budget
from planner.what_if.robustness import (
    COMMON,
    DAY,
    EACH,
    GIVEN,
    SEED,
    STOPPED,
    Candidate,
    Robustness,
    Variant,
    next_stretch,
    robustness,
    with_latencies,
)
from planner.what_if.robustness_words import sentence
from simulator import InputError, simulate
from simulator.metrics import counted_rows

SIDE_BY_SIDE = sys.modules["planner.what_if.side_by_side"]

TEXT = """\
version: 1
name: two ways
cluster: {devices: 4}
models: [{name: "m{i}", profile: bert-2.6b, count: 4, slo_scale: 4}]
workload: {gamma: {total_rate_per_s: 6, cv: 3, duration_s: 120}, warmup_s: 5}
placements:
  - {name: shared, groups: [{pp: 4, models: [m0, m1, m2, m3]}]}
  - {name: alone, groups: [{models: [m0]}, {models: [m1]}, {models: [m2]}, {models: [m3]}]}
  - {name: batched, max_batch_size: 2, groups: [{pp: 4, models: [m0, m1, m2, m3]}]}
"""


def candidates_of(comparison):
    return [Candidate(o.name, o.placement, o.result.serving) for o in comparison.outcomes]


@pytest.fixture(scope="module")
def case():
    scenario = parse_scenario(TEXT)
    inputs = build_inputs(scenario)
    comparison = compare(scenario, inputs=inputs)
    return scenario, inputs, comparison, robustness(inputs, candidates_of(comparison), scenario, draws=3, seeds=2)


def met(problem, candidate, warmup_s):
    result = simulate(problem.models, candidate.placement, problem.workload, candidate.serving)
    return float(np.mean(result.in_slo[counted_rows(result.workload, warmup_s)]))


def test_the_cases_are_those_asked_for_and_the_given_one_is_the_comparison(case):
    _, _, comparison, found = case
    assert found.given.attainments == tuple(o.slo_attainment for o in comparison.outcomes)
    kinds = [v.kind for v in found.variants]
    assert kinds == [COMMON] * 4 + [EACH] * 6 + [SEED] * 2
    assert set(found.reasons) == {DAY} and "drawn here" in found.reasons[DAY]


def test_a_common_error_is_a_simulation_with_other_latencies_and_the_same_deadlines(case):
    _, inputs, comparison, found = case
    for variant in found.variants[:4]:
        problem = with_latencies(inputs.problem, np.full(4, 1 + variant.error))
        assert [m.slo_s for m in problem.models] == [m.slo_s for m in inputs.problem.models]
        entry, before = problem.models[0].profile.entry(4, 1), inputs.problem.models[0].profile.entry(4, 1)
        np.testing.assert_allclose(entry.stage_latency_s, np.multiply(before.stage_latency_s, 1 + variant.error))
        np.testing.assert_allclose(entry.batches[2], np.multiply(before.batches[2], 1 + variant.error))
        assert variant.attainments == tuple(met(problem, c, 5.0) for c in candidates_of(comparison))


def test_other_seeds_are_the_scenario_with_other_seeds(case):
    scenario, inputs, comparison, found = case
    seeds = [v for v in found.variants if v.kind == SEED]
    gamma = scenario.workload.gamma.model_copy(update={"seed": 7_000_001})
    other = build_inputs(
        scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"gamma": gamma})})
    )
    problem = replace(inputs.problem, workload=other.problem.workload)
    assert seeds[0].attainments == tuple(met(problem, c, 5.0) for c in candidates_of(comparison))
    assert seeds[0].attainments != seeds[1].attainments


def test_the_sentence_counts_who_is_overtaken(case):
    found = case[3]
    said, lost = sentence(found), [v for v in found.variants if max(v.attainments) > v.attainments[found.first]]
    if lost:
        assert f"is overtaken in {len(lost)} of {len(found.variants)} other cases" in said
    else:
        assert f"stays first in all of {len(found.variants)} other cases" in said


def made(*variants, clear=(True, True)):
    given = Variant(GIVEN, "as given", None, (0.9, 0.8))
    return Robustness(("a", "b"), given, variants, clear, {})


def test_the_sentence_says_by_how_much_and_where():
    holds = made(Variant(COMMON, "c", 0.2, (0.7, 0.65)), Variant(SEED, "s", None, (0.8, 0.7)))
    assert sentence(holds) == (
        "The ranking holds: a stays first in all of 2 other cases (a common error in latencies and another seed), by "
        "at least 5.0 points."
    )
    assert holds.kept == 2
    lost = made(Variant(COMMON, "all latencies 20 % longer", 0.2, (0.6, 0.65)), Variant(DAY, "d", None, (0.8, 0.8)))
    assert "a is overtaken in 1 of 2 other cases" in sentence(lost)
    assert "at most by 5.0 points, by b with all latencies 20 % longer." in sentence(lost)
    assert lost.kept == 1
    unclear = replace(holds, is_clear=(True, False))
    assert sentence(unclear).endswith("As given, this run cannot tell it from b.")


def test_another_day_is_the_next_stretch_of_the_trace():
    text = TEXT.replace(
        "{gamma: {total_rate_per_s: 6, cv: 3, duration_s: 120}, warmup_s: 5}",
        "{trace: {path: 'sample:bursty', duration_s: 600, rate_scale: 2, resample: gamma, cv_scale: 1.5}}",
    )
    scenario = parse_scenario(text)
    inputs = build_inputs(scenario)
    assert next_stretch(scenario, inputs.trace).start_s == 600
    found = robustness(inputs, candidates_of(compare(scenario, inputs=inputs)), scenario, draws=0, seeds=1)
    assert [v.kind for v in found.variants] == [COMMON] * 4 + [SEED, DAY] and not found.reasons
    whole = scenario.workload.trace.model_copy(update={"duration_s": None})
    all_of_it = scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"trace": whole})})
    assert "so it has no other day" in next_stretch(all_of_it, inputs.trace)
    late = scenario.workload.trace.model_copy(update={"start_s": 2900})
    last = scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"trace": late})})
    assert "ends before another stretch" in next_stretch(last, inputs.trace)


@pytest.mark.parametrize("rule", ["stripe", "blocks"])
def test_in_the_next_stretch_a_source_asks_for_the_model_that_it_asked_for(tmp_path, rule):
    # "a" is silent in the first stretch: dealt out anew, "b" would be the second source of the next one and not the
    # first. "d" is silent too.
    rows = [(5.0, "b"), (6.0, "c"), (7.0, "e"), (8.0, "f"), (15.0, "a"), (16.0, "b"), (17.0, "c"), (18.0, "d"),
            (19.0, "e"), (19.5, "f"), (29.0, "f")]  # fmt: skip
    order = "".join(f"{at},{source}\n" for at, source in [(0.0, "z"), *rows])
    (tmp_path / "trace.csv").write_text("arrival_s,model\n" + order)
    text = TEXT.replace(
        "{gamma: {total_rate_per_s: 6, cv: 3, duration_s: 120}, warmup_s: 5}",
        f"{{trace: {{path: trace.csv, start_s: 2, duration_s: 10, map_models: {rule}}}}}",
    )
    scenario = parse_scenario(text).in_folder(tmp_path)
    inputs = build_inputs(scenario)
    section = next_stretch(scenario, inputs.trace)
    later = scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"trace": section})})
    workload = build_inputs(later.in_folder(tmp_path)).problem.workload
    planned = {source: int(m) for (_, source), m in zip(rows, inputs.problem.workload.model, strict=False)}
    assert inputs.problem.workload.arrival_s.size == 4 and workload.arrival_s.size == 6
    asked = dict(zip("abcdef", workload.model.tolist(), strict=True))
    assert {source: asked[source] for source in planned} == planned
    # Those that were silent are dealt out after the four that were not.
    silent = [source for source in inputs.trace.sources if source not in planned]
    assert [asked[s] for s in silent if s in asked] == [i % 4 for i, s in enumerate(silent) if s in asked]


def test_stopping_gives_what_is_there(case):
    scenario, inputs, comparison, _ = case
    asked = []
    found = robustness(inputs, candidates_of(comparison), scenario, lambda now: len(asked.append(now) or asked) < 4)
    assert len(found.variants) == 2 and found.reasons[COMMON] == STOPPED


def test_stopped_when_all_is_there_it_is_all_of_it(case, monkeypatch):
    """On other machines, here threads, who waits is asked while he waits, and not once the last one is there."""
    monkeypatch.setattr(SIDE_BY_SIDE, "Machines", ThreadPoolExecutor)
    monkeypatch.setattr(SIDE_BY_SIDE, "LEAST_SIMULATED", 0)
    monkeypatch.setattr(budget, "POLL_S", 0.0)
    scenario, inputs, comparison, _ = case
    total = len(robustness(inputs, candidates_of(comparison), scenario, draws=1, seeds=1).variants)
    with ThreadPoolExecutor(1) as other:
        found = robustness(
            inputs, candidates_of(comparison), scenario, lambda now: now.done <= total, 1, 1, executor=other
        )
    assert len(found.variants) == total and STOPPED not in found.reasons.values()


def test_one_placement_has_no_ranking(case):
    scenario, inputs, comparison, _ = case
    with pytest.raises(InputError, match="One placement alone has no ranking"):
        robustness(inputs, candidates_of(comparison)[:1], scenario)


def test_the_command_says_the_sentence_and_every_case(tmp_path, capsys):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    assert main(["robustness", str(path), "--draws", "1", "--seeds", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["variants"]) == 1 + 4 + 2 + 1 and document["sentence"].startswith("The ranking")
    assert main(["robustness", str(path), "--draws", "1", "--seeds", "1"]) == 0
    said = capsys.readouterr().out
    assert "all latencies 20 % longer" in said and "other traffic like it, draw 1" in said
