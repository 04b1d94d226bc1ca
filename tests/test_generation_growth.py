"""Growth and losses (N+1) of generating models: every claim is computed again from placements given by hand."""

import datetime

import pytest

from planner import parse_scenario
from planner.generation.compare import compare
from planner.generation.growth import find_token_growth
from planner.generation.inputs import build_token_inputs
from planner.generation.spare import dealt_out, find_token_spares, losses
from planner.generation.what_if import find_token_capacity, token_point
from planner.scenario.schema import PlacementSection, SearchSection
from planner.what_if.growth_words import growth_sentences
from planner.what_if.spare_words import spare_sentence
from planner.what_if.variation import vary
from simulator import Group, InputError, Placement, words
from tests.test_command_line import run, run_json

TEXT = """
version: 1
cluster: {devices: 3, devices_per_node: 2, memory_gib: 80, device: RTX PRO 6000, usd_per_device_hour: 2}
models:
  - {name: chat, generation: llama-3.1-8b, slo_ttft_s: 0.5, slo_tpot_s: 0.03}
  - {name: code, generation: llama-3.1-8b, slo_ttft_s: 0.5, slo_tpot_s: 0.03}
workload:
  gamma: {total_rate_per_s: 12, cv: 2, duration_s: 60}
  tokens: {input: {lognormal: {median: 1200, sigma: 0.7}}, output: {fixed: 60}}
placements: [{name: shared, search: {algorithm: shared}}]
"""
TARGET = 0.9
SECTION = PlacementSection(name="shared", search=SearchSection(algorithm="shared"))


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(TEXT)


def met_with(scenario, devices, rate_scale=1.0):
    varied = vary(vary(scenario, "devices", devices), "rate_scale", rate_scale)
    return compare(varied).outcomes[0].slo_attainment


def test_growth_says_what_is_borne_and_what_more_takes(scenario):
    growth = find_token_growth(scenario, TARGET, SECTION, 2.0)
    assert growth.complete and growth.bears < growth.fails <= 1.03 * growth.bears
    assert met_with(scenario, 3, growth.bears) >= TARGET > met_with(scenario, 3, growth.fails)
    for tried in growth.tried:
        assert tried.slo_attainment == pytest.approx(met_with(scenario, 3, tried.rate_scale))
    [capacity] = find_token_capacity(vary(scenario, "rate_scale", 2.0), TARGET, [SECTION], 1, 24)
    assert growth.needed.devices == capacity.devices and growth.needed.settled
    assert met_with(scenario, capacity.devices, 2.0) >= TARGET > met_with(scenario, capacity.devices - 1, 2.0)
    borne, needed, dated = growth_sentences(growth, 5, datetime.date(2026, 1, 1), 2.0)
    assert words.times(growth.bears) in borne.text and words.times(growth.fails) in borne.text
    assert words.plural(capacity.devices, "device") in needed.text and dated.text
    with pytest.raises(InputError, match="times the traffic is asked about"):
        find_token_growth(scenario, TARGET, SECTION, 100)


def test_growth_that_is_stopped_says_so(scenario):
    growth = find_token_growth(scenario, TARGET, SECTION, on_progress=lambda told: not told.phase)
    assert not growth.complete and "stopped" in growth.reasons["needed"]


@pytest.mark.parametrize("what", ["device", "node"])
def test_a_placement_bears_a_loss_if_what_is_left_meets_the_target(scenario, what):
    [spare] = find_token_spares(scenario, TARGET, [SECTION], [what], 3, 12)
    assert spare.settled and spare.devices is not None
    for devices, kept in spare.tried:
        varied = vary(scenario, "devices", devices)
        inputs = build_token_inputs(varied)
        point = token_point(varied, inputs, SECTION, (("devices", float(devices)),))
        found = {point.placement, dealt_out(point.placement, 2)}
        again = max(min(f.slo_attainment for f in losses(p, inputs, what)) for p in found)
        assert kept == pytest.approx(again)
        assert (kept >= TARGET) == (devices >= spare.devices)
    assert spare.name == "shared" and spare.placement.devices == spare.devices
    inputs = build_token_inputs(vary(scenario, "devices", spare.devices))
    assert min(f.slo_attainment for f in losses(spare.placement, inputs, what)) == spare.worst.slo_attainment
    said = spare_sentence(spare, 2.0)
    assert words.plural(spare.devices, "device") in said and words.share(spare.worst.slo_attainment) in said


def test_what_is_lost_is_simulated_as_if_it_had_never_been_there(scenario):
    inputs = build_token_inputs(vary(scenario, "devices", 4))
    groups = [Group(1, 1, ("chat",)), Group(1, 1, ("chat",)), Group(1, 1, ("code",)), Group(1, 1, ("code", "chat"))]
    placement = Placement(tuple(groups), "by hand")
    for what, gone in (("device", [(0,), (1,), (2,), (3,)]), ("node", [(0, 1), (2, 3)])):
        faults = losses(placement, inputs, what)
        assert [fault.groups for fault in faults] == gone
        for fault in faults:
            rest = [{"tp": 1, "models": list(g.models)} for i, g in enumerate(groups) if i not in fault.groups]
            by_hand = parse_scenario(TEXT.replace("devices: 3", "devices: 4")).model_copy(
                update={"placements": [PlacementSection.model_validate({"name": "rest", "groups": rest})]}
            )
            assert fault.slo_attainment == pytest.approx(compare(by_hand).outcomes[0].slo_attainment)
            left = {name for group in rest for name in group["models"]}
            assert set(fault.orphans) == {"chat", "code"} - left
    assert losses(Placement((groups[0],), "one"), inputs, "device")[0].slo_attainment == 0


def test_copies_of_a_model_are_dealt_out_over_the_nodes():
    groups = (Group(1, 1, ("a",)), Group(1, 1, ("a",)), Group(1, 1, ("b",)), Group(1, 1, ("b",)))
    dealt = dealt_out(Placement(groups, "p"), 2)
    assert sorted(g.models for g in dealt.groups) == sorted(g.models for g in groups)
    for node in (dealt.groups[:2], dealt.groups[2:]):
        assert {name for group in node for name in group.models} == {"a", "b"}
    torn = Placement((Group(1, 2, ("a",)), Group(1, 1, ("b",))), "p")
    assert dealt_out(torn, 2) == torn


def test_the_command_answers_growth_and_losses(tmp_path, capsys, scenario):
    file = tmp_path / "s.yaml"
    file.write_text(TEXT)
    asked = ("capacity", file, "--target", str(TARGET), "--times", "2", "--growth", "5", "--spare", "device")
    document = run_json(capsys, *asked, "--time-limit", "60")
    growth = find_token_growth(scenario, TARGET, SECTION, 2.0)
    assert document["growth"]["bears_rate_scale"] == growth.bears
    assert document["growth"]["needed"]["devices"] == growth.needed.devices
    assert document["growth"]["percent_per_month"] == 5 and len(document["growth"]["sentences"]) == 3
    [spare] = find_token_spares(scenario, TARGET, [SECTION], ["device"], document["plans"][0]["devices"], 12)
    assert document["spare"]["device"]["devices"] == spare.devices
    status, out, _ = run(capsys, *asked, "--time-limit", "60")
    assert status == 0
    for sentence in (*document["growth"]["sentences"], document["spare"]["device"]["sentence"]):
        assert sentence in out
