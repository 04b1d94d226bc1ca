"""The published runs are reproduced."""

import json
from pathlib import Path

import numpy as np
import pytest

from planner.evidence.published import RUNS_FILE, load_published, run_workload
from planner.evidence.validate import known_errors, summarise_errors, validate
from simulator import InputError

REFERENCE = Path(__file__).parent.parent.parent / "shared" / "reference" / "published"


@pytest.fixture(scope="module")
def errors():
    return validate()


@pytest.fixture(scope="module")
def summaries(errors):
    return {(s.runs, s.preset): s for s in summarise_errors(errors)}


def test_runs_simulated_by_the_authors_are_met_within_a_tenth_of_a_point(summaries):
    s = summaries["simulated by the authors", "published"]
    assert s.count == 403
    assert s.mean_abs <= 0.001
    assert s.max_abs <= 0.0095


@pytest.mark.parametrize("preset", ["published", "testbed"])
def test_runs_on_real_devices_are_met_within_the_papers_two_percent(summaries, preset):
    s = summaries["measured on 16 V100s", preset]
    assert s.count == 20
    assert s.mean_abs <= 0.006
    assert s.max_abs <= 0.017


def test_single_device_rows_need_no_fitted_profile_and_are_met_to_the_digit(errors):
    rows = [e for e in errors if e.run.source.startswith("align") and e.run.policy == "sr-greedy"
            and e.run.mode == "simulate" and e.preset == "published"]  # fmt: skip
    assert len(rows) == 10
    # Published with three decimals.
    assert max(abs(e.error) for e in rows) <= 0.0011


def test_the_errors_that_the_app_shows_are_those_of_a_replay(errors):
    for shown, now in zip(known_errors(), summarise_errors(errors), strict=True):
        assert (shown.runs, shown.preset, shown.count) == (now.runs, now.preset, now.count)
        np.testing.assert_allclose(
            (shown.mean_abs, shown.max_abs, shown.bias), (now.mean_abs, now.max_abs, now.bias), atol=1e-9
        )


def test_the_kept_runs_are_those_of_the_reference():
    if not REFERENCE.is_dir():
        pytest.skip("the authors' tables (../shared/reference) are not here; every run was copied from them")
    reference = load_published(REFERENCE / "synthetic.jsonl") + load_published(REFERENCE / "testbed.jsonl")
    assert load_published(RUNS_FILE) == reference


def test_runs_of_the_authors_layout_are_read_like_the_kept_ones(tmp_path):
    """JSON Lines with lists of types and of groups, as the authors' tables were copied."""
    kept = load_published(RUNS_FILE)[::20]
    file = tmp_path / "runs.jsonl"
    file.write_text("".join(json.dumps(_row(run)) + "\n" for run in kept))
    assert load_published(file) == kept


def _row(run):
    groups = [
        {"pp": g.pp, "tp": g.tp, "models": [int(name.removeprefix("model-")) for name in g.models]}
        for g in run.placement.groups
    ]
    same = ("source", "sweep", "mode", "policy", "devices", "num_models", "cv", "slo_scale", "duration_s")
    return {name: getattr(run, name) for name in (*same, "slo_attainment")} | {
        "memory_budget_gib": run.memory_gib,
        "model_types": list(run.model_types),
        "total_rate": run.total_rate_per_s,
        "rate_split": f"power_law_{run.exponent}",
        "groups": groups,
    }


def test_a_run_asks_for_its_rate_on_average():
    run = load_published()[0]
    workload = run_workload(run)
    assert len(workload) == pytest.approx(run.total_rate_per_s * run.duration_s, rel=0.1)


@pytest.mark.parametrize("line", ['{"source": 1}', "no json", '{"rate_split": "uniform"}'])
def test_a_wrong_row_is_named(tmp_path, line):
    file = tmp_path / "runs.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match="runs.jsonl"):
        load_published(file)
