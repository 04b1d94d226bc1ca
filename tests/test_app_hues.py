"""A placement keeps its colour while it stays in the basket."""

from app.controls.placement_edits import removed, with_name
from app.state.session import Session
from planner.scenario.schema import PlacementSection


def basket(*names):
    session = Session()
    placements = [PlacementSection(name=name, groups=[]) for name in names]
    session.scenario = session.scenario.model_copy(update={"placements": placements})
    return session


def hues(session):
    return {section.name: session.hue_of(section.name) for section in session.scenario.placements}


def test_hues_follow_the_order_at_first():
    assert hues(basket("a", "b", "c")) == {"a": 0, "b": 1, "c": 2}


def test_taking_one_out_leaves_the_others_as_they_were_and_frees_its_hue():
    session = basket("a", "b", "c")
    hues(session)
    session.edit("x", lambda scenario: removed(scenario, 0))
    assert hues(session) == {"b": 1, "c": 2}
    assert session.hue_of("not in the basket") == 0


def test_a_renamed_placement_keeps_its_hue():
    session = basket("a", "b")
    hues(session)
    session.edit("x", lambda scenario: with_name(scenario, 0, "other"))
    assert hues(session) == {"other": 0, "b": 1}
