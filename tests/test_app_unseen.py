"""The page says scores on unseen traffic by itself, and first of all where they change the ranking."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.unseen import AREA, unseen_of
from app.panels.verdict import verdict_said
from planner.scenario.examples import examples
from planner.scenario.link import encode_scenario
from planner.what_if.unseen import Unseen, UnseenScore
from planner.what_if.unseen_words import changed_sentence, unseen_cell, unseen_sentence
from tests.test_app_compare import session, written

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


def scores(at):
    """What is known of the page's answer; other tests of this process may have found it before."""
    here = session(at)
    if unseen_of(here, here.answer) is None:
        here.slots[AREA].job.wait(120)
    return unseen_of(here, here.answer)


@pytest.fixture
def shown():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    assert scores(at) is not None
    at.run()
    assert not at.exception and not at.error
    return at


def test_the_verdict_and_the_tables_say_scores_on_unseen_traffic(shown):
    found = scores(shown)
    assert {s.name for s in found.scores} == {e.section.name for e in session(shown).answer.shown}
    assert unseen_sentence(found)[:40] in written(shown)
    shown.switch_page("views/compare.py").run()
    assert not shown.exception and not shown.error
    for score in found.scores:
        assert unseen_cell(found, score.name) in written(shown)


def test_a_changed_ranking_comes_first(shown):
    names = [entry.section.name for entry in session(shown).answer.shown]
    best = session(shown).answer.best.section.name
    other = next(name for name in names if name != best)
    found = Unseen((UnseenScore(best, True, 0.9, 0.5, 0.01), UnseenScore(other, True, 0.8, 0.7, 0.01)), 8, False, True)
    hue, said = verdict_said(session(shown).answer, found)
    assert said.startswith(changed_sentence(found)) and changed_sentence(found)
    assert hue == session(shown).answer.entry(other).hue
    same = Unseen((UnseenScore(best, True, 0.9, 0.8, 0.01), UnseenScore(other, True, 0.8, 0.7, 0.01)), 8, False, True)
    assert verdict_said(session(shown).answer, same)[1].endswith(unseen_sentence(same))


def test_pages_of_generating_models_say_scores_on_unseen_traffic():
    scenario = next(e.scenario for e in examples() if e.scenario.generates)
    at = AppTest.from_file(MAIN, default_timeout=120)
    at.query_params = {"s": encode_scenario(scenario)}
    at.run()
    here = session(at)
    for entry in here.answer.waiting:
        if entry.job:
            entry.job.wait(120)
    at.run()
    found = scores(at)
    at.run()
    assert not at.exception and not at.error
    assert found.days == 4 and not found.is_later
    assert unseen_sentence(found)[:40] in written(at)
    searched = next(score for score in found.scores if score.is_searched)
    at.switch_page("views/compare.py").run()
    assert not at.exception and not at.error
    assert unseen_cell(found, searched.name) in written(at)
