"""Targets of single models: read, checked, and named where they are missed."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import compare, dump_scenario, parse_scenario
from planner.__main__ import main
from planner.scenario.schema import PlacementSection, SearchSection
from planner.targets import misses_in_words, targets_met, targets_missed
from planner.what_if.capacity import find_capacity
from simulator import Group, InputError, Model, Placement, Serving, Workload, measure, simulate, words
from tests.cases import profile

SCENARIO = """\
version: 1
cluster: {devices: 2}
models:
  - {name: "calm-{i}", profile: bert-1.3b, count: 2, slo_scale: 5, target: 0.01}
  - {name: busy, profile: bert-1.3b, slo_scale: 5, target: 0.999, weight: 3, min_replicas: 2}
  - {name: other, profile: bert-1.3b, slo_scale: 5}
workload: {gamma: {total_rate_per_s: 30, cv: 4, split: given, weights: [0.01, 0.01, 1, 1], duration_s: 30}}
placements:
  - {name: single, groups: [{models: [calm-0, busy]}, {models: [calm-1, other]}]}
"""


def measured(seed, slo_s=1.5):
    random = np.random.default_rng(seed)
    models = [Model(f"m{i}", profile(0.4), slo_s) for i in range(4)]
    workload = Workload(np.sort(random.uniform(0, 10, 60)), random.integers(0, 3, 60), 4)
    return measure(simulate(models, Placement((Group(1, 1, ("m0", "m1")),)), workload, Serving()))


@given(st.integers(0, 50), st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.floats(0.01, 1))
def test_who_misses_and_whether_all_is_met(seed, wanted, target):
    figures = measured(seed)
    targets = {f"m{i}": share for i, share in enumerate(wanted) if share < 0.8}
    served = {name: fates.served / fates.requests for name, fates in figures.models if fates.requests}
    below = {name for name, share in targets.items() if name in served and served[name] < share}
    missed = targets_missed(figures, targets)
    assert {miss.model for miss in missed} == below and "m3" not in below
    assert [miss.gap for miss in missed] == sorted((targets[n] - served[n] for n in below), reverse=True)
    for reached in (figures.total.slo_attainment, figures.interval[0]):
        assert targets_met(figures, targets, reached, target) == (reached >= target and not below)


def test_nothing_is_met_where_no_request_counts():
    models = [Model("m", profile(0.4), 1.5)]
    nothing = Workload(np.empty(0), np.empty(0, int), 1)
    empty = measure(simulate(models, Placement((Group(1, 1, ("m",)),)), nothing, Serving()))
    assert not targets_met(empty, {}, empty.total.slo_attainment, 0.5) and targets_missed(empty, {"m": 0.9}) == ()


def test_capacity_asks_for_the_targets_of_models_too():
    """One device meets 60 % of all deadlines, but not what is asked for the busy model."""
    text = SCENARIO.replace("target: 0.999", "target: 0.95")
    free = SCENARIO.replace(", target: 0.01", "").replace("target: 0.999, ", "")
    section = PlacementSection(name="r", search=SearchSection(algorithm="selective_replication"))
    few, more = (find_capacity(parse_scenario(t), 0.3, [section], 1, 12).best for t in (free, text))
    assert few.devices < more.devices
    figures = {n.devices: n for n in more.tried}
    assert figures[few.devices].slo_attainment >= 0.3
    assert dict(more.outcome.figures.models)["busy"].slo_attainment >= 0.95
    short = find_capacity(parse_scenario(text), 0.3, [section], 1, few.devices).best
    assert short.devices is None
    missed = targets_missed(short.outcome.figures, parse_scenario(text).targets)
    assert short.reasons["devices"].endswith(misses_in_words(missed)) and "busy" in short.reasons["devices"]


def test_the_sentence_names_the_first_five_with_what_they_meet():
    figures = measured(1)
    assert misses_in_words(()) is None
    (miss,) = targets_missed(figures, {"m2": 0.9})
    assert words.typed(misses_in_words([miss])) == "1 model misses its own target: m2 (0 % of 90 %)."
    assert misses_in_words([miss] * 7).endswith("and 2 more.")


def test_command_line_and_json_name_the_model_below_its_target(tmp_path, capsys):
    scenario = parse_scenario(SCENARIO)
    assert scenario.targets == {"calm-0": 0.01, "calm-1": 0.01, "busy": 0.999}
    assert parse_scenario(dump_scenario(scenario)) == scenario
    comparison = compare(scenario)
    (placement,) = comparison.to_json()["placements"]
    met = dict(comparison.outcomes[0].figures.models)["busy"].slo_attainment
    assert placement["targets_missed"] == [{"model": "busy", "target": 0.999, "slo_attainment": met}]
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO)
    assert main(["simulate", str(file)]) == 0
    said = words.typed(f"- single: 1 model misses its own target: busy ({words.share(met)} of {words.goal(0.999)}).")
    assert said in capsys.readouterr().out
    file.write_text(SCENARIO.replace(", target: 0.01", "").replace("target: 0.999, ", ""))
    assert main(["simulate", str(file), "--json"]) == 0
    assert "targets_missed" not in json.loads(capsys.readouterr().out)["placements"][0]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("target: 0.01", "target: 1.5", "line 4: key 'models.0.target' is 1.5; a number above 0 and up to 1 is"),
        ("weight: 3", "weight: 0", "line 5: key 'models.1.weight' is 0; a whole number from 1 to 1"),
        ("min_replicas: 2", "min_replicas: 1.5", "key 'models.1.min_replicas' is 1.5; a whole number from 1"),
        ("slo_scale: 5, target: 0.01", "slo_ttft_s: 1, target: 0.01", "slo_ttft_s belongs to a model with"),
        ("profile: bert-1.3b, count: 2, slo_scale: 5, target", "generation: g, count: 2, slo_ttft_s: 1, target",
         "target belongs to a model with profile"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_key(old, new, sentence):
    with pytest.raises(InputError) as caught:
        parse_scenario(SCENARIO.replace(old, new, 1))
    assert sentence in str(caught.value)
