"""The browser may send the state of widgets that have just been replaced, say when a timer draws the page again:
nothing that they showed before comes back."""

import json
import threading

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from app.controls import sidebar
from app.panels.progress import EARLIER
from app.state import compute
from app.state.session import with_values
from tests.test_app_addresses import LINK, looks, opened, session


def look_at_another(at):
    session(at).looked_at = "searched"
    return at.run()


def begin_with_another(at):
    session(at).drafting = "searched"
    return at.run()


def go_to_the_second_step(at):
    session(at).views.replay.steps["Single-device replication"].value = 1
    return at.run()


def click(key):
    return lambda at: at.button(key=key).click().run()


# Page, what changes the view without the widgets, and the widgets that show it.
CHANGES = [
    ("plan", look_at_another, ["looked_at"]),
    ("timeline", click("timeline.Later"), ["timeline.start"]),
    ("timeline", click("timeline.Wider"), ["timeline.start", "timeline.length"]),
    ("timeline", click("timeline.next.served"), ["timeline.request"]),
    ("compare", click("compare.closer"), ["compare.from", "compare.to"]),
    ("placement", click("draft.split"), ["draft.models", "draft.shape"]),
    ("placement", begin_with_another, ["draft.start"]),
    ("search", go_to_the_second_step, ["replay_step:Single-device replication"]),
    ("scenario", click("scenario.load"), ["scenario.text"]),
]


@pytest.mark.parametrize(("name", "change", "keys"), CHANGES)
def test_what_a_replaced_widget_showed_does_not_undo_a_change(name, change, keys):
    at = opened(name, s=LINK)
    shown_before, values_before = at._tree.get_widget_states(), values(at, keys)
    change(at)
    changed = values(at, keys)
    assert changed != values_before
    drafts = {start: draft.now for start, draft in session(at).drafts.items()}
    at._run(shown_before)
    assert not at.exception
    assert values(at, keys) == changed
    assert {start: draft.now for start, draft in session(at).drafts.items()} == drafts


def values(at, keys):
    return {key: widget.value for key, widget in looks(at, keys).items()}


def test_the_edits_of_a_replaced_table_are_taken_once():
    at = opened("models", s=LINK)
    editor = next(e.proto for e in at.dataframe if "models.table" in e.proto.id)
    edits = {"edited_rows": {"0": {"count": 5}}, "added_rows": [], "deleted_rows": []}
    sent = at._tree.get_widget_states()
    sent.widgets.append(WidgetState(id=editor.id, string_value=json.dumps(edits)))
    at._run(sent)
    assert session(at).scenario.models[0].count == 5
    session(at).step_back()
    # The browser still has the old table, and sends its edits with the next run.
    at._run(sent)
    assert session(at).scenario.models[0].count == 4


def test_a_scenario_that_changes_while_its_answer_is_drawn_is_answered_at_once(monkeypatch):
    at = opened("plan", s=LINK)
    draw, devices = sidebar.draw_sidebar, session(at).scenario.cluster.devices
    late = [lambda scenario: with_values(scenario, "cluster", devices=2 * devices)]

    def after_the_answer(asked, answer):
        while late:
            asked.edit("cluster", late.pop())
        draw(asked, answer)

    monkeypatch.setattr(sidebar, "draw_sidebar", after_the_answer)
    at.run()
    assert not at.exception and not late
    assert session(at).answer.scenario == session(at).scenario
    assert any(f"{2 * devices} devices" in element.proto.body for element in at.get("html"))


PAGES = ("plan", "compare", "timeline", "placement", "capacity", "search", "models", "trace", "accuracy")


@pytest.fixture
def may_end(monkeypatch):
    """Traffic is not made before this is set."""
    build, event = compute._build, threading.Event()

    def slow(*args):
        event.wait(60)
        return build(*args)

    def begin():
        monkeypatch.setattr(compute, "_build", slow)
        monkeypatch.setattr(compute, "PATIENCE_S", 0.05)
        return event

    yield begin
    event.set()


def double_the_devices(at):
    devices = session(at).scenario.cluster.devices
    session(at).edit("cluster", lambda scenario: with_values(scenario, "cluster", devices=2 * devices))
    at.run()
    assert not at.exception


def test_the_scenario_page_has_no_count_of_earlier_requests(may_end):
    def facts():
        return [e.proto.body for e in at.get("html") if "<span>requests</span>" in e.proto.body]

    at = opened("scenario", s=LINK)
    assert facts()
    may_end()
    double_the_devices(at)
    assert not facts()


@pytest.mark.parametrize("name", PAGES)
def test_an_answer_to_earlier_settings_says_so_and_the_next_one_takes_its_place(may_end, name):
    at = opened(name, s=LINK)
    event = may_end()
    double_the_devices(at)
    assert any(EARLIER in info.value for info in at.info)
    event.set()
    for job in session(at).jobs.all():
        job.wait(60)
    at.run()
    for job in session(at).jobs.all():
        job.wait(60)
    at.run()
    assert not at.exception and not any(EARLIER in info.value for info in at.info)
    assert session(at).answer.scenario == session(at).scenario
