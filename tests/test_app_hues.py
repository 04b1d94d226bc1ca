"""A placement keeps its colour while it stays in the basket."""

from app.controls.placement_edits import removed, with_name
from app.state.session import Visit
from planner.scenario.schema import PlacementSection


def basket(*names):
    visit = Visit()
    placements = [PlacementSection(name=name, groups=[]) for name in names]
    visit.scenario = visit.scenario.model_copy(update={"placements": placements})
    return visit


def hues(visit):
    return {section.name: visit.place_of(section.name) for section in visit.scenario.placements}


def test_hues_follow_the_order_at_first():
    assert hues(basket("a", "b", "c")) == {"a": 0, "b": 1, "c": 2}


def test_taking_one_out_leaves_the_others_as_they_were_and_frees_its_hue():
    visit = basket("a", "b", "c")
    hues(visit)
    visit.edit("x", lambda scenario: removed(scenario, 0))
    assert hues(visit) == {"b": 1, "c": 2}
    assert visit.place_of("not in the basket") == 0


def test_a_renamed_placement_keeps_its_hue():
    visit = basket("a", "b")
    hues(visit)
    visit.edit("x", lambda scenario: with_name(scenario, 0, "other"))
    assert hues(visit) == {"other": 0, "b": 1}
