"""Serving rules of one placement: the same as if they were those of all, everywhere, and its name says them."""

import json

import pytest

from app.controls.placement_edits import with_rule
from app.panels.compare_table import unsaid_rules
from app.state.compute import run_key
from planner import build_inputs, compare, dump_scenario, parse_scenario
from planner.__main__ import main
from planner.commands.export import export_files
from planner.scenario.link import decode_scenario, encode_scenario, repeatable
from planner.scenario.schema import SERVING_RULES
from planner.scenario.serving_rules import rules_in_words
from planner.what_if.sweep import sweep
from simulator import InputError

TEXT = """\
version: 1
cluster: {devices: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 4}]
workload: {gamma: {total_rate_per_s: 11, cv: 3, duration_s: 60}}
placements:
  - {name: plain, groups: [{pp: 2, models: [m0, m1]}]}
  - {name: batched, max_batch_size: 4, groups: [{pp: 2, models: [m0, m1]}]}
  - {name: all in, admission: none, groups: [{pp: 2, models: [m0, m1]}]}
  - {name: in turn, dispatch: round_robin, groups: [{models: [m0, m1]}, {models: [m0, m1]}]}
  - {name: searched, max_batch_size: 2, search: {algorithm: selective_replication}}
"""


def for_all(scenario, section):
    """The scenario with the section alone, its rules under `serving`."""
    bare = section.model_copy(update=dict.fromkeys(SERVING_RULES))
    serving = scenario.serving.model_copy(update=section.serving_rules)
    return scenario.model_copy(update={"placements": [bare], "serving": serving})


def test_a_rule_of_a_placement_gives_what_the_rule_of_all_gives():
    scenario = parse_scenario(TEXT)
    together = {outcome.name: outcome for outcome in compare(scenario).outcomes}
    for section in scenario.placements:
        (alone,) = compare(for_all(scenario, section)).outcomes
        assert (together[section.name].result.status == alone.result.status).all()
        assert together[section.name].result.serving == alone.result.serving
    shares = [outcome.slo_attainment for outcome in together.values()]
    assert len(set(shares)) > 2


def test_sweeps_and_exports_are_under_the_rule():
    scenario = parse_scenario(TEXT)
    swept = sweep(scenario, [("rate_scale", (1.0, 1.3))])
    for section in scenario.placements:
        alone = sweep(for_all(scenario, section), [("rate_scale", (1.0, 1.3))])
        mine = [r.slo_attainment for r in swept.results if r.point.section.name == section.name]
        assert mine == [r.slo_attainment for r in alone.results]
    section = scenario.placements[1]
    inputs = build_inputs(scenario).under(section)
    (document,) = export_files(compare(scenario, only="batched").outcomes[0].placement, inputs, "json").values()
    assert json.loads(document)["serving"]["max_batch_size"] == 4


def test_a_scenario_with_rules_survives_files_links_and_repeating():
    scenario = parse_scenario(TEXT)
    assert parse_scenario(dump_scenario(scenario)) == scenario
    assert decode_scenario(encode_scenario(scenario)) == scenario
    again = repeatable(compare(scenario))
    assert [section.serving_rules for section in again.placements] == [
        section.serving_rules for section in scenario.placements
    ]


def test_the_command_line_says_the_rules(tmp_path, capsys):
    path = tmp_path / "rules.yaml"
    path.write_text(TEXT)
    assert main(["simulate", str(path)]) == 0
    assert "= batched: served under its own rules: batches of up to 4." in capsys.readouterr().out
    assert main(["simulate", str(path), "--json"]) == 0
    placements = json.loads(capsys.readouterr().out)["placements"]
    assert [p.get("serving") for p in placements] == [
        None, {"max_batch_size": 4}, {"admission": "none"}, {"dispatch": "round_robin"}, {"max_batch_size": 2}
    ]  # fmt: skip
    assert main(["plan", str(path), "--out", str(tmp_path / "out.yaml")]) == 0
    assert "max_batch_size: 2" in (tmp_path / "out.yaml").read_text().split("searched")[1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("max_batch_size: 4", "max_batch_size: 99", "line 7: key 'placements.1.max_batch_size' is 99"),
        ("dispatch: round_robin", "dispatch: random", "key 'placements.3.dispatch' is 'random'; 'shortest_queue',"),
    ],
)
def test_a_wrong_rule_is_said_with_its_line(old, new, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        parse_scenario(TEXT.replace(old, new))


def test_rules_need_a_model_with_fixed_latencies():
    text = TEXT.replace("profile: bert-1.3b", "generation: llama-2-7b").replace("slo_scale: 4", "slo_ttft_s: 1")
    with pytest.raises(InputError, match="placement 'batched' has max_batch_size, a rule of models with fixed"):
        parse_scenario(text)


def test_what_was_found_before_there_were_rules_is_found_again():
    section = parse_scenario(TEXT).placements[0]
    # As run keys were made when a placement had no rules.
    assert run_key("x", section) == "ff982d0b51ffaf275df554f30c809c69190956bbd3dd065d3f3d588766af15ef"
    assert run_key("x", section) != run_key("x", section.model_copy(update={"max_batch_size": 2}))


def test_a_name_says_the_rules_and_follows_them():
    scenario = parse_scenario(TEXT)
    once = with_rule(scenario, 0, "max_batch_size", 4)
    assert once.placements[0].name == "plain, batches of up to 4"
    twice = with_rule(once, 0, "dispatch", "earliest_free")
    assert twice.placements[0].name == "plain, free first, batches of up to 4"
    back = with_rule(with_rule(twice, 0, "dispatch", None), 0, "max_batch_size", None)
    assert back == scenario
    # What a person called otherwise keeps its name, and the table says the rules beneath it.
    assert with_rule(scenario, 1, "max_batch_size", 8).placements[1].name == "batched"
    assert unsaid_rules(scenario.placements[1]) == "batches of up to 4"
    assert unsaid_rules(twice.placements[0]) == ""
    assert rules_in_words({}) == ""
