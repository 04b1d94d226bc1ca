"""Scenarios with generating models, from the file to the figures: closed cases, the command line, what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from planner import load_scenario, parse_scenario
from planner.__main__ import main
from planner.compare import compare as compare_fixed
from planner.generation.compare import compare
from planner.generation.inputs import build_token_inputs
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.search import search_engines
from planner.generation.what_if import find_token_capacity
from planner.scenario.schema import PlacementSection
from simulator import Group, InputError
from simulator.generation import STATUS

AZURE = Path(__file__).resolve().parents[1].parent / "shared" / "traces" / "azure_llm_2023"
EXAMPLE = Path(__file__).resolve().parents[1] / "planner" / "scenario" / "examples" / "6-language-models.yaml"
LLAMA = {"name": "chat", "generation": "llama-3.1-8b", "slo_ttft_s": 1, "slo_tpot_s": 0.05}


def document(**changes) -> dict:
    """Two models, sparse fixed-length traffic, one engine each."""
    return {
        "version": 1,
        "cluster": {"devices": 2, "memory_gib": 80, "device": "RTX PRO 6000", "usd_per_device_hour": 3.6},
        "models": [LLAMA, LLAMA | {"name": "code"}],
        "workload": {
            "deterministic": {"total_rate_per_s": 0.2, "duration_s": 100},
            "tokens": {"input": {"fixed": 160}, "output": {"fixed": 11}},
        },
        "placements": [{"name": "own", "groups": [{"models": ["chat"]}, {"models": ["code"]}]}],
    } | changes


def scenario(**changes):
    return parse_scenario(yaml.safe_dump(document(**changes)))


def write(tmp_path, **changes) -> str:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(document(**changes)), encoding="utf-8")
    return str(path)


def refused(tmp_path, capsys, **changes) -> str:
    """The one sentence that refuses a scenario."""
    assert main(["simulate", write(tmp_path, **changes)]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("Error:") == 1 and "Traceback" not in printed.err
    return printed.err


def test_a_request_alone_takes_what_its_iterations_cost():
    comparison = compare(scenario())
    outcome = comparison.outcomes[0]
    profile = comparison.inputs.problem.models[0].profiles[1]
    first_s = profile.iteration_s(0, 0, [(0, 160)])
    later_s = [profile.iteration_s(1, 160 + k) for k in range(10)]
    np.testing.assert_allclose(outcome.result.ttft_s, first_s, rtol=1e-9)
    np.testing.assert_allclose(outcome.result.e2e_s, first_s + sum(later_s), rtol=1e-6)
    figures = outcome.figures
    assert figures.total.attainment == {"ttft": 1.0, "tpot": 1.0, "all": 1.0}
    # Two devices at 3.6 USD an hour are 0.002 USD a second.
    assert figures.usd_per_million_tokens == pytest.approx(0.002 / figures.total.output_tokens_per_s * 1e6)
    assert [engine.requests for engine in figures.engines] == [9, 9]
    blocks = int((80 - 2 * 8.03e9 / 2**30) * 2**30) // (16 * 131_072)
    assert [engine.kv_blocks for engine in figures.engines] == [blocks, blocks]
    # A prompt of 160 tokens and 10 more in the cache: 11 blocks of 16.
    assert figures.engines[0].peak_cache == pytest.approx(11 / blocks, rel=1e-3)


def test_attainment_is_counted_over_all_requests_with_the_deadline_of_each_model():
    strict = LLAMA | {"name": "code", "slo_ttft_s": 1e-4}
    outcome = compare(scenario(models=[LLAMA, strict])).outcomes[0]
    assert outcome.figures.total.attainment["ttft"] == 0.5 and outcome.slo_attainment == 0.5
    assert outcome.figures.models["chat"].attainment["all"] == 1.0
    assert outcome.figures.models["code"].attainment["all"] == 0.0
    alone = compare(scenario(placements=[{"name": "chat only", "groups": [{"models": ["chat"]}]}])).outcomes[0]
    assert alone.slo_attainment == 0.5 and alone.figures.total.unplaced == 9


def test_both_kinds_of_models_in_one_cluster():
    bert = {"name": "bert", "profile": "bert-1.3b", "slo_s": 1}
    both = [{"name": "own", "groups": [{"models": ["chat"]}, {"models": ["bert"]}]}]
    mixed = compare(scenario(models=[LLAMA, bert], placements=both))
    outcome = mixed.outcomes[0]
    alone = compare_fixed(scenario(models=[bert, bert | {"name": "other"}],
                                   placements=[{"name": "own", "groups": [{"models": ["bert"]}]}]))  # fmt: skip
    own = alone.results[0].workload.model == 0
    np.testing.assert_array_equal(outcome.fixed_result.finish_s, alone.results[0].finish_s[own])
    assert outcome.slo_attainment == 1.0
    assert mixed.to_json()["placements"][0]["fixed"]["requests"] == 9


def test_searches_are_deterministic_and_refine_is_never_worse():
    problem = build_token_inputs(load_scenario(EXAMPLE)).problem
    found = {name: search_engines(problem, name) for name in ("dedicated", "shared", "refine")}
    assert all(result.stop_reason == "done" and result.steps for result in found.values())
    assert all(len(group.models) == 1 for group in found["dedicated"].placement.groups)
    assert all(len(group.models) == 3 for group in found["shared"].placement.groups)
    assert found["refine"].score >= max(found["dedicated"].score, found["shared"].score)
    assert found["refine"].steps[-1].score == found["refine"].score
    again = search_engines(problem, "refine")
    assert again.placement == found["refine"].placement and again.evaluations == found["refine"].evaluations


def test_a_search_stops_with_its_best_when_asked():
    problem = build_token_inputs(load_scenario(EXAMPLE)).problem
    limited = search_engines(problem, "refine", max_evaluations=2)
    assert limited.stop_reason == "evaluation limit" and limited.evaluations == 2 and limited.score > 0
    stopped = search_engines(problem, "refine", on_progress=lambda p: p.evaluations < 1)
    assert stopped.stop_reason == "cancelled"


def test_capacity_is_the_fewest_devices_that_reach_the_target():
    one = load_scenario(EXAMPLE)
    section = PlacementSection(name="shared", search={"algorithm": "shared"})
    found = find_token_capacity(one, 0.9, [section], 1, 12)[0]
    tried = {int(dict(point.values)["devices"]): point.slo_attainment for point in found.tried}
    assert tried[found.devices] >= 0.9 > tried[found.devices - 1]
    never = find_token_capacity(one, 0.9999, [section], 1, 2)[0]
    assert never.devices is None and "not reached" in never.reason


@pytest.mark.parametrize("command", ["simulate", "plan", "capacity", "sweep"])
def test_every_command_answers_and_says_what_is_not_modelled(tmp_path, capsys, command):
    path = write(tmp_path, placements=[{"name": "found", "search": {"algorithm": "refine"}}])
    options = {"sweep": ["--over", "slo_scale=0.01,1"], "simulate": ["--requests", str(tmp_path / "r.csv")]}
    assert main([command, path, *options.get(command, []), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["not_modelled"] == NOT_MODELLED and answer["complete"]
    assert main([command, path, *options.get(command, [])]) == 0
    assert NOT_MODELLED in capsys.readouterr().out
    if command == "sweep":
        assert [point["slo_attainment"] for point in answer["points"]] == [0.0, 1.0]
    if command == "simulate":
        rows = pd.read_csv(tmp_path / "r.csv")
        assert (rows.last_token_s > rows.first_token_s).all() and (rows.output_tokens == 11).all()


def test_plan_writes_a_scenario_that_gives_the_same_figures(tmp_path, capsys):
    path = write(tmp_path, placements=[{"name": "found", "search": {"algorithm": "shared"}}])
    assert main(["plan", path, "--out", str(tmp_path / "new.yaml"), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["placements"][0]
    assert main(["simulate", str(tmp_path / "new.yaml"), "--json"]) == 0
    simulated = json.loads(capsys.readouterr().out)["placements"][0]
    assert simulated["groups"] == planned["groups"] and simulated["generation"] == planned["generation"]


def test_lengths_are_drawn_as_asked():
    drawn = {"input": {"lognormal": {"median": 500, "sigma": 0.5}}, "output": {"empirical": [3, 7]}}
    arrivals = {"poisson": {"total_rate_per_s": 50, "duration_s": 100}}
    tokens = build_token_inputs(scenario(workload=arrivals | {"tokens": drawn})).problem.workload
    assert np.median(tokens.input_tokens) == pytest.approx(500, rel=0.05)
    assert np.log(tokens.input_tokens).std() == pytest.approx(0.5, rel=0.05)
    assert set(tokens.output_tokens) == {3, 7}
    sample = {"trace": "sample:language-models"}
    paired = build_token_inputs(scenario(workload=arrivals | {"tokens": sample})).problem.workload
    rows = pd.read_csv(EXAMPLE.parents[3] / "sample_traces" / "language_models.csv")
    known = set(zip(rows.input_tokens, rows.output_tokens, strict=True))
    assert set(zip(paired.input_tokens, paired.output_tokens, strict=True)) <= known


WITHOUT_TOKENS = {"poisson": {"total_rate_per_s": 1, "duration_s": 10}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"workload": WITHOUT_TOKENS}, "need input_tokens and output_tokens"),
        ({"workload": WITHOUT_TOKENS | {"tokens": {"input": {"fixed": 0}, "output": {"fixed": 1}}}}, "fixed"),
        ({"cluster": {"devices": 2, "memory_gib": 10, "device": "RTX PRO 6000"}}, "does not fit: weights take 15"),
        ({"placements": [{"name": "x", "groups": [{"tp": 4, "models": ["chat"]}]}]}, "uses 4 devices"),
        ({"placements": [{"name": "x", "groups": [{"pp": 2, "models": ["chat"]}]}]}, "runs pp 2"),
        ({"placements": [{"name": "x", "search": {"algorithm": "alpaserve"}}]}, "dedicated, shared, refine"),
        ({"models": [{"name": "chat", "generation": "gpt", "slo_ttft_s": 1}]}, "Llama-3.1-8B"),
        ({"models": [{"name": "chat", "generation": "llama-3.1-8b"}]}, "one or more of slo_ttft_s"),
        ({"models": [LLAMA, {"name": "code", "profile": "bert-1.3b", "slo_s": 1}],
          "placements": [{"name": "x", "groups": [{"models": ["chat", "code"]}]}]}, "models of one kind"),
        ({"generation": {"kv_blocks": 100}, "placements": [{"name": "x", "groups": [{"models": ["chat", "code"]}]}]},
         "leave it out"),
        ({"generation": {"max_num_batched_tokens": 1, "max_num_seqs": 2}}, "must not be smaller"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(tmp_path, capsys, changes, sentence):
    assert sentence in refused(tmp_path, capsys, **changes).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("option", [["--confident"], ["--step", "2"]])
def test_options_of_fixed_models_are_refused(tmp_path, capsys, option):
    assert main(["capacity", write(tmp_path), *option]) == 2
    assert f"{option[0]} is not known for generating models" in capsys.readouterr().err


def test_outputs_of_a_million_tokens_end():
    tokens = {"input": {"fixed": 16}, "output": {"fixed": 1_000_000}}
    long = {"deterministic": {"total_rate_per_s": 0.04, "duration_s": 120}, "tokens": tokens}
    roomy = {"devices": 2, "memory_gib": 200, "device": "RTX PRO 6000"}
    figures = compare(scenario(workload=long, cluster=roomy, generation={"kv_blocks": 70_000})).outcomes[0].figures
    assert figures.total.served == figures.total.requests == 4 and figures.total.attainment["ttft"] == 1.0


def test_a_prompt_larger_than_the_cache_never_runs_and_is_counted():
    tokens = {"input": {"fixed": 400}, "output": {"fixed": 2}}
    workload = {"deterministic": {"total_rate_per_s": 0.2, "duration_s": 100}, "tokens": tokens}
    figures = compare(scenario(workload=workload, generation={"kv_blocks": 20})).outcomes[0].figures
    assert figures.total.too_long == 18 and figures.total.attainment["all"] == 0.0


def test_another_device_is_noticed():
    notices = build_token_inputs(scenario(cluster={"devices": 2, "memory_gib": 80})).notices
    assert any("cluster.device is v100-16gb, but the iterations of Llama-3.1-8B are those of" in n for n in notices)


def test_fixed_planning_points_to_what_plans_for_generating_models():
    with pytest.raises(InputError, match="chat, code generate token by token"):
        compare_fixed(scenario())


@pytest.mark.skipif(not AZURE.is_dir(), reason="the Azure LLM 2023 trace is not here")
def test_two_azure_services_on_eight_devices(tmp_path, capsys):
    files = sorted(AZURE.glob("*.csv"))
    path = write(
        tmp_path,
        cluster={"devices": 8, "memory_gib": 80, "device": "RTX PRO 6000"},
        models=[LLAMA | {"name": file.stem} for file in files],
        workload={"trace": {"path": [str(file) for file in files], "map_models": "by_name"}},
        placements=[{"name": a, "search": {"algorithm": a}} for a in ("dedicated", "shared", "refine")],
    )
    assert main(["simulate", path, "--json"]) == 0
    met = {p["name"]: p["slo_attainment"] for p in json.loads(capsys.readouterr().out)["placements"]}
    assert met["refine"] >= met["dedicated"] > met["shared"] > 0.99
    assert main(["capacity", path, "--target", "0.99", "--time-limit", "60", "--json"]) == 0
    plans = {plan["algorithm"]: plan for plan in json.loads(capsys.readouterr().out)["plans"]}
    assert all(plan["best"]["slo_attainment"] >= 0.99 for plan in plans.values())
    assert plans["refine"]["devices"] <= min(plans["dedicated"]["devices"], plans["shared"]["devices"]) <= 8


def test_a_group_fits_or_not():
    problem = build_token_inputs(scenario(generation={"kv_blocks": 50})).problem
    assert problem.fits(Group(1, 2, ("chat",))) and not problem.fits(Group(1, 1, ("chat", "code")))


def test_admission_turns_away_what_would_be_late_and_leaves_time_for_others():
    arrivals = {"gamma": {"total_rate_per_s": 8, "cv": 1, "duration_s": 60},
                "tokens": {"input": {"fixed": 3000}, "output": {"fixed": 20}}}  # fmt: skip
    one = [{"name": "one", "groups": [{"models": ["chat"]}]}]
    model = [{"name": "chat", "generation": "llama-3.1-8b", "slo_ttft_s": 0.5}]
    everybody, some = (
        compare(scenario(models=model, workload=arrivals, placements=one, generation={"admission": rule})).outcomes[0]
        for rule in ("none", "predicted_ttft")
    )
    total = some.figures.total
    assert everybody.figures.total.rejected == 0 < total.rejected
    assert total.rejected == (some.result.status == STATUS.index("rejected")).sum()
    assert total.served + total.rejected == total.requests
    assert some.slo_attainment > everybody.slo_attainment + 0.2
    assert some.to_json()["generation"]["rejected"] == total.rejected
    frame = next(some.request_frames())
    assert frame.status.eq("rejected").sum() == total.rejected and frame.engine.isna().sum() == total.rejected


def test_an_unknown_admission_is_named():
    with pytest.raises(InputError, match=r"generation\.admission"):
        scenario(generation={"admission": "strict"})
