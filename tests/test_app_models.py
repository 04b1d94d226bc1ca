"""Page Models: the table as one edits, pastes and imports it, sources sent elsewhere, rules, and what comes of it."""

import json

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from app.controls.rule_tables import with_apart, with_pins
from app.controls.source_table import sentence, with_sources
from app.panels.models import outcome_table, summary
from app.state.compute import _keys as keys_of
from app.state.session import with_values
from app.state.uploads import Uploads
from planner import parse_scenario
from planner.scenario.link import encode_scenario
from planner.scenario.sources import source_shares
from planner.targets import targets_missed
from simulator import InputError, words
from tests.test_app_addresses import opened, session

SCENARIO = """\
version: 1
cluster: {devices: 4}
models:
  - {name: calm, profile: bert-1.3b, slo_scale: 5}
  - {name: "busy-{i}", profile: bert-2.6b, count: 2, slo_s: 1.2, target: 0.99}
workload: {trace: {path: "sample:bursty"}}
placements:
  - {name: mine, groups: [{pp: 2, models: [calm, busy-0]}, {pp: 2, models: [busy-1]}]}
"""


@pytest.fixture
def page():
    return opened("models", s=encode_scenario(parse_scenario(SCENARIO)))


def edit(at, key, **edits):
    """Do what the browser does when cells of a table are edited."""
    editor = [e.proto for e in at.dataframe if f"{key}~" in e.proto.id][-1]
    all_edits = {"edited_rows": {}, "added_rows": [], "deleted_rows": []} | edits
    sent = at._tree.get_widget_states()
    sent.widgets.append(WidgetState(id=editor.id, string_value=json.dumps(all_edits)))
    at._run(sent)
    assert not at.exception
    return editor.id


def errors(at):
    return [error.value.replace("\\", "") for error in at.error]


def test_cells_are_taken_one_after_the_other_in_the_same_editor(page):
    first = edit(page, "models.table", edited_rows={"0": {"target": 95.0}})
    cells = {"0": {"target": 95.0, "weight": 3}, "1": {"deadline": "4", "min_replicas": 1}}
    assert edit(page, "models.table", edited_rows=cells) == first
    calm, busy = session(page).scenario.models
    assert (calm.target, calm.weight, calm.slo_scale) == (0.95, 3, 5)
    assert (busy.slo_scale, busy.slo_s, busy.target, busy.min_replicas) == (4, None, 0.99, 1)
    added = [{"name": "new", "profile": "bert-1.3b", "count": 3, "deadline": "800 ms"}]
    assert edit(page, "models.table", edited_rows=cells, added_rows=added, deleted_rows=[0]) == first
    busy, new = session(page).scenario.models
    assert (new.name, new.slo_s, busy.count) == ("new-{i}", 0.8, 2)


def test_undo_makes_another_editor_and_a_refused_cell_stays_to_be_mended(page):
    before = session(page).scenario
    first = edit(page, "models.table", edited_rows={"0": {"deadline": "soon"}})
    assert any("Row 1 of the models: the deadline is 'soon'" in error for error in errors(page))
    assert session(page).scenario == before
    assert edit(page, "models.table", edited_rows={"0": {"deadline": "6 x"}}) == first
    assert session(page).scenario.models[0].slo_scale == 6 and not errors(page)
    page.button(key="undo").click().run()
    assert session(page).scenario == before
    assert edit(page, "models.table", edited_rows={"1": {"weight": 2}}) != first


def test_a_table_is_pasted_in_place_of_the_models_or_behind_them(page):
    page.text_area(key="models.paste").set_value("name\tprofile\tdeadline\tcount\nx\tbert-1.3b\t5\t2").run()
    page.button(key="models.paste.add").click().run()
    assert [section.name for section in session(page).scenario.models] == ["calm", "busy-{i}", "x-{i}"]
    assert page.text_area(key="models.paste").value == ""
    page.text_area(key="models.paste").set_value("name,profile,deadline\nonly,bert-1.3b,900 ms").run()
    page.button(key="models.paste.replace").click().run()
    (only,) = session(page).scenario.models
    assert (only.name, only.slo_s) == ("only", 0.9)
    page.text_area(key="models.paste").set_value("name,profile\nonly,bert-1.3b").run()
    page.button(key="models.paste.replace").click().run()
    assert any("The pasted table, line 1: the columns are name, profile" in error for error in errors(page))
    assert page.text_area(key="models.paste").value.startswith("name,profile")


