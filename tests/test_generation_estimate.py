"""Profiles from an architecture and a device alone."""

import json

import numpy as np
import pytest

from planner.generation.estimate import estimate_errors, estimate_profile, estimate_profiles, known_error_sentence
from planner.parallelise import load_architectures, load_hardware
from planner.scenario.file import load_scenario
from simulator import InputError
from simulator.generation.catalogue import parse_generation_profiles
from tests.test_command_line import run
from tests.test_generation_fits import GENERATION_DOCS

LLAMA, H100 = load_architectures()["llama-3.1-8b"], load_hardware()["h100-80gb"]


def test_an_estimate_is_bytes_over_bandwidth_and_operations_over_peak():
    profile = estimate_profile(LLAMA, H100, 2)
    bandwidth, peak = 2 * 3350e9 * 0.8, 2 * 989e12 * 0.6
    layer = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336
    matrices, head, norms = 32 * layer, 4096 * 128256, 65 * 4096
    assert profile.weight_read_s == pytest.approx(2 * (matrices + head + norms) / bandwidth, rel=1e-6)
    assert profile.token_s == pytest.approx(2 * matrices / peak, rel=1e-9)
    assert profile.context_token_s == pytest.approx(131_072 / bandwidth)
    assert profile.prefill_pair_s == pytest.approx(4 * 32 * 4096 / peak)
    assert profile.link_s == pytest.approx(2 * 32 * 1e-5)
    # A ring sends half of the token's vector each way, twice.
    assert profile.link_token_s == pytest.approx(2 * 32 * 4096 * 2 / (450e9 * 0.7))
    assert profile.kv_bytes_per_token == 65_536
    assert profile.provenance.startswith("estimated from architecture and data sheet, not measured")
    assert profile.error is None


def test_a_token_passes_only_the_experts_that_it_is_sent_to():
    mixtral = load_architectures()["mixtral-8x7b"]
    profile = estimate_profile(mixtral, H100, 4)
    active = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 2 * 3 * 4096 * 14336 + 8 * 4096)
    assert profile.token_s == pytest.approx(2 * active / (4 * 989e12 * 0.6), rel=1e-9)
    assert profile.weight_read_s == pytest.approx(2 * 46.57e9 / (4 * 3350e9 * 0.8), rel=0.01)


def test_degrees_that_hold_the_model_are_offered_and_where_none_does_the_reason():
    assert [p.tp for p in estimate_profiles(load_architectures()["llama-3.1-70b"], H100)] == [2, 4, 8]
    with pytest.raises(InputError, match=r"llama-3.1-8b can be had on no 1, 2, 4 or 8 of v100-16gb: .* no rate for bf"):
        estimate_profiles(LLAMA, load_hardware()["v100-16gb"])
    with pytest.raises(InputError, match=r"weights of 24\.2.GiB on each leave nothing of 20.GiB\."):
        estimate_profiles(load_architectures()["bert-104b"], load_hardware()["l4-24gb"])


def test_the_sentence_on_errors_is_that_of_the_shipped_table_and_the_docs_list_each():
    sizes = [100 * e.error for e in estimate_errors()]
    assert len(sizes) == 9
    text = known_error_sentence()
    assert "9 sets of measurements" in text
    for found in (min(sizes), max(sizes), float(np.median(sizes))):
        assert f"{found:.3g}".rstrip("0").rstrip(".") in text
    docs = GENERATION_DOCS.read_text(encoding="utf-8")
    assert all(f"{size:.1f}" in docs for size in sizes)


def test_the_command_writes_what_a_scenario_is_served_by(tmp_path, capsys):
    out = tmp_path / "profiles.json"
    code, stdout, _ = run(
        capsys, "profile", "llama-3.1-8b", "--device", "h100-80gb", "--generation", "--out", str(out), "--json"
    )  # fmt: skip
    document = json.loads(stdout)
    assert code == 0 and parse_generation_profiles(out.read_bytes(), "p") == estimate_profiles(LLAMA, H100)
    assert [p["tp"] for p in document["profiles"]] == [1, 2, 4, 8]
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "version: 1\nprofiles: profiles.json\ncluster: {devices: 2, memory_gib: 70, device: h100-80gb}\n"
        "models: [{name: chat, generation: llama-3.1-8b, slo_ttft_s: 1}]\n"
        "workload: {gamma: {total_rate_per_s: 2, cv: 1, duration_s: 30}, "
        "tokens: {input: {fixed: 512}, output: {fixed: 64}}}\n"
        "placements: [{name: own, search: {algorithm: dedicated}}]\n"
    )
    assert load_scenario(scenario).profiles == "profiles.json"
    code, stdout, _ = run(capsys, "simulate", str(scenario), "--json")
    assert code == 0
    code, stdout, _ = run(capsys, "profile", "llama-3.1-8b", "--device", "h100-80gb", "--generation")
    assert code == 0 and "not measured" in stdout and "Against 9 sets" in stdout
