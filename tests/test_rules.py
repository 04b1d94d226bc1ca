"""Placement rules: read, refused where nothing can keep them, and said where a placement breaks them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import build_inputs, compare, dump_scenario, parse_scenario
from planner.rules import Rules, rule_notices
from simulator import Cluster, Group, InputError, Placement, Schedule

SCENARIO = """\
version: 1
cluster: {devices: 8, devices_per_node: 4}
models:
  - {name: "a-{i}", profile: bert-1.3b, count: 3, slo_scale: 5, min_replicas: 1}
  - {name: b, profile: bert-2.6b, slo_scale: 5}
rules:
  pin: {b: [0, 3], "a-{i}": [2, 7]}
  apart: [[b, a-0], ["a-{i}"]]
  within_node: true
workload: {poisson: {total_rate_per_s: 4, duration_s: 20}}
placements:
  - {name: mine, groups: [{pp: 2, models: [b, a-0]}, {pp: 4, models: [b, a-1]}]}
"""
NAMES = ("a", "b", "c")


def keeps(placement, rules, cluster):
    """The rules, read again, device by device."""
    at, replicas = 0, dict.fromkeys(NAMES, 0)
    for group in placement.groups:
        mine = range(at, at + group.devices)
        at += group.devices
        for name in group.models:
            replicas[name] += 1
            low, high = rules.pins.get(name, (0, 10**6))
            if any(not low <= device <= high for device in mine):
                return False
        if any(len(set(group.models) & set(names)) > 1 for names in rules.apart):
            return False
        if rules.within_node and group.models and len({device // cluster.devices_per_node for device in mine}) > 1:
            return False
    return all(replicas[name] >= least for name, least in rules.min_replicas.items())


groups = st.builds(
    Group, st.integers(1, 4), st.integers(1, 2), st.lists(st.sampled_from(NAMES), unique=True).map(tuple)
)
rules = st.builds(
    Rules,
    st.dictionaries(st.sampled_from(NAMES), st.tuples(st.integers(0, 3), st.integers(3, 12))),
    st.lists(st.sampled_from([("a", "b"), ("b", "c"), ("a", "b", "c")]), max_size=2).map(tuple),
    st.booleans(),
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3)),
)


@given(st.lists(groups, max_size=5), rules, st.integers(1, 6))
def test_a_placement_is_said_to_break_a_rule_exactly_where_it_does(found, asked, per_node):
    placement, cluster = Placement(tuple(found), "p"), Cluster(64, devices_per_node=per_node)
    broken = asked.broken(placement, cluster)
    assert (not broken) == keeps(placement, asked, cluster)
    said = rule_notices(placement, cluster, asked)
    assert len(said) == bool(broken) and all(sentence.startswith("Placement 'p' breaks") for sentence in said)
    assert rule_notices(Schedule(((0.0, placement),), "p"), cluster, asked) == said


def test_a_scenario_names_instances_or_all_of_an_entry():
    scenario = parse_scenario(SCENARIO)
    assert parse_scenario(dump_scenario(scenario)) == scenario
    asked = build_inputs(scenario).problem.rules
    assert asked.pins == {"b": (0, 3), "a-0": (2, 7), "a-1": (2, 7), "a-2": (2, 7)}
    assert asked.apart == (("b", "a-0"), ("a-0", "a-1", "a-2"))
    assert asked.within_node and asked.min_replicas == {"a-0": 1, "a-1": 1, "a-2": 1}


def test_one_sentence_says_what_a_placement_by_hand_breaks():
    (first, *_) = compare(parse_scenario(SCENARIO)).placement_notices
    assert first == (
        "Placement 'mine' breaks rules: group 0 on devices 0 to 1 holds 'a-0', which is pinned to devices 2 to 7; "
        "4 more."
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[0, 3]", "[3, 0]", "key 'rules': pin of 'b' is [3, 0]; the first, then the last device is needed"),
        ("[0, 3]", "[3]", "key 'rules.pin.b' has 1 entries; at least 2 are needed"),
        ("{b: [0", "{c: [0", "rules.pin names 'c', which is no model; a-{i}, b are"),
        ("{b: [0, 3]", "{a-1: [2, 7]", "rules.pin names model 'a-1' twice"),
        ("[b, a-0]", "[b]", "rules.apart.0 names 1 model; two or more are needed"),
        ("within_node", "inside_node", "'rules.inside_node' is not known; pin, apart, within_node are allowed"),
    ],
)  # fmt: skip
def test_wrong_rules_are_refused_when_the_scenario_is_read(old, new, sentence):
    with pytest.raises(InputError) as caught:
        parse_scenario(SCENARIO.replace(old, new, 1))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("b: [0, 3]", "b: [4, 8]", "'b' is pinned to devices 4 to 8; the cluster has devices 0 to 7"),
        ("memory_gib: 13", "memory_gib: 2.5",
         "The rules leave no place for 'b' on device 0, to which it is pinned: it needs 4 devices together"),
        ("min_replicas: 1", "min_replicas: 7", "'a-0' is to have at least 7 replicas on devices 2 to 7, to which it is "
         "pinned, each on 1 device; 6 are there, so at most 6 fit"),
        ("min_replicas: 1", "min_replicas: 3", "rules.apart: 'a-0', 'a-1' and 'a-2' need 9 devices"),
    ],
)  # fmt: skip
def test_rules_that_no_placement_can_keep_are_refused_with_a_sentence(old, new, sentence):
    text = SCENARIO.replace("devices_per_node: 4", "devices_per_node: 4, memory_gib: 13")
    if "memory" in old:
        text = text.replace("[0, 3]", "[0, 0]")
    with pytest.raises(InputError) as caught:
        build_inputs(parse_scenario(text.replace(old, new, 1)))
    assert sentence in str(caught.value)
