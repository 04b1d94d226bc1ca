"""Models that generate on a Dask cluster of real processes: searches, points, losses and days held out."""

import itertools
import json
from dataclasses import replace

import pytest

from planner import parse_scenario
from planner.__main__ import main
from planner.executors.cluster import machines
from planner.generation import compare as comparing
from planner.generation.compare import compare
from planner.generation.growth import find_token_growth
from planner.generation.inputs import build_token_inputs
from planner.generation.search import search_engines
from planner.generation.spare import find_token_spares
from planner.generation.unseen import hold_out_tokens
from planner.generation.what_if import find_token_capacity, sweep_tokens
from planner.scenario.schema import PlacementSection, SearchSection
from planner.search import LOST
from tests.test_cluster import (  # noqa: F401
    cluster,
    connected,
    everything_goes_out,
    executor,
    found,
    lost_sentence,
    names_of_workers,
    replace_both,
    sending_counted,
    timeless,
)

TEXT = """
version: 1
cluster: {devices: 3, devices_per_node: 2, memory_gib: 80, device: RTX PRO 6000, usd_per_device_hour: 2}
models:
  - {name: chat, generation: llama-3.1-8b, slo_ttft_s: 0.5, slo_tpot_s: 0.03}
  - {name: code, generation: llama-3.1-8b, slo_ttft_s: 0.5, slo_tpot_s: 0.03}
workload:
  gamma: {total_rate_per_s: 12, cv: 2, duration_s: 60}
  tokens: {input: {lognormal: {median: 1200, sigma: 0.7}}, output: {fixed: 60}}
placements:
- {name: dedicated, search: {algorithm: dedicated}}
- {name: refined, search: {algorithm: refine, max_evaluations: 40}}
- {name: apart, search: {algorithm: disaggregated}}
- {name: shared, search: {algorithm: shared}}
- {name: given, groups: [{pp: 1, tp: 1, models: [chat]}, {pp: 1, tp: 1, models: [code]}]}
"""
SCENARIO = parse_scenario(TEXT)
SEARCHES = SCENARIO.placements[:4]
AXES = [("devices", [2, 3]), ("rate_scale", [0.5, 1.0, 2.0])]


@pytest.fixture(autouse=True)
def small_searches_are_spread(everything_goes_out, monkeypatch):  # noqa: F811
    monkeypatch.setattr(comparing, "LEAST_REQUESTS", 0)


def documents(points):
    return [timeless(point.to_json()) for point in points]


def test_searches_for_engines_and_days_held_out_are_the_same_there(executor):  # noqa: F811
    here = compare(SCENARIO)
    with sending_counted(executor) as sent:
        there = compare(SCENARIO, executor=executor)
    # Every placement that was tried went out, but for the few that were tried alone.
    assert len(sent) > 20 and there.complete
    for one, other in zip(here.outcomes, there.outcomes, strict=True):
        assert (one.search is None and other.search is None) or found(one.search) == found(other.search)
        assert timeless(one.to_json()) == timeless(other.to_json())
    with sending_counted(executor) as sent:
        held = hold_out_tokens(there, executor=executor)
    assert len(sent) == 4 * len(SCENARIO.placements) and held == hold_out_tokens(here)


def test_so_are_sweeps_capacity_growth_and_losses(executor):  # noqa: F811
    asked = [
        lambda executor: documents(sweep_tokens(SCENARIO, AXES, SCENARIO.placements, executor=executor)[0]),
        lambda executor: [
            one.to_json() for one in find_token_capacity(SCENARIO, 0.9, SEARCHES, 1, 6, executor=executor)
        ],
        lambda executor: find_token_growth(SCENARIO, 0.9, SEARCHES[3], 1.5, executor=executor).to_json(),
        lambda executor: [
            plan.to_json()
            for plan in find_token_spares(SCENARIO, 0.9, SEARCHES[2:], ["node", "device"], 1, 6, executor=executor)
        ],
    ]
    for ask in asked:
        with sending_counted(executor) as sent:
            there = ask(executor)
        assert sent and timeless(there) == timeless(ask(None))


