"""Scenarios whose groups have roles: refused, placed, measured, written down, and always said to be not validated."""

import csv
import json

import numpy as np
import pytest

from planner.__main__ import main
from planner.compare import filled
from planner.export import export_engines
from planner.generation.compare import compare
from planner.generation.known_errors import NOT_VALIDATED
from planner.generation.record import life_of
from planner.generation.search import search_engines
from planner.generation.spare import losses
from tests.test_generation_plan import LLAMA, document, refused, scenario, write

CLUSTER = document()["cluster"] | {"devices": 4}
APART = {
    "models": [LLAMA],
    "placements": [
        {"name": "apart", "groups": [{"models": ["chat"], "role": "prefill"}, {"models": ["chat"], "role": "decode"}]}
    ],
}


def groups_of(*roles):
    """A group of each role."""
    return [{"models": ["chat"]} | ({"role": role} if role else {}) for role in roles]


def busy(**changes):
    """Traffic that needs several engines."""
    work = {"poisson": {"total_rate_per_s": 20, "duration_s": 60, "seed": 1},
            "tokens": {"input": {"fixed": 1500}, "output": {"empirical": [1, 60, 150]}}}  # fmt: skip
    return scenario(**(APART | {"workload": work, "cluster": CLUSTER} | changes))


def test_a_request_alone_takes_its_prompt_its_transfer_and_its_tokens():
    comparison = compare(scenario(**APART, generation={"kv_transfer_gb_per_s": 0.5}))
    outcome = comparison.outcomes[0]
    profile = comparison.inputs.problem.models[0].profiles[1]
    first_s = profile.iteration_s(0, 0, [(0, 160)])
    moved_s = 160 * profile.kv_bytes_per_token / 0.5e9
    later_s = sum(profile.iteration_s(1, 160 + k) for k in range(10))
    np.testing.assert_allclose(outcome.result.ttft_s, first_s, rtol=1e-9)
    np.testing.assert_allclose(outcome.result.e2e_s, first_s + moved_s + later_s, rtol=1e-6)
    engines = outcome.figures.engines
    assert [(e.role, e.requests, e.output_tokens) for e in engines] == [("prefill", 19, 19), ("decode", 19, 190)]
    life = life_of(outcome, comparison.inputs, 7, 1000)
    assert [step.kind for step in life] == ["prompt", "cache moves", "decodes"]
    assert [step.tokens for step in life] == [160, 160, 10]
    assert life[1].end_s - life[1].begin_s == pytest.approx(moved_s)


def test_every_place_of_figures_says_that_they_are_not_validated(tmp_path, capsys):
    path, table = write(tmp_path, **APART), tmp_path / "requests.csv"
    assert main(["simulate", path, "--requests", str(table)]) == 0
    printed = capsys.readouterr().out
    assert f"* apart: {NOT_VALIDATED}" in printed and "1 x prefill tp 1: chat; 1 x decode tp 1: chat" in printed
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert {(row["engine"], row["decode_engine"]) for row in rows} == {("0", "1")}
    assert all(float(row["first_token_s"]) < float(row["cache_arrived_s"]) <= float(row["decode_scheduled_s"])
               < float(row["last_token_s"]) for row in rows)  # fmt: skip
    assert main(["simulate", path, "--json"]) == 0
    [placement] = json.loads(capsys.readouterr().out)["placements"]
    assert placement["remark"] == NOT_VALIDATED
    assert [group["role"] for group in placement["groups"]] == ["prefill", "decode"]
    comparison = compare(scenario(**APART))
    problem, placed = comparison.inputs.problem, comparison.outcomes[0].placement
    for target in ("vllm", "kubernetes", "json"):
        text = "".join(export_engines(placed, problem, target).values())
        words = " ".join(text.replace("#", " ").split())
        assert (
            NOT_VALIDATED in words
            and "Prompts and first tokens are computed by group 0, later tokens by group 1" in words
        )
        assert "at 25 GB/s" in words
    assert compare(scenario()).outcomes[0].remark is None


def test_roles_that_leave_work_undone_are_refused_in_one_sentence(tmp_path, capsys):
    def said(*groups, **changes):
        placements = [{"name": "p", "groups": list(groups)}]
        return refused(tmp_path, capsys, **(APART | {"placements": placements, "cluster": CLUSTER} | changes))

    for roles, found in (
        (["prefill"], "prefill"),
        (["decode"], "decode"),
        (["prefill", None], "prefill and none"),
        (["prefill", "decode", None], "prefill, decode and none"),
    ):
        assert (
            f"Placement 'p': the groups of 'chat' have the role {found}; every model needs groups of the role prefill "
            "and groups of the role decode, or only groups without a role."
        ) in said(*groups_of(*roles))
    assert "'both'" in said(*groups_of("both"))
    assert "kv_transfer_gb_per_s" in said(*groups_of("prefill", "decode"), generation={"kv_transfer_gb_per_s": 0})
    bert, only = {"name": "bert", "profile": "bert-1.3b", "slo_scale": 5}, {"models": ["bert"], "role": "decode"}
    assert "roles are of groups of models that generate" in said(
        *groups_of("prefill", "decode"), only, models=[LLAMA, bert]
    )
    fixed = {"deterministic": {"total_rate_per_s": 0.2, "duration_s": 100}}
    assert "roles are of groups of models that generate" in said(only, models=[bert], workload=fixed)


def test_the_search_takes_the_best_share_of_devices_for_prompts():
    inputs = compare(busy()).inputs
    found = search_engines(inputs.problem, "disaggregated")
    # Three shares of four devices, and one of two pairs.
    assert found.evaluations == 4 and found.placement.devices == 4
    met = {}
    for prompts in (1, 2, 3):
        groups = groups_of(*["prefill"] * prompts, *["decode"] * (4 - prompts))
        met[prompts] = compare(busy(placements=[{"name": "p", "groups": groups}])).outcomes[0].slo_attainment
    prompts = sum(group.role == "prefill" for group in found.placement.groups)
    assert met[prompts] == max(met.values()) == found.score and len(set(met.values())) > 1
    section = filled(busy().placements[0], found.placement)
    assert [group.role for group in section.groups] == [group.role for group in found.placement.groups]


def test_without_the_only_engine_that_decodes_a_model_is_served_by_nobody():
    comparison = compare(busy(placements=[{"name": "p", "groups": groups_of("prefill", "prefill", "decode")}]))
    faults = losses(comparison.outcomes[0].placement, comparison.inputs, "device")
    assert [fault.orphans for fault in faults] == [(), (), ("chat",)]
    assert faults[2].slo_attainment == 0 < faults[0].slo_attainment
