"""Exports of models that generate carry the limits that were simulated, on the command line and in Python."""

import json
import math

import pytest
import yaml

from planner.__main__ import main
from planner.export import ENGINE_TARGETS, export_engines
from planner.export.vllm_commands import DEVICE_SHARE
from planner.generation.compare import compare
from planner.generation.inputs import build_token_inputs
from planner.scenario.file import parse_scenario
from simulator import Group, InputError, Placement
from tests.test_export_files import VLLM_FLAGS, vllm_commands

# Engine arguments of docs.vllm.ai that only engines which generate are given.
ENGINE_FLAGS = VLLM_FLAGS | {
    "--max-num-batched-tokens", "--block-size", "--num-gpu-blocks-override", "--enable-chunked-prefill",
    "--no-enable-chunked-prefill", "--max-model-len",
}  # fmt: skip
SCENARIO = """
version: 1
cluster: {devices: 5, devices_per_node: 4, memory_gib: 70, device: RTX PRO 6000}
models:
  - {name: chat one, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}
  - {name: code, generation: qwen3-32b, slo_e2e_s: 20}
  - {name: idle, generation: llama-3.1-8b, slo_ttft_s: 1}
workload:
  gamma: {total_rate_per_s: 3, cv: 2, duration_s: 60}
  tokens: {input: {lognormal: {median: 500, sigma: 0.7}}, output: {lognormal: {median: 300, sigma: 0.7}}}
generation: {max_num_batched_tokens: 4096, max_num_seqs: 64, block_size: 32, dispatch: least_kv}
placements:
  - {name: own, groups: [{models: [code]}, {tp: 2, models: [code, chat one]}, {models: [chat one]}]}
"""


@pytest.fixture(scope="module")
def case():
    inputs = build_token_inputs(parse_scenario(SCENARIO))
    (section,) = parse_scenario(SCENARIO).placements
    groups = tuple(Group(g.pp, g.tp, tuple(g.models)) for g in section.groups)
    return Placement(groups, "own"), inputs.problem


def kv_bytes(problem, name, tp):
    return problem.model(name).profiles[tp].kv_bytes_per_token


def test_vllm_gets_the_limits_of_every_engine(case):
    placement, problem = case
    files = export_engines(placement, problem, "vllm")
    commands = vllm_commands(files["node-0.sh"])
    assert sorted(files) == ["node-0.sh", "routes.json"]
    assert [flags["--served-model-name"] for _, _, flags in commands] == ["code", "code", "chat one", "chat one"]
    held = [(0, 1, "code", 1), (1, 2, "code", 2), (1, 2, "chat one", 2), (3, 1, "chat one", 1)]
    for (devices, _, flags), (first, tp, name, sharing) in zip(commands, held, strict=True):
        assert set(flags) <= ENGINE_FLAGS
        assert devices == ",".join(str(first + i) for i in range(tp)) and flags["--tensor-parallel-size"] == str(tp)
        assert (flags["--max-num-batched-tokens"], flags["--max-num-seqs"]) == ("4096", "64")
        assert flags["--block-size"] == "32" and "--enable-chunked-prefill" in flags
        models = ("code", "chat one") if sharing == 2 else (name,)
        weights_gib = sum(problem.model(other).profiles[tp].weight_gib for other in models)
        pool = int((70 - weights_gib) * 2**30)
        blocks = int(flags["--num-gpu-blocks-override"])
        taken = blocks * round(32 * kv_bytes(problem, name, tp)) * sharing
        assert taken <= pool < taken + 2 * sharing * 32 * kv_bytes(problem, name, tp)
        lengths = problem.workload.input_tokens + problem.workload.output_tokens
        own = lengths[problem.workload.model == problem.workload.models.index(name)]
        assert int(flags["--max-model-len"]) == own.max()
    shares = [float(flags["--gpu-memory-utilization"]) for _, _, flags in commands]
    assert shares[0] == shares[3] == DEVICE_SHARE and DEVICE_SHARE - 2e-4 <= shares[1] + shares[2] <= DEVICE_SHARE


def test_what_is_assumed_and_lost_is_said(case):
    placement, problem = case
    for target in ("vllm", "kubernetes"):
        text = next(iter(export_engines(placement, problem, target).values()))
        for sentence in ("smallest share of the cache in use", "at most 4 096 new tokens", "64 running requests",
                         "take turns by iteration, switching free", "Group 1: an engine of vLLM serves one model",
                         "prefix cache hits", "layer times of LLMServingSim",
                         "Not placed, so not in here: idle."):  # fmt: skip
            assert sentence in text.replace("\N{NARROW NO-BREAK SPACE}", " "), (target, sentence)