def test_commands_go_there_and_what_is_small_stays_here(executor, tmp_path, capsys, monkeypatch):  # noqa: F811
    file = tmp_path / "scenario.yaml"
    file.write_text(TEXT)
    orders = (["simulate"], ["plan"], ["sweep", "--over", "devices=2,3"], ["capacity", "--devices", "1-4"])
    for command, *more in orders:
        said = []
        for where in ([], ["--cluster", executor._address]):
            assert main([command, str(file), *more, "--json", *where]) == 0
            said.append(timeless(json.loads(capsys.readouterr().out)))
        assert said[0] == said[1]
        assert main([command, str(file), *more, "--cluster", "somewhere"]) == 2
        assert "The cluster is 'somewhere'; tcp://host:port" in capsys.readouterr().err
    monkeypatch.undo()
    with sending_counted(executor) as sent:
        compare(SCENARIO, executor=executor)
        sweep_tokens(SCENARIO, [("devices", [2.0, 3.0])], [SCENARIO.placements[4]], executor=executor)
    assert not sent


def test_stop_ends_what_is_under_way_there(executor):  # noqa: F811
    # Some 60,000 requests on 16 devices: a search takes seconds.
    long = parse_scenario(TEXT.replace("devices: 3,", "devices: 16,").replace("duration_s: 60", "duration_s: 5000"))
    section = PlacementSection(name="refined", search=SearchSection(algorithm="refine"))
    asked, axes = itertools.count(), [("devices", [14, 15, 16]), ("slo_scale", [0.5, 1.0])]
    points, complete = sweep_tokens(long, axes, [section], lambda _: next(asked) < 20, executor=executor)
    assert not complete and len(points) < 6
    stopped = compare(long, lambda told: getattr(told, "evaluations", 0) < 10, "refined", executor=executor)
    assert not stopped.complete and stopped.outcomes[0].search.stop_reason == "cancelled"
    # The workers are free again.
    assert sweep_tokens(SCENARIO, AXES, [section], executor=executor)[1]


def test_workers_that_die_change_nothing_and_without_scheduler_what_is_known_is_kept(tmp_path):
    searches = [SEARCHES[0], SEARCHES[1]]
    here = documents(sweep_tokens(SCENARIO, AXES, searches)[0])
    with cluster(tmp_path, "first", "second") as processes, machines(processes.address) as executor:  # noqa: F811
        connected(executor, "first", "second")
        told = []

        def lose_both(headway):
            told.append((headway.done, headway.total))
            if headway.done >= 2:
                replace_both(processes, executor)
            return True

        points, complete = sweep_tokens(SCENARIO, AXES, searches, lose_both, executor=executor)
        assert names_of_workers(executor) == {"third"} and complete and documents(points) == here
        assert (12, 12) in told

        def lose_all(headway):
            if headway.done >= 2 and processes.started["scheduler"].poll() is None:
                processes.kill("scheduler")
            return True

        points, complete = sweep_tokens(SCENARIO, AXES, searches, lose_all, executor=executor)
        known = [point for point in points if point.outcome is not None]
        assert not complete and len(points) == 12 and 2 <= len(known) < 12
        assert {point.reason for point in points if point.outcome is None} == {lost_sentence(processes)}
        # Whatever is asked now says so, too, with what was found until then.
        lost = lost_sentence(processes)
        [one] = find_token_capacity(SCENARIO, 0.9, searches[:1], 1, 4, executor=executor)
        growth = find_token_growth(SCENARIO, 0.9, SEARCHES[0], executor=executor)
        [spare] = find_token_spares(SCENARIO, 0.9, searches, ["device"], 1, 4, executor=executor)
        assert not one.complete and one.reason == spare.reason == lost
        assert growth.reasons["needed"].endswith("had scored no placement when its cluster did not answer any more.")
        problem, begun = build_token_inputs(SCENARIO).problem, compare(SCENARIO, only="given").outcomes[0]
        left = search_engines(problem, "refine", start=begun.placement, executor=executor)
        assert left.stop_reason == LOST and left.notes[-1] == lost and left.score == begun.slo_attainment
        said = "Its search lost its cluster; this is the best it had found by then."
        assert replace(begun, search=left).remark == said
        assert hold_out_tokens(compare(SCENARIO), executor=executor) == lost
