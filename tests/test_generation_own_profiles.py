"""Profiles of generating models from one's own measurements: reading logs, fitting them, using what came out."""

import json

import numpy as np
import pandas as pd
import pytest

from planner.generation.fit_log import FAR_OFF, MeasuredOn, fit_measurements, measured_on
from planner.generation.fit_points import TpotPoints, predict_tpot_s
from planner.generation.request_log import MeasuredRun, load_measurements, read_measurements
from planner.generation.vllm_runs import simulate_run
from planner.parallelise import load_architectures
from planner.scenario.file import load_scenario
from simulator import InputError, words
from simulator.catalogue import parse_catalogue
from simulator.generation import EngineLimits
from simulator.generation.catalogue import generation_document, parse_generation_profiles
from tests.generation_cases import profile, random_workload
from tests.test_command_line import run, run_json

LIMITS = EngineLimits(kv_blocks=4000)
WHERE = MeasuredOn("mine", "my gpu", 1, 1000.0, 2.0)
ROW = {"input_tokens": 100, "output_tokens": 20, "arrival_s": 1.0, "first_token_s": 1.2, "last_token_s": 2.0}


def made_run(n=200, seed=2, rate_per_s=12):
    workload = random_workload(np.random.default_rng(seed), n, rate_per_s)
    empty = MeasuredRun(workload, *(np.zeros(n),) * 3, LIMITS, 1)
    result = simulate_run(empty, profile())
    return MeasuredRun(workload, result.ttft_s, result.tpot_s, result.e2e_s, LIMITS, 1)


def table_of(measured):
    """As `simulate --requests` writes it."""
    workload = measured.workload
    return pd.DataFrame({
        "arrival_s": workload.arrival_s, "input_tokens": workload.input_tokens,
        "output_tokens": workload.output_tokens, "first_token_s": workload.arrival_s + measured.ttft_s,
        "last_token_s": workload.arrival_s + measured.e2e_s,
    })  # fmt: skip