def test_sources_are_sent_to_other_models_and_dealt_out_again(page):
    shares = source_shares(session(page).scenario, session(page).answer.inputs.trace)
    assert sum(s.share for s in shares) == pytest.approx(1) and shares[0].share == max(s.share for s in shares)
    assert words.share(shares[0].share) in sentence(shares)
    edit(page, "models.sources", edited_rows={"0": {"model": "busy-1"}, "1": {"model": "(left out)"}})
    mapping = session(page).scenario.workload.trace.map_models
    assert mapping[shares[0].name] == "busy-1" and shares[1].name not in mapping
    assert {s.name: s.model for s in shares[2:]} == {s.name: mapping[s.name] for s in shares[2:]}
    after = source_shares(session(page).scenario, session(page).answer.inputs.trace)
    assert "is left out" in sentence(after)
    requests = session(page).answer.inputs.problem.workload.requests_per_model()
    names = ("calm", "busy-0", "busy-1")
    assert [sum(s.requests for s in after if s.model == name) for name in names] == requests.tolist()
    page.button(key="models.stripe").click().run()
    assert session(page).scenario.workload.trace.map_models == "stripe"


def test_sources_beyond_the_table_keep_their_models():
    scenario = parse_scenario(SCENARIO)
    shares = source_shares(
        scenario, opened("models", s=encode_scenario(scenario)).session_state["session"].answer.inputs.trace
    )
    changed = with_sources(scenario, shares, [{"source": shares[0].name, "model": "calm"}])
    expected = {s.name: s.model for s in shares} | {shares[0].name: "calm"}
    assert changed.workload.trace.map_models == expected


def test_rules_are_edited_and_a_placement_that_breaks_one_says_so(page):
    edit(page, "rules.pin", added_rows=[{"model": "calm", "first": 2, "last": 3}, {"model": "busy-0"}])
    edit(page, "rules.apart", added_rows=[{"models": ["calm", "busy-0"]}, {"models": ["busy-0"]}])
    rules = session(page).scenario.rules
    assert rules.pin == {"calm": [2, 3]} and rules.apart == [["calm", "busy-0"]]
    plan = page.switch_page("views/plan.py").run()
    said = [warning.value.replace("\\", "") for warning in plan.warning]
    assert any("Placement 'mine' breaks rules: group 0 on devices 0 to 1 holds 'calm'" in text for text in said)
    with pytest.raises(InputError, match="'calm' is pinned twice"):
        with_pins(session(page).scenario, [{"model": "calm", "first": 0, "last": 1}] * 2)
    assert with_apart(session(page).scenario, [{"models": ["busy-{i}"]}]).rules.apart == [["busy-{i}"]]
    edit_page = plan.switch_page("views/models.py").run()
    edit(edit_page, "rules.pin", edited_rows={"0": {"last": 1, "first": 1}})
    assert session(page).scenario.rules.pin == {"calm": [1, 1]}


def test_what_comes_of_it_is_as_in_the_figures(page):
    at, answer = session(page), session(page).answer
    (entry,) = answer.shown
    figures, targets = entry.outcome.figures, at.scenario.targets
    assert targets == {"busy-0": 0.99, "busy-1": 0.99}
    table = outcome_table(answer).set_index("model")
    requests = answer.inputs.problem.workload.requests_per_model()
    below = {miss.model for miss in targets_missed(figures, targets)}
    for index, (name, fates) in enumerate(figures.models):
        row = table.loc[name]
        assert row["met: mine"] == 100 * fates.slo_attainment
        assert row["share"] == 100 * requests[index] / requests.sum()
        assert (row["below"] == "mine") == (name in below)
    count = {0: "all are met", 1: "1 is missed", 2: "2 are missed"}[len(below)]
    assert summary(at.scenario, answer.shown) == f"3 models of 2 kinds; 2 targets of single models: {count} with mine."
    plain = with_values(at.scenario, "", models=[{"name": "m", "profile": "bert-1.3b", "slo_scale": 5}])
    assert summary(plain, ()) == "1 model of 1 kind; none has a target of its own."


def test_a_target_changes_no_run_and_a_rule_does():
    scenario = parse_scenario(SCENARIO)
    with_target = parse_scenario(SCENARIO.replace("slo_scale: 5", "slo_scale: 5, target: 0.5"))
    with_weight = parse_scenario(SCENARIO.replace("slo_scale: 5", "slo_scale: 5, weight: 2"))
    with_rule = with_values(scenario, "rules", within_node=True)
    plain, target, weight, rule = (keys_of(s, Uploads()) for s in (scenario, with_target, with_weight, with_rule))
    assert plain.runs == target.runs and plain.inputs != target.inputs
    assert len({plain.runs, weight.runs, rule.runs}) == 3
