"""The Search page: every step can be looked at, and a history comes back as it was saved."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.replay import step_table
from planner.scenario.inputs import build_inputs
from planner.search import search
from planner.search.history import history_document, read_history
from simulator import InputError
from tests.test_app_capacity import scenario  # noqa: F401  (the fixture)

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "search.py")


@pytest.fixture(scope="module")
def found(scenario):  # noqa: F811
    return search(build_inputs(scenario).problem, "greedy")


@pytest.mark.parametrize("limit", [50, 150, 300, 600])
def test_a_search_that_is_cut_short_has_the_best_of_what_it_scored(scenario, limit):  # noqa: F811
    result = search(build_inputs(scenario).problem, "alpaserve", max_evaluations=limit)
    assert result.steps and result.score > 0


@pytest.fixture
def view():
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not at.exception and not at.error
    return at


def test_a_saved_history_is_read_back_step_by_step(found):
    content = json.dumps(history_document(found)).encode()
    again = read_history(content, "h.json")
    assert again.steps == found.steps
    assert (again.score, again.evaluations, again.stop_reason) == (found.score, found.evaluations, found.stop_reason)
    assert history_document(again) == history_document(found)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(score=1.5), "key 'score'"),
        (lambda d: d.pop("steps"), "key 'steps'"),
        (lambda d: d["steps"][0].update(score="high"), "key 'steps.0.score'"),
        (lambda d: d["steps"][0]["groups"].append({"pp": 0, "tp": 1, "models": []}), "pp"),
        (lambda d: d.update(colour="red"), "key 'colour'"),
    ],
)
def test_a_wrong_history_is_refused_with_its_key(found, change, sentence):
    document = history_document(found)
    change(document)
    with pytest.raises(InputError, match="Search history 'h.json'") as caught:
        read_history(json.dumps(document).encode(), "h.json")
    assert sentence in str(caught.value)


def test_what_is_no_json_is_refused_with_its_line():
    with pytest.raises(InputError, match="line 2: not valid JSON"):
        read_history(b"{\n,", "h.json")


def test_the_page_opens_at_the_last_step_and_goes_to_the_one_that_is_chosen(view):
    session = view.session_state["session"]
    slider = view.slider[0]
    steps = next(e for e in session.answer.shown if e.section.name in slider.key).outcome.search.steps
    assert slider.value == slider.max == len(steps)
    view.slider(key=slider.key).set_value(2).run()
    assert not view.exception
    said = " ".join(e.proto.body for e in view.get("html"))
    assert f"Step 2 of {len(steps)}" in said and f"{100 * steps[1].score:.1f}" in said


def test_play_goes_on_from_the_start(view):
    session = view.session_state["session"]
    view.button(key="replay.play").click().run()
    assert not view.exception
    assert session.views.replay.playing.value


def test_an_uploaded_history_can_be_replayed_and_a_wrong_one_says_why(view, found):
    content = json.dumps(history_document(found)).encode()
    view.file_uploader(key="upload:history").set_value(("mine.json", content, "application/json")).run()
    assert not view.exception and not view.error
    said = " ".join(e.proto.body for e in view.get("html"))
    assert "mine.json (loaded)" in said and f"of {len(found.steps)}" in said
    view.file_uploader(key="upload:history").set_value(("bad.json", b"[]", "application/json")).run()
    assert any("bad.json" in error.value for error in view.error)
    assert "mine.json (loaded)" in " ".join(e.proto.body for e in view.get("html"))


def test_the_table_has_a_row_for_every_step(found):
    table = step_table(found)
    assert list(table["score"]) == [step.score for step in found.steps]