def benchmark(measured):
    """As vLLM's benchmark writes it with --save-detailed."""
    workload = measured.workload
    gaps = [[tpot] * (out - 1) if out > 1 else []
            for tpot, out in zip(measured.tpot_s.tolist(), workload.output_tokens.tolist(), strict=True)]  # fmt: skip
    return {
        "date": "20260101", "completed": len(workload), "start_times": (workload.arrival_s + 50_000).tolist(),
        "input_lens": workload.input_tokens.tolist(), "output_lens": workload.output_tokens.tolist(),
        "ttfts": measured.ttft_s.tolist(), "itls": gaps, "mean_tpot_ms": 12.3,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl", "dates", "durations", "benchmark", "list", "nanoseconds"])
def test_every_form_of_a_log_holds_the_same_requests(form):
    measured = made_run(50)
    table = table_of(measured)
    moments = ["arrival_s", "first_token_s", "last_token_s"]
    if form == "csv":
        text = pd.concat([table[20:], table[:20]]).to_csv(index=False)
    elif form == "jsonl":
        text = table.rename(columns={"arrival_s": "queued_ts", "first_token_s": "first_token_ts",
                                     "last_token_s": "last_token_ts", "input_tokens": "input_toks",
                                     "output_tokens": "output_toks"}).to_json(orient="records", lines=True,
                                                                             double_precision=15)  # fmt: skip
    elif form == "dates":
        for name in moments:
            table[name] = pd.to_datetime(1.7e9 + table[name], unit="s", utc=True).map(lambda at: at.isoformat())
        text = table.to_csv(index=False)
    elif form == "nanoseconds":
        table[moments] = ((1.7e9 + table[moments]) * 1e9).round().astype("int64")
        text = table.to_csv(index=False)
    elif form == "durations":
        text = pd.DataFrame({
            "ISL": table.input_tokens, "OSL": table.output_tokens, "start_time": table.arrival_s,
            "TTFT (ms)": 1e3 * measured.ttft_s, "latency_ms": 1e3 * measured.e2e_s,
        }).to_csv(index=False)  # fmt: skip
    else:
        text = json.dumps(benchmark(measured) if form == "benchmark" else table.to_dict("records"))
    found = read_measurements(text.encode(), f"log.{form}", LIMITS)
    for name in ("input_tokens", "output_tokens"):
        np.testing.assert_array_equal(getattr(found.workload, name), getattr(measured.workload, name))
    for name in ("ttft_s", "tpot_s", "e2e_s"):
        np.testing.assert_allclose(getattr(found, name), getattr(measured, name), rtol=1e-5, atol=2e-6)
    shifted = measured.workload.arrival_s - measured.workload.arrival_s[0]
    np.testing.assert_allclose(found.workload.arrival_s, shifted, atol=2e-6)


def test_summed_up_benchmarks_are_closed_loops():
    line = {"max_concurrency": 8, "completed": 10, "total_input_tokens": 10_000, "total_output_tokens": 2_000,
            "mean_tpot_ms": 12.5, "ttfts": [0.1]}  # fmt: skip
    text = "\n".join(json.dumps(line | {"max_concurrency": c}) for c in (8, 16))
    points = read_measurements(text.encode(), "sglang.jsonl", LIMITS)
    assert isinstance(points, TpotPoints)
    assert points.input_tokens.tolist() == [1000, 1000] and points.output_tokens.tolist() == [200, 200]
    assert points.concurrency.tolist() == [8, 16] and points.tpot_s.tolist() == [0.0125, 0.0125]


def jsonl(*rows):
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Request log 'x' is empty; a log needs the columns"),
        ("hello\n", "has no rows"),
        ("{,}", "Request log 'x', line 1: not valid JSON."),
        (jsonl(ROW) + "\n\n{", "Request log 'x', line 3: not valid JSON."),
        ("[1]", "request 0 is no object of keys and values"),
        ("a,b\n1,2\n", "has no column for input_tokens (found a, b)"),
        (jsonl({"input_toks": 5, "output_toks": 3}), "has no column for arrival"),
        (jsonl(ROW, ROW | {"input_tokens": None}), "line 2: input_tokens is missing; a whole number from 1 to"),
        (jsonl(ROW | {"input_tokens": 0}), "line 1: input_tokens is 0"),
        (jsonl(ROW, ROW | {"output_tokens": -3}), "line 2: output_tokens is -3"),
        (jsonl(ROW | {"output_tokens": 2.5}), "line 1: output_tokens is 2.5"),
        (jsonl(ROW | {"output_tokens": "many"}), "line 1: output_tokens is many"),
        (jsonl(ROW | {"output_tokens": 10**8}), "line 1: output_tokens is 100000000"),
        (jsonl(ROW, ROW | {"last_token_s": None}), "line 2: last_token_s is missing; a moment is allowed."),
        (jsonl(ROW | {"arrival_s": "yesterday"}), "line 1: arrival_s is yesterday; a number or a date is allowed."),
        (jsonl(ROW | {"first_token_s": 0.5}), "line 1: the first token comes before the arrival."),
        (jsonl(ROW | {"last_token_s": 1.1}), "line 1: the last token comes before the first token."),
        (jsonl(ROW | {"output_tokens": 0}), "has no request that generated something"),
        (jsonl(ROW | {"model": "a"}, ROW | {"model": "b"}), "has requests of several models (a, b)"),
        ("isl,osl,concurrency\n1,2,3\n", "has no column for tpot"),
        ("isl,osl,concurrency,tpot_ms\n1,2,3,4\n1,2,0,4\n", "line 3: concurrency is 0; a positive number is allowed."),
        ("isl,osl,concurrency,tpot_ms\n1,,3,4\n", "line 2: osl is missing"),
    ],
)  # fmt: skip
def test_a_bad_log_is_one_sentence(text, sentence):
    with pytest.raises(InputError) as raised:
        read_measurements(text.encode(), "x", LIMITS)
    assert sentence in str(raised.value) and "\n" not in str(raised.value)


