"""Growth and losses (N+1) of generating models: every claim is computed again from placements given by hand."""

import datetime

import numpy as np
import pytest

from planner import parse_scenario
from planner.generation.compare import compare, evaluate
from planner.generation.growth import find_token_growth
from planner.generation.inputs import build_token_inputs
from planner.generation.spare import dealt_out, find_token_spares, losses
from planner.generation.unseen import NOT_OF_SWEEPS, other_days
from planner.generation.what_if import find_token_capacity, token_point
from planner.scenario.schema import PlacementSection, SearchSection
from planner.what_if.growth_words import growth_sentences, growth_unseen_lines
from planner.what_if.spare_words import spare_sentence, spare_unseen_lines
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


def unseen_of(varied):
    """Attainment of a placement planned for one traffic on draws with other seeds, by hand."""
    [outcome] = compare(varied).outcomes
    inputs = build_token_inputs(varied)
    days, _ = other_days(varied, inputs, build_token_inputs)
    return np.mean([evaluate(outcome.placement, None, make()).slo_attainment for _, make in days])


def test_growth_says_what_is_borne_and_what_more_takes(scenario):
    growth = find_token_growth(scenario, TARGET, SECTION, 2.0)
    assert growth.complete and growth.bears < growth.fails <= 1.03 * growth.bears
    assert met_with(scenario, 3, growth.bears) >= TARGET > met_with(scenario, 3, growth.fails)
    for tried in growth.tried:
        assert tried.slo_attainment == pytest.approx(met_with(scenario, 3, tried.rate_scale))
    [capacity] = find_token_capacity(vary(scenario, "rate_scale", 2.0), TARGET, [SECTION], 1, 24)
    assert growth.needed.devices == capacity.devices and growth.needed.settled
    assert met_with(scenario, capacity.devices, 2.0) >= TARGET > met_with(scenario, capacity.devices - 1, 2.0)
    for what, (devices, times) in {"bears": (3, growth.bears), "needed": (capacity.devices, 2.0)}.items():
        varied = vary(vary(scenario, "devices", devices), "rate_scale", times)
        assert growth.unseen[what].scores[0].mean == pytest.approx(unseen_of(varied))
    assert capacity.unseen.scores[0].mean == growth.unseen["needed"].scores[0].mean
    assert len(growth_unseen_lines(growth)) == 2
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
    left = [group for g, group in enumerate(spare.placement.groups) if g not in spare.worst.groups]
    days, _ = other_days(vary(scenario, "devices", spare.devices), inputs, build_token_inputs)
    rest = Placement(tuple(left), "rest")
    by_hand = [evaluate(rest, None, make()).slo_attainment for _, make in days]
    assert spare.unseen.scores[0].mean == pytest.approx(np.mean(by_hand)) and spare_unseen_lines(spare)
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
    assert document["plans"][0]["unseen"]["days"] == 4 and document["spare"]["device"]["unseen"]["days"] == 4
    assert set(document["growth"]["unseen"]) == {"bears", "needed"}
    swept = run_json(capsys, "sweep", file, "--over", "devices=3,4")
    assert swept["unseen_reason"] == NOT_OF_SWEEPS
    status, out, _ = run(capsys, *asked, "--time-limit", "60")
    assert status == 0
    assert "On traffic that was not planned for (4 draws like it)" in out
    for sentence in (*document["growth"]["sentences"], document["spare"]["device"]["sentence"]):
        assert sentence in out
