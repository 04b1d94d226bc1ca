"""Fits of generation profiles, and the error table that ships."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from planner.generation.evidence import generation_errors
from planner.generation.fit_layers import LayerTimes, fit_layers
from planner.generation.fit_points import BUDGET_TOKENS, TpotPoints, fit_points, predict_tpot_s
from planner.generation.known_errors import known_generation_errors
from planner.generation.measured import fit_all
from planner.generation.profiles import shipped_profiles
from planner.generation.request_log import MeasuredRun
from planner.generation.vllm_runs import calibrate, simulate_run
from simulator import InputError
from simulator.generation import Engine, EngineGroup, EngineLimits, TokenWorkload, simulate_generation
from tests.generation_cases import profile, random_workload

MEASURED = Path(__file__).parents[2] / "shared" / "reference" / "llm"
needs_measured = pytest.mark.skipif(not MEASURED.is_dir(), reason="the measured data are not on this machine")

GENERATION_DOCS = Path(__file__).parents[1] / "docs" / "generation.md"


def is_dense(case):
    return case.startswith(("Qwen3-32B", "Llama-3.1-8B"))


def error_of(check, case, quantity):
    return next(e.error for e in known_generation_errors() if (e.check, e.case, e.quantity) == (check, case, quantity))


def test_layer_times_made_by_the_formula_give_its_numbers_back():
    truth = profile()
    grid = [(0, 0, n, kv) for n in (1, 4, 16, 64, 256) for kv in (16, 256, 4096)]
    grid += [(c, past, 0, 0) for c in (16, 128, 512, 2048) for past in (0, 512, 4096)]
    grid += [(c, 0, 16, 256) for c in (128, 512)]
    table = pd.DataFrame(grid, columns=["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"])
    table["time_s"] = truth.context_token_s * table.n_decode * table.kv_decode + truth.prefill_pair_s * (
        table.prefill_chunk * (table.kv_prefill + table.prefill_chunk / 2)
    )
    tokens, sequences = np.arange(1, 2200), np.arange(1, 300)
    dense_s = np.array([truth.roof_s(t) - truth.link_s - truth.link_token_s * t for t in tokens])
    times = LayerTimes(tokens, dense_s, sequences, truth.sequence_s * sequences, table)
    fitted = fit_layers(times, "m", "gpu", 1, 1.0, "made up")
    assert fitted.error.p90 < 1e-3
    np.testing.assert_allclose(fitted.coefficients[:2], truth.coefficients[:2], rtol=0.02)
    np.testing.assert_allclose(fitted.coefficients[4:6], truth.coefficients[4:6], rtol=0.05)


def test_points_made_by_the_formula_are_met_where_they_were_not_fitted():
    random = np.random.default_rng(0)
    lengths = random.choice([128, 1024, 4096], (2, 60))
    points = TpotPoints(*lengths, random.choice([1, 4, 16, 64, 128], 60), np.ones(60))
    points = TpotPoints(*lengths, points.concurrency, predict_tpot_s(profile(), points))
    fitted = fit_points(points.rows(np.arange(30)), "m", "gpu", 1, 1.0, "made up")
    rest = points.rows(np.arange(30, 60))
    assert np.median(np.abs(predict_tpot_s(fitted, rest) / rest.tpot_s - 1)) < 0.02
    with pytest.raises(InputError, match="There are 3 points; at least 6"):
        fit_points(points.rows(np.arange(3)), "m", "gpu", 1, 1.0, "")


def closed_loop_tpot_s(engine_profile, inputs, outputs, concurrency, rounds=8):
    """Mean time per output token of simulated requests, each of which arrives when another ends: arrivals are set to
    the ends of the run before, until they are the same. The first ones are cut at staggered lengths."""
    n = concurrency * rounds
    limits = EngineLimits(BUDGET_TOKENS, concurrency, 10**6)
    group = EngineGroup((Engine("m", engine_profile, limits),))
    lengths = np.full(n, outputs)
    first = np.random.default_rng(0).permutation(concurrency) + 1
    lengths[:concurrency] = np.maximum(2, first * outputs // concurrency)
    arrival_s = np.zeros(n)
    for _ in range(rounds + 1):
        workload = TokenWorkload(arrival_s, np.zeros(n, int), np.full(n, inputs), lengths, ("m",))
        result = simulate_generation([group], workload)
        arrival_s = np.concatenate([np.zeros(concurrency), np.sort(result.last_token_s)[: n - concurrency]])
    return result.tpot_s[2 * concurrency : -concurrency].mean()


@pytest.mark.parametrize("sharpness", [1.1, 2.0])
def test_the_formula_of_closed_loops_is_what_the_simulator_does(sharpness):
    engine_profile = profile(sharpness=sharpness)
    for loop in ((512, 128, 1), (1024, 128, 8), (4096, 128, 8), (1024, 512, 32), (4096, 256, 32), (1024, 128, 64)):
        points = TpotPoints(*([float(number)] for number in loop), [1.0])
        assert predict_tpot_s(engine_profile, points)[0] == pytest.approx(
            closed_loop_tpot_s(engine_profile, *loop), rel=0.03
        ), loop


def test_a_run_made_by_the_simulator_gives_its_factor_back():
    workload = random_workload(np.random.default_rng(2), 200, 8)
    limits = EngineLimits(kv_blocks=4000)
    run = MeasuredRun(workload, *(np.zeros(200),) * 3, limits, 1)
    made = simulate_run(run, profile().scaled(1.3))
    run = MeasuredRun(workload, made.ttft_s, made.tpot_s, made.e2e_s, limits, 1)
    assert calibrate(run, profile()) == pytest.approx(1.3, abs=1e-4)
    with pytest.raises(InputError, match=r"no factor from 0\.2 to 5\.0 on profile 'm'"):
        calibrate(run, profile().scaled(100))


def test_a_folder_without_measured_data_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="has no folder vllm_runs"):
        generation_errors(tmp_path)


def test_every_shipped_profile_says_where_it_is_from_and_how_far_off():
    profiles = shipped_profiles()
    assert len(profiles) >= 5
    assert len({(p.name, p.device, p.tp) for p in profiles}) == len(profiles)
    assert all(p.provenance and 0 < p.error.median < 0.1 and p.error.points >= 20 for p in profiles)


def test_shipped_errors_of_the_dense_runs_are_within_what_is_promised():
    for case in ("RTX4090-Llama-3.1-8B", "RTXPRO6000-Llama-3.1-8B"):
        for quantity, most in (("e2e_mean", 0.12), ("tpot_mean", 0.09), ("ttft_mean", 0.25)):
            assert abs(error_of("vLLM run, no calibration", case, quantity)) <= most
        for name in ("e2e", "tpot", "ttft"):
            for part in ("mean", "p50", "p90", "p99"):
                most = 0.05 if (name, part) == ("ttft", "p50") else 0.04
                assert abs(error_of("vLLM run, one factor", case, f"{name}_{part}")) <= most
        assert error_of("vLLM run, one factor", case, "e2e of a request, median |error|") <= 0.02
    assert abs(error_of("vLLM run, no calibration", "RTX4090-Llama-3.1-8B", "preemptions")) <= 0.2


def test_shipped_errors_of_closed_loops_and_stages_are_within_what_is_promised():
    for check in ("closed loops, half fitted", "closed loops, half of the settings fitted"):
        assert error_of(check, "all", "tpot, median of medians") <= 0.065
    dense = [e.error for e in known_generation_errors() if e.check == "closed loops, half fitted" and is_dense(e.case)]
    assert len(dense) == 4
    assert np.median(dense) <= 0.05
    text = GENERATION_DOCS.read_text(encoding="utf-8")
    for error in dense:
        assert f"{100 * error:.1f}" in text
    for quantity, most in (("itl, median |error|", 0.02), ("itl, largest |error|", 0.07)):
        error = error_of("H100 stages, codegen fitted", "all", quantity)
        assert error <= most
        assert f"{100 * error:.1f} %" in text


def test_shipped_errors_of_sharing_are_those_that_the_page_on_it_says():
    found = {e.case: e.error for e in known_generation_errors() if e.check == "MuxServe" and "an LLM" in e.quantity}
    text = GENERATION_DOCS.read_text(encoding="utf-8")
    assert len(found) == 6
    for case, error in found.items():
        assert f"{100 * error:.1f} %" in text, case
    host = "100 us a request of the host"
    assert found[f"own devices, {host}, settings not set on"] < 0.06
    assert found[f"in turns, {host}, 2 ms a switch"] < 0.1
    assert found[f"in turns, {host}, 2 ms a switch"] < found["in turns, switching free"] < 0.13


@needs_measured
def test_shipped_errors_and_profiles_are_those_of_today():
    for known, now in zip(known_generation_errors(), generation_errors(MEASURED), strict=True):
        assert (known.check, known.case, known.quantity) == (now.check, now.case, now.quantity)
        assert now.error == pytest.approx(known.error, abs=1e-3)
    for known, now in zip(shipped_profiles(), fit_all(MEASURED), strict=True):
        np.testing.assert_allclose(now.coefficients, known.coefficients, rtol=1e-2, atol=1e-9)
