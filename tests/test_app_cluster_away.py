"""The page where nobody answers at the address of the cluster: it works on this machine, and says so once."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background import cluster
from app.background.slots import slot_of
from app.look.style import plain_text
from app.state.compute import outcome_of
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner import parse_scenario
from planner.__main__ import main
from planner.executors import cluster as executors
from planner.executors.cluster import CLUSTER_VARIABLE
from planner.scenario.inputs import build_inputs
from simulator import InputError

VIEWS = Path(__file__).parent.parent / "app" / "views"
NOWHERE = "tcp://127.0.0.1:9"
SAID = f"The cluster at {NOWHERE} did not answer, so this ran on this machine."
GENERATING = """
version: 1
cluster: {devices: 3, memory_gib: 80, device: RTX PRO 6000}
models: [{name: chat, generation: llama-3.1-8b, slo_ttft_s: 0.5, slo_tpot_s: 0.03}]
workload:
  gamma: {total_rate_per_s: 6, cv: 2, duration_s: 61}
  tokens: {input: {fixed: 1200}, output: {fixed: 60}}
placements: [{name: shared, search: {algorithm: shared}}, {name: dedicated, search: {algorithm: dedicated}}]
"""


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """How often somebody was asked to be the cluster; nobody is."""
    asked, connect = [], cluster.machines
    monkeypatch.setenv(CLUSTER_VARIABLE, NOWHERE)
    monkeypatch.setattr(cluster, "CONNECT_S", 0.1)
    monkeypatch.setattr(cluster, "_away", {})
    monkeypatch.setattr(cluster, "machines", lambda *given: asked.append(given) or connect(*given))
    return asked


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 4.0, "cv": 3.0, "duration_s": 61.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    small = with_values(small, "", models=[{"name": "m-{i}", "profile": "bert-2.6b", "count": 4, "slo_scale": 5}])
    searches = [("mine", "selective_replication"), ("other", "round_robin")]
    return with_values(small, "", placements=[{"name": n, "search": {"algorithm": a}} for n, a in searches])


def opened(view, scenario):
    at = AppTest.from_file(str(VIEWS / view), default_timeout=120).run()
    session = at.session_state["session"]
    session.scenario = scenario
    for _ in range(100):
        at.run()
        if session.answer is not None and session.answer.is_current:
            break
        for job in session.jobs.unfinished():
            job.wait(10)
    return at


def infos(at):
    return [info.value for info in at.info]


def test_a_search_runs_here_and_says_so_and_nobody_is_asked_again_for_some_time(scenario, asked, monkeypatch):
    inputs = build_inputs(scenario)
    for section in scenario.placements:
        there = outcome_of(section, inputs)
        assert there.search.notes[-1] == SAID
        monkeypatch.delenv(CLUSTER_VARIABLE)
        here = outcome_of(section, inputs)
        monkeypatch.setenv(CLUSTER_VARIABLE, NOWHERE)
        assert there.placement == here.placement and SAID not in here.search.notes
    assert asked == [(NOWHERE, 0.1)]
    monkeypatch.setattr(cluster, "_away", {NOWHERE: 0.0})
    assert outcome_of(scenario.placements[0], inputs).search.notes[-1] == SAID
    assert len(asked) == 2


@pytest.mark.parametrize("text", ["fixed", "generating"])
def test_the_plan_says_it_once(scenario, text, asked):
    at = opened("plan.py", scenario if text == "fixed" else parse_scenario(GENERATING))
    assert not at.exception and not at.error
    assert len(at.session_state["session"].answer.shown) == 2
    assert infos(at).count(plain_text(SAID)) == 1 and len(asked) == 1


@pytest.mark.parametrize("text", ["fixed", "generating"])
def test_so_does_the_answer_of_a_job(scenario, text):
    at = opened("capacity.py", scenario if text == "fixed" else parse_scenario(GENERATING))
    session = at.session_state["session"]
    session.views.take({"target": 80.0, "from": 1, "to": 2, "limit": 1.0})
    at.run()
    assert plain_text(SAID) not in infos(at)
    at.button(key="capacity.go").click().run()
    area = next(area for area in session.slots if session.slots[area].job is not None)
    slot_of(session, area).job.wait(60)
    at.run()
    assert not at.exception and not at.error
    assert infos(at).count(plain_text(SAID)) == 1


def test_what_can_never_be_a_cluster_is_still_refused(scenario, monkeypatch):
    monkeypatch.setenv(CLUSTER_VARIABLE, "somewhere")
    with pytest.raises(InputError, match="The cluster is 'somewhere'"):
        outcome_of(scenario.placements[0], build_inputs(scenario))


@pytest.mark.parametrize("words", [[], ["--cluster", NOWHERE]])
def test_the_command_line_refuses(words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(executors, "CONNECT_S", 0.1)
    if words:
        monkeypatch.delenv(CLUSTER_VARIABLE)
    (tmp_path / "scenario.yaml").write_text(GENERATING)
    assert main(["plan", str(tmp_path / "scenario.yaml"), *words]) == 2
    assert f"No Dask scheduler answers at {NOWHERE}." in capsys.readouterr().err
