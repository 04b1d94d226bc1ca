"""The Placement page without a browser: edits, undo, saving, suggestions, exports."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.state.drafting import MOST_STEPS, Draft
from planner import compare
from planner.export import TARGETS
from simulator import Group, Placement
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


@pytest.fixture
def page():
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    at.switch_page("views/placement.py").run()
    assert not at.exception and not at.error
    return at


def session(at):
    return at.session_state["session"]


def draft(at):
    return session(at).drafts[session(at).drafting]


def verdict(at):
    return next(e.proto.body for e in at.get("html") if 'class="verdict"' in e.proto.body)


def tile(at):
    body = next(e.proto.body for e in at.get("html") if e.proto.body.startswith('<div class="tiles"'))
    return re.search(r'tile-value">([^<]*)', body)[1].replace("\xa0", " ").strip()


def errors(at):
    return [re.sub(r"\\(.)", r"\1", error.value) for error in at.error]


def test_the_page_begins_with_the_best_placement_and_what_it_meets(page):
    assert page.title[0].value == "Who sits where, and what if I move them?"
    assert "8-stage groups meets 96.1" in verdict(page).replace("\xa0", " ")
    assert page.button(key="draft.undo").disabled and page.button(key="draft.redo").disabled


def test_dropping_models_changes_the_attainment_to_what_the_planner_says(page):
    before = tile(page)
    held = page.multiselect(key=shown_key(page, "draft.models")).value
    page.multiselect(key=shown_key(page, "draft.models")).set_value(held[:9]).run()
    assert "As edited it meets" in verdict(page) and "against 8-stage groups" in verdict(page)
    page.button(key="draft.save").click().run()
    outcomes = {o.name: o.figures.total.slo_attainment for o in compare(session(page).scenario).outcomes}
    assert list(outcomes)[-1] == "8-stage groups, edited"
    assert tile(page) == f"{100 * outcomes['8-stage groups, edited']:.1f} %" != before
    assert session(page).looked_at == draft(page).start_name == "8-stage groups, edited"


def test_undo_and_redo_go_through_every_edit(page):
    start = draft(page).now
    page.button(key="draft.split").click().run()
    split = draft(page).now
    assert [(g.pp, g.tp) for g in split.groups] == [(4, 1), (4, 1), (8, 1)]
    page.button(key="draft.remove").click().run()
    assert len(draft(page).now.groups) == 2
    page.button(key="draft.undo").click().run()
    assert draft(page).now == split
    page.button(key="draft.undo").click().run()
    assert draft(page).now == start and page.button(key="draft.undo").disabled
    page.button(key="draft.redo").click().run()
    assert draft(page).now == split
    page.button(key="draft.again").click().run()
    assert draft(page).now == start and page.button(key="draft.redo").disabled


def test_an_edit_that_does_not_fit_is_said_and_nothing_changes(page):
    before = draft(page).now
    held = page.multiselect(key=shown_key(page, "draft.models")).value
    others = [name for name in page.multiselect(key=shown_key(page, "draft.models")).options if name not in held]
    page.multiselect(key=shown_key(page, "draft.models")).set_value([*held, *others]).run()
    assert any("Group 0 would hold" in sentence and "13 GiB are allowed" in sentence for sentence in errors(page))
    assert draft(page).now == before
    assert page.multiselect(key=shown_key(page, "draft.models")).value == held


def test_a_shape_is_refused_unless_misfits_may_be_left_out(page):
    page.selectbox(key=shown_key(page, "draft.shape")).set_value((4, 1)).run()
    assert any("Group 0 would hold" in sentence for sentence in errors(page))
    page.checkbox(key="draft.misfits").check().run()
    page.selectbox(key=shown_key(page, "draft.shape")).set_value((4, 1)).run()
    assert (draft(page).now.groups[0].pp, len(draft(page).now.groups[0].models)) == (4, 9)
    page.selectbox(key="draft.new.shape").set_value((2, 1)).run()
    page.button(key="draft.new").click().run()
    assert (draft(page).now.groups[-1].pp, draft(page).now.groups[-1].models) == (2, ())
    assert session(page).views.placement.group.value == 2


def test_a_model_moves_and_groups_merge(page):
    page.button(key="draft.split").click().run()
    name = draft(page).now.groups[0].models[0]
    page.multiselect(key=shown_key(page, "draft.models")).set_value([name]).run()
    page.selectbox(key=shown_key(page, "edit_group")).set_value(1).run()
    page.multiselect(key=shown_key(page, "draft.models")).set_value(draft(page).now.groups[1].models[:2]).run()
    moved = draft(page).now.groups[1].models[0]
    page.selectbox(key=shown_key(page, "edit_model")).set_value(moved).run()
    page.selectbox(key="draft.move.target").set_value(0).run()
    page.button(key="draft.move").click().run()
    assert draft(page).now.groups[0].models == (name, moved)
    page.selectbox(key="draft.merge.other").set_value(0).run()
    page.selectbox(key="draft.merge.shape").set_value((8, 1)).run()
    page.button(key="draft.merge").click().run()
    assert [(g.pp, len(g.models)) for g in draft(page).now.groups] == [(8, 3), (8, 18)]


def test_overwriting_keeps_name_and_place(page):
    page.button(key="draft.remove").click().run()
    page.button(key="draft.overwrite").click().run()
    first = session(page).scenario.placements[0]
    assert first.name == "8-stage groups" and len(first.groups) == 1 and first.search is None
    assert len(session(page).scenario.placements) == 2
    page.button(key="undo").click().run()
    assert session(page).scenario.placements[0].search is not None


def test_a_draft_that_no_longer_fits_says_everything_that_is_wrong_and_can_be_mended(page):
    page.multiselect(key=shown_key(page, "draft.models")).set_value(["model-0"]).run()
    page.number_input(key="cluster.devices").set_value(8).run()
    assert any("need 16 devices, 8 more than the 8" in sentence for sentence in errors(page))
    page.button(key="draft.remove").click().run()
    assert "As edited it meets" in verdict(page)


def test_suggestions_are_applied_by_a_click(page):
    page.segmented_control(key=shown_key(page, "draft.start")).set_value("Single-device replication").run()
    page.button(key="draft.suggest").click().run()
    session(page).slots["draft.suggestions"].job.wait(300)
    page.run()
    found = session(page).slots["draft.suggestions"].result
    assert found.best and found.best[0].gain > 0
    page.button(key="draft.apply.0").click().run()
    assert draft(page).now.groups == found.best[0].placement.groups
    assert "+" in verdict(page)


@pytest.mark.parametrize("target", TARGETS)
def test_every_export_shows_its_files_and_what_is_lost(page, target):
    page.segmented_control(key="export.target").set_value(target).run()
    assert not page.exception and not page.error
    assert any("The simulation assumed" in m.value for m in page.markdown)
    assert page.code[-1].value


def test_an_empty_placement_cannot_be_exported_and_says_so(page):
    for _ in range(2):
        page.button(key="draft.remove").click().run()
    page.segmented_control(key="export.target").set_value("ray").run()
    assert errors(page) and not page.exception


def test_a_long_history_keeps_its_start_and_its_end():
    start = Placement((Group(1, 1),), "start")
    draft = Draft("start", (start,))
    for i in range(MOST_STEPS + 5):
        draft = draft.then(f"edit {i}", Placement((Group(1, 1, (f"m{i}",)),), "start"))
    assert draft.start == start and draft.last == f"edit {MOST_STEPS + 4}"
    assert len(draft.placements) == MOST_STEPS + 1 == len(draft.sentences) + 1
    assert draft.back().forth() == draft
    assert draft.back().then("other", start).undone == ""
