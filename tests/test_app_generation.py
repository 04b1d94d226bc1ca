"""Pages do not show generating models yet: they say so in a sentence, keep what was there, and never break."""

from streamlit.testing.v1 import AppTest

from planner.scenario.examples import FOLDER
from planner.scenario.file import parse_scenario
from tests.test_app_plan import MAIN, errors, session, verdict


def test_a_scenario_with_generating_models_is_refused_in_a_sentence():
    plan = AppTest.from_file(MAIN, default_timeout=120).run()
    before = verdict(plan)
    text = (FOLDER / "6-language-models.yaml").read_text(encoding="utf-8")
    session(plan).replace("traffic", parse_scenario(text))
    plan.run()
    assert not plan.exception
    assert any("generat" in sentence and "command line" in sentence for sentence in errors(plan)), errors(plan)
    assert verdict(plan) == before