def test_requests_that_failed_are_left_out_and_counted():
    failed = ROW | {"output_tokens": 0, "first_token_s": None, "last_token_s": None}
    found = read_measurements(jsonl(ROW, failed, ROW | {"success": False}, ROW).encode(), "x", LIMITS)
    assert len(found.workload) == 2 and found.failed == 2


def test_a_fit_to_a_simulated_run_gives_its_times_at_other_loads_too():
    fit = fit_measurements(made_run(), WHERE, "made up")
    assert fit.profile.error.median < 0.02 and fit.unseen.median < 0.05
    other = made_run(n=300, seed=9, rate_per_s=6)
    again = simulate_run(other, fit.profile)
    assert np.median(np.abs(again.e2e_s / other.e2e_s - 1)) < 0.06
    assert fit.profile.provenance == f"fitted: {words.plural(200, 'request')} of made up"
    assert all(abs(error) < 0.1 for error in fit.errors.values())


def test_the_sentence_of_a_fit_says_what_was_computed():
    run_ = made_run()
    fit = fit_measurements(run_, WHERE, "made up")
    arrival_s, end_s = run_.workload.arrival_s, run_.workload.arrival_s + run_.e2e_s
    most = max(int(((arrival_s <= at) & (end_s > at)).sum()) for at in arrival_s)
    sentence = words.typed(fit.verdict)
    assert f"up to {most} requests at once" in sentence
    assert f"prompts of up to {int(run_.workload.input_tokens.max())} tokens" in sentence
    for error in (fit.unseen.median, fit.unseen.p90):
        assert f"within {words.number(100 * error)} %" in sentence
    assert fit.unseen.points == 100 and "far off" not in sentence
    # With a quarter of the engines the same requests cannot fare so well.
    wrong = fit_measurements(made_run(rate_per_s=60), WHERE, "made up")
    assert ("far off" in wrong.verdict) == (wrong.unseen.median > FAR_OFF)


def test_a_fit_to_closed_loops_is_tested_on_the_half_it_has_not_seen():
    random = np.random.default_rng(0)
    lengths = random.choice([128, 1024, 4096], (2, 40))
    points = TpotPoints(*lengths, random.choice([1, 4, 16, 64, 128], 40), np.ones(40))
    points = TpotPoints(*lengths, points.concurrency, predict_tpot_s(profile(), points))
    fit = fit_measurements(points, WHERE, "bench.csv")
    assert fit.unseen.points == 20 and fit.unseen.median < 0.05
    assert fit.profile.weight_gib == 2.0 and fit.profile.provenance == "fitted: 40 closed loops of bench.csv"
    assert "40 closed loops" in fit.verdict and "up to 128 requests" in fit.verdict
    with pytest.raises(InputError, match="bench.csv has 4 closed loops; at least 12 are needed"):
        fit_measurements(points.rows(np.arange(4)), WHERE, "bench.csv")


def test_too_few_requests_or_a_cache_that_could_not_hold_them_are_refused():
    with pytest.raises(InputError, match="made up has 10 requests; at least 40 are needed"):
        fit_measurements(made_run(10), WHERE, "made up")
    small = made_run()
    small = MeasuredRun(small.workload, small.ttft_s, small.tpot_s, small.e2e_s, EngineLimits(kv_blocks=5), 1)
    with pytest.raises(InputError, match="kv_blocks is 5, and it needs"):
        fit_measurements(small, WHERE, "made up")


def test_an_architecture_tells_cache_and_weights():
    llama = load_architectures()["llama-3.1-8b"]
    one, two = (measured_on(llama, "mine", "gpu", tp) for tp in (1, 2))
    assert one.kv_bytes_per_token == 131_072 and two.kv_bytes_per_token == 65_536
    assert one.weight_gib == pytest.approx(2 * 8.03e9 / 2**30, rel=0.01)
    assert one.weight_gib == pytest.approx(2 * two.weight_gib)
    with pytest.raises(InputError, match="tp is 3, and llama-3.1-8b has 8 heads"):
        measured_on(llama, "mine", "gpu", 3)