def test_prompts_in_one_piece_and_odd_blocks_are_said(case):
    placement, problem = case
    odd = parse_scenario(SCENARIO.replace("block_size: 32", "block_size: 48, chunked_prefill: false"))
    files = export_engines(placement, build_token_inputs(odd).problem, "vllm")
    assert all("--no-enable-chunked-prefill" in flags for _, _, flags in vllm_commands(files["node-0.sh"]))
    assert "and refuses 48, so plan with one of these" in files["node-0.sh"]
    assert "refuses" not in export_engines(placement, problem, "vllm")["node-0.sh"]


def test_manifests_carry_the_same_flags_and_are_valid(case):
    placement, problem = case
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifests = list(yaml.safe_load_all(export_engines(placement, problem, "kubernetes")["placement.yaml"]))
    for manifest in manifests:
        validator.validate(manifest, "1.37", strict=True)
    script = export_engines(placement, problem, "vllm")["node-0.sh"]
    commands = vllm_commands(script)
    scripts = [m["spec"]["template"]["spec"]["containers"][0]["command"][2] for m in manifests
               if m["kind"] == "Deployment"]  # fmt: skip
    for _, _, flags in commands:
        for name in ("--num-gpu-blocks-override", "--max-model-len", "--max-num-batched-tokens"):
            assert any(f"{name} {flags[name]}" in one for one in scripts)
    slos = {m["metadata"]["annotations"]["model-placement/slo"] for m in manifests
            if m["metadata"]["name"].startswith("model-")}  # fmt: skip
    assert slos == {"TTFT 1 s, TPOT 0.05 s", "E2E 20 s"}


def test_the_document_has_engines_devices_and_memory(case):
    placement, problem = case
    document = json.loads(export_engines(placement, problem, "json")["placement.json"])
    assert document["generation"]["max_num_batched_tokens"] == 4096 and "serving" not in document
    assert [model["slo_ttft_s"] for model in document["models"]] == [1.0, None]
    assert document["unplaced_models"] == ["idle"]
    for group, held in zip(document["groups"], placement.groups, strict=True):
        assert [engine["model"] for engine in group["engines"]] == list(held.models)
        assert len(group["devices"]) == held.tp
        for device in group["devices"]:
            weights = sum(problem.model(name).profiles[held.tp].weight_gib for name in held.models)
            assert device["weight_gib"] == pytest.approx(weights)
            assert device["weight_gib"] + device["kv_gib"] <= 70 + 1e-9
            assert math.isclose(device["weight_gib"] + device["kv_gib"], 70, rel_tol=1e-3)


def test_what_cannot_be_exported_is_one_sentence(case):
    placement, problem = case
    assert ENGINE_TARGETS == ("vllm", "kubernetes", "json")
    with pytest.raises(InputError, match="target is 'ray'; for models that generate vllm, kubernetes, json are"):
        export_engines(placement, problem, "ray")
    with pytest.raises(InputError, match="'big' uses 8 devices; the cluster has 5"):
        export_engines(Placement((Group(1, 8, ("code",)),), "big"), problem, "vllm")
    with pytest.raises(InputError, match="holds 'other', which does not generate"):
        export_engines(Placement((Group(1, 1, ("other",)),), "mixed"), problem, "vllm")
    with pytest.raises(InputError, match="holds no model"):
        export_engines(Placement((Group(1, 1, ()),), "empty"), problem, "json")
    with pytest.raises(InputError, match="tp 4, for which"):
        export_engines(Placement((Group(1, 4, ("code",)),), "wide"), problem, "json")


def test_the_command_writes_what_python_gives(case, tmp_path, capsys):
    placement, problem = case
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    for target in ENGINE_TARGETS:
        assert main(["export", str(path), "--to", target, "--out", f"{tmp_path / target}/"]) == 0
        for name, text in export_engines(placement, problem, target).items():
            assert (tmp_path / target / name).read_text() == text
    assert (tmp_path / "vllm" / "node-0.sh").stat().st_mode & 0o100
    assert main(["export", str(path), "--to", "triton"]) == 2
    assert "for models that generate vllm, kubernetes, json are allowed" in capsys.readouterr().err
    assert main(["export", str(path), "--to", "json", "--epoch", "1"]) == 2
    assert "does not change over time" in capsys.readouterr().err


def test_blocks_of_engines_alone_are_those_simulated(case):
    """Where an engine has its devices alone, the exported blocks are those of the table of engines."""
    (outcome,) = compare(parse_scenario(SCENARIO)).outcomes
    placement, problem = case
    files = export_engines(placement, problem, "vllm")
    commands = vllm_commands(files["node-0.sh"])
    figures = outcome.figures.engines
    for at, sharing in ((0, 1), (1, 2), (2, 2), (3, 1)):
        assert int(commands[at][2]["--num-gpu-blocks-override"]) == figures[at].kv_blocks // sharing
