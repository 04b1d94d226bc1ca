"""Scores of generating models on unseen traffic are simulations of it, with other arrivals and other lengths."""

import json
from dataclasses import replace

import numpy as np
import pytest

from planner import parse_scenario
from planner.__main__ import main
from planner.generation import unseen
from planner.generation.compare import compare, evaluate
from planner.generation.inputs import build_token_inputs
from planner.generation.unseen import DRAWS, hold_out_tokens, other_days
from planner.what_if.robustness import FIRST_SEED
from planner.what_if.unseen import PEAK_BINS_S, peaks_to_mean
from planner.what_if.unseen_words import calmer_sentence, held_out_lines

TEXT = """\
version: 1
name: tokens held out
cluster: {devices: 2, memory_gib: 80, device: RTX PRO 6000}
models:
  - {name: chat, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}
  - {name: code, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}
workload:
  gamma: {total_rate_per_s: 4, cv: 3, duration_s: 60}
  tokens: {input: {lognormal: {median: 400, sigma: 1}}, output: {lognormal: {median: 100, sigma: 0.8}}}
placements:
  - {name: searched, search: {algorithm: dedicated}}
  - {name: by hand, groups: [{tp: 1, models: [chat]}, {tp: 1, models: [code]}]}
"""


@pytest.fixture(scope="module")
def comparison():
    return compare(parse_scenario(TEXT))


def test_a_score_is_the_mean_over_draws_of_arrivals_and_lengths(comparison):
    found, workload = hold_out_tokens(comparison), comparison.scenario.workload
    for outcome in comparison.outcomes:
        shares = []
        for k in range(DRAWS):
            seed = FIRST_SEED + 1009 * k
            other = workload.model_copy(update={
                "gamma": workload.gamma.model_copy(update={"seed": seed}),
                "tokens": workload.tokens.model_copy(update={"seed": seed}),
            })  # fmt: skip
            inputs = build_token_inputs(comparison.scenario.model_copy(update={"workload": other}))
            shares.append(evaluate(outcome.placement, None, inputs).slo_attainment)
        score = found.score(outcome.name)
        assert score.mean == pytest.approx(np.mean(shares)) and score.seen == pytest.approx(outcome.slo_attainment)
        assert score.is_searched == (outcome.search is not None)
    assert (found.days, found.is_later) == (DRAWS, False)


def trace_scenario(part):
    gamma = TEXT[TEXT.index("  gamma") : TEXT.index("placements:")]
    trace = f"  trace: {{path: 'sample:language-models', map_models: stripe{part}}}\n"
    return parse_scenario(TEXT.replace(gamma, trace))


def test_draws_of_models_that_generate_without_their_bursts_are_no_check_either(tmp_path):
    lines = [f"{100 * k + i / 1e3},{m},4000,20" for k in range(12) for m in ("chat", "code") for i in range(30)]
    lines.sort(key=lambda line: float(line.split(",")[0]))
    (tmp_path / "t.csv").write_text("\n".join(["arrival_s,model,input_tokens,output_tokens", *lines]))
    trace = "  trace: {path: t.csv, map_models: by_name}\n"
    text = TEXT[: TEXT.index("  gamma")] + trace + TEXT[TEXT.index("placements:") :]
    comparison = compare(parse_scenario(text).in_folder(tmp_path))
    found = hold_out_tokens(comparison)
    days, _ = other_days(comparison.scenario, comparison.inputs, build_token_inputs)
    traffic = [comparison.inputs, *(make() for _, make in days)]
    seen, *drawn = (peaks_to_mean(inputs.problem.workload.arrival_s) for inputs in traffic)
    column = PEAK_BINS_S.index(found.calmer.bin_s)
    assert found.calmer.seen == seen[column] > 1.25 * found.calmer.drawn
    assert found.calmer.drawn == pytest.approx(np.mean([peaks[column] for peaks in drawn])) and len(drawn) == DRAWS
    assert found.is_no_check and found.score("searched") is None
    assert held_out_lines(found) == [calmer_sentence(found)] and "no check of its bursts" in calmer_sentence(found)


def test_a_trace_has_its_next_stretch_or_draws_like_it_with_lengths_of_the_same_model():
    part = trace_scenario(", duration_s: 100")
    inputs = build_token_inputs(part)
    ((label, make),), is_later = other_days(part, inputs, build_token_inputs)
    later = trace_scenario(", start_s: 100, duration_s: 100")
    assert is_later and label == "the next stretch of the trace"
    np.testing.assert_array_equal(
        make().problem.workload.output_tokens, build_token_inputs(later).problem.workload.output_tokens
    )
    whole = trace_scenario("")
    inputs = build_token_inputs(whole)
    days, is_later = other_days(whole, inputs, build_token_inputs)
    assert len(days) == DRAWS and not is_later
    own, drawn = inputs.problem.workload, days[0][1]().problem.workload
    assert len(drawn) == pytest.approx(len(own), rel=0.2) and not np.array_equal(drawn.arrival_s, own.arrival_s)
    pairs = {tuple(row) for row in zip(own.model, own.input_tokens, own.output_tokens, strict=True)}
    assert {tuple(row) for row in zip(drawn.model, drawn.input_tokens, drawn.output_tokens, strict=True)} <= pairs


def test_without_a_search_too_large_or_stopped_there_is_none_and_a_reason(comparison, monkeypatch):
    assert hold_out_tokens(replace(comparison, outcomes=comparison.outcomes[1:])) is None
    assert hold_out_tokens(comparison, lambda now: now.done < 1) == unseen.STOPPED
    assert hold_out_tokens(replace(comparison, complete=False)) == unseen.STOPPED
    monkeypatch.setattr(unseen, "MOST_TOKENS", 100)
    assert "up to 100 are without being asked" in hold_out_tokens(comparison)


@pytest.mark.parametrize("command", ["simulate", "plan"])
def test_the_command_line_says_it(tmp_path, capsys, command):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    assert main([command, str(path)]) == 0
    assert f"On traffic that was not planned for ({DRAWS} draws like it)" in capsys.readouterr().out
    assert main([command, str(path), "--json"]) == 0
    for entry in json.loads(capsys.readouterr().out)["placements"]:
        assert entry["unseen"]["days"] == DRAWS