def test_a_catalogue_holds_both_kinds_of_profiles():
    fit = fit_measurements(made_run(), WHERE, "made up")
    fixed = {"bert": {"entries": [{"pp": 1, "tp": 1, "stage_latency_s": [0.1], "stage_weight_gib": [1]}]}}
    content = json.dumps(generation_document([fit.profile, profile()]) | fixed).encode()
    assert parse_generation_profiles(content, "own.json") == (fit.profile, profile())
    assert list(parse_catalogue(content, "own.json")) == ["bert"]
    assert parse_generation_profiles(b"profile,pp\n", "own.csv") == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token_s": -1}, "Profiles file 'own.json', profile 'm'"),
        ({"tp": 0}, "generation.0.tp"),
        ({"wheels": 4}, "wheels"),
        ({"weight_read_s": 0, "token_s": 0}, "weight_read_s and token_s are both 0"),
    ],
)
def test_a_bad_catalogue_is_one_sentence(change, sentence):
    document = generation_document([profile()])
    document["m"]["generation"][0] |= change
    with pytest.raises(InputError) as raised:
        parse_generation_profiles(json.dumps(document).encode(), "own.json")
    assert sentence in str(raised.value) and "\n" not in str(raised.value)
    twice = {"m": {"generation": generation_document([profile()])["m"]["generation"] * 2}}
    with pytest.raises(InputError, match="two entries for gpu, tp 1"):
        parse_generation_profiles(json.dumps(twice).encode(), "own.json")


def test_the_command_writes_what_a_scenario_reads(tmp_path, capsys):
    log, own = tmp_path / "log.csv", tmp_path / "own.json"
    table_of(made_run()).to_csv(log, index=False)
    arguments = ("fit", str(log), "--name", "mine", "--device", "my gpu", "--kv-bytes-per-token", "1000",
                 "--weight-gib", "2", "--kv-blocks", "4000")  # fmt: skip
    document = run_json(capsys, *arguments, "--out", str(own))
    fit = fit_measurements(load_measurements(log, LIMITS), WHERE, "log.csv")
    assert document["unseen"] == vars(fit.unseen) and document["errors"] == fit.errors
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "version: 1\ncluster: {devices: 1, memory_gib: 8, device: my gpu}\nprofiles: own.json\n"
        "models: [{name: chat, generation: mine, slo_ttft_s: 1}]\n"
        "workload: {trace: {path: log.csv, columns: {time: arrival_s, input_tokens: input_tokens, output_tokens: "
        "output_tokens}}}\nplacements: [{name: one, groups: [{models: [chat]}]}]\n"
    )
    assert load_scenario(scenario).profiles == "own.json"
    figures = run_json(capsys, "simulate", str(scenario))["placements"][0]["generation"]
    assert figures["tpot_s"]["mean"] == pytest.approx(np.nanmean(made_run().tpot_s), rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--kv-bytes-per-token is missing; give it, or --model"),
        (("--model", "no-such"), "Model 'no-such' is neither a file nor one of"),
        (("--model", "llama-3.1-8b", "--engines", "0"), "--engines is '0'; a whole number"),
        (("--model", "llama-3.1-8b", "--max-num-batched-tokens", "8"), "max_num_batched_tokens is 8 and max_num_seqs"),
        (("--model", "llama-3.1-8b"), "Request log 'log.csv' has no column for input_tokens"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_one_sentence(tmp_path, capsys, arguments, sentence):
    log = tmp_path / "log.csv"
    log.write_text("a,b\n1,2\n")
    status, _, said = run(capsys, "fit", log, "--device", "gpu", *arguments)
    assert status == 2 and sentence in said.splitlines()[-1]
