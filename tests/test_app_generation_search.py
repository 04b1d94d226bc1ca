"""The page Search of models that generate: every step of their searches, and what a running one has found."""

import json

import pytest

from app.panels.replay import result_sentence, step_sentence, step_table
from planner.generation.figures import deadlines_kept
from planner.generation.inputs import build_token_inputs
from planner.generation.search import DESCRIPTIONS, TITLES, search_engines
from planner.search.history import history_document, read_history
from simulator.generation import simulate_generation
from tests.test_app_generation import EXAMPLE, opened
from tests.test_app_plan import errors, session


@pytest.fixture(scope="module")
def problem():
    return build_token_inputs(EXAMPLE).problem


def score_again(problem, placement):
    engines = problem.engine_groups(placement.groups, placement.name)
    result = simulate_generation(engines, problem.workload, problem.section.dispatch)
    return deadlines_kept(problem, result)["all"].mean()


def test_every_step_can_be_looked_at_with_its_score_counted_again(problem):
    at = opened(EXAMPLE)
    at.switch_page("views/search.py").run()
    assert not at.exception and not errors(at) and not at.info
    searches = {e.section.name: e.outcome.search for e in session(at).answer.shown if e.outcome.search is not None}
    assert set(searches) == {"Dedicated", "Shared", "Searched"}
    name = max(searches, key=lambda n: len(searches[n].steps))
    found = searches[name]
    said = " ".join(e.proto.body for e in at.get("html")).replace("&#39;", "'")
    assert result_sentence(name, found) in said and TITLES[found.algorithm] in said
    assert any(DESCRIPTIONS[found.algorithm] in caption.value.replace("\\", "") for caption in at.caption)
    for number in (1, 2, len(found.steps)):
        at.slider(key=at.slider[0].key).set_value(number).run()
        assert not at.exception and not errors(at)
        step = found.steps[number - 1]
        said = " ".join(e.proto.body for e in at.get("html"))
        assert step_sentence(found.steps, number - 1).split(":")[0] in said
        assert step.score == pytest.approx(score_again(problem, step.placement), abs=1e-12)
        assert "is not drawn" not in " ".join(info.value for info in at.info)
    assert list(step_table(found)["score"]) == [step.score for step in found.steps]


def test_the_history_of_a_search_for_engines_is_read_back(problem):
    found = search_engines(problem, "dedicated")
    again = read_history(json.dumps(history_document(found)).encode(), "h.json")
    told = [[(s.phase, s.what, s.score, s.placement.groups, s.alternatives) for s in r.steps] for r in (found, again)]
    assert told[0] == told[1] and again.score == found.score


@pytest.mark.parametrize("algorithm", list(TITLES))
def test_a_running_search_tells_its_best_and_how_it_came_there(problem, algorithm):
    told = []

    def watch(progress):
        told.append(progress)
        return len(told) < 12

    found = search_engines(problem, algorithm, "p", on_progress=watch)
    for progress in told:
        if progress.best_score is None:
            assert progress.placement is None and progress.steps == ()
        else:
            assert progress.steps[-1].placement == progress.placement
            assert progress.steps[-1].score == progress.best_score
            assert progress.best_score == pytest.approx(score_again(problem, progress.placement), abs=1e-12)
    assert found.stop_reason == ("cancelled" if len(told) == 12 else "done")
    assert found.steps[-1].score == found.score and found.steps[-1].placement == found.placement


def test_a_step_of_another_cluster_is_not_drawn_and_says_why(problem):
    at = opened(EXAMPLE)
    at.switch_page("views/search.py").run()
    document = history_document(search_engines(problem, "shared"))
    document["steps"][-1]["groups"] = [{"pp": 1, "tp": 1, "models": ["chat"]}] * 9
    content = json.dumps(document).encode()
    at.file_uploader(key="upload:history").set_value(("h.json", content, "application/json")).run()
    assert not at.exception and not errors(at)
    said = " ".join(info.value for info in at.info).replace("\\", "")
    assert "is not drawn" in said and "uses 9 devices; the cluster has 6" in said
