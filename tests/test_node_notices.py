"""A group on several nodes is said, because no profile knows the network between nodes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from planner import compare, parse_scenario
from planner.__main__ import main
from planner.spans import groups_over_nodes, node_notices
from simulator import Cluster, Group, Placement, Schedule

SCENARIO = """
version: 1
cluster: {devices: 8, devices_per_node: 4}
models: [{name: m, profile: bert-1.3b, slo_scale: 5}]
workload: {poisson: {total_rate_per_s: 1, duration_s: 20}}
placements:
  - {name: inside, groups: [{pp: 4, tp: 1, models: [m]}]}
  - {name: across, groups: [{pp: 2, tp: 1, models: [m]}, {pp: 4, tp: 1, models: [m]}]}
"""


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4), st.booleans()), max_size=6), st.integers(1, 9))
def test_the_nodes_of_a_group_are_those_of_its_devices(groups, devices_per_node):
    placement = Placement(tuple(Group(pp, tp, ("m",) if holds else ()) for pp, tp, holds in groups))
    owner = [index for index, (pp, tp, _) in enumerate(groups) for _ in range(pp * tp)]
    expected = {}
    for index, (_, _, holds) in enumerate(groups):
        nodes = {device // devices_per_node for device, group in enumerate(owner) if group == index}
        if holds and len(nodes) > 1:
            expected[index] = sorted(nodes)
    found = groups_over_nodes(placement, Cluster(256, devices_per_node=devices_per_node))
    assert {index: list(nodes) for index, nodes in found.items()} == expected


def test_the_comparison_its_json_and_the_command_line_say_it(tmp_path, capsys):
    comparison = compare(parse_scenario(SCENARIO))
    (said,) = comparison.placement_notices
    assert said.startswith("Group 1 of placement 'across' lies on 2 nodes of 4 devices")
    assert comparison.to_json()["notices"] == list(comparison.notices) and said in comparison.notices
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO)
    assert main(["simulate", str(file), "--json"]) == 0
    printed = capsys.readouterr()
    assert f"Note: {said}" in printed.err and said in json.loads(printed.out)["notices"]
    assert main(["export", str(file), "--placement", "across", "--to", "json"]) == 0
    assert f"Note: {said}" in capsys.readouterr().err


def test_a_schedule_says_it_of_any_of_its_placements():
    inside, across = (Placement((Group(pp, 1, ("m",)),), "p") for pp in (4, 8))
    cluster = Cluster(16, devices_per_node=4)
    assert node_notices(Schedule(((0.0, inside),), "s"), cluster) == ()
    (said,) = node_notices(Schedule(((0.0, inside), (5.0, across)), "s"), cluster)
    assert "Group 0 of placement 's'" in said
