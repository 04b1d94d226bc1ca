"""The page Accuracy with models that generate: what is measured and assumed of them, not of the other kind."""

import pytest

from app.look import words
from app.look.style import plain_text
from app.panels.accuracy import ASSUMPTIONS
from app.panels.generation_accuracy import OTHER_KIND, assumptions, measured_sentence
from planner.generation.known_errors import NOT_MODELLED, NOT_VALIDATED, known_generation_errors
from tests.test_app_compare import written
from tests.test_app_generation import EXAMPLE, opened, session


@pytest.fixture(scope="module")
def shown():
    at = opened(EXAMPLE)
    at.switch_page("views/accuracy.py").run()
    assert not at.exception and not at.error
    return at


def errors(check, quantity, case=None):
    return [e.error for e in known_generation_errors()
            if (e.check, e.quantity) == (check, quantity) and case in (None, e.case)]  # fmt: skip


def spread(found):
    return f"{words.signed(100 * min(found), 1)} to {words.signed(100 * max(found), 1)} %"


def test_the_page_says_what_is_assumed_of_the_kind_in_force(shown):
    tables = [table.value.reset_index() for table in shown.table]
    [table] = [table for table in tables if table.columns[0] == "assumption"]
    assert [tuple(row) for row in table.to_numpy()] == [
        tuple(map(plain_text, row)) for row in assumptions(session(shown).answer)
    ]
    assert not {row[0] for row in ASSUMPTIONS[:1] + ASSUMPTIONS[2:4] + ASSUMPTIONS[-1:]} & {*table.iloc[:, 0]}
    page = written(shown)
    assert all(part in page for part in measured_sentence().split(" With "))
    assert OTHER_KIND in page
    assert NOT_MODELLED in page
    assert "the page Plan answers" not in page


def test_the_errors_that_are_named_are_those_measured(shown):
    said = measured_sentence() + " ".join(" ".join(row) for row in assumptions(session(shown).answer))
    raw, fitted = "vLLM run, no calibration", "vLLM run, one factor"
    assert f"{spread(errors(raw, 'e2e_mean'))} off" in said and f"{spread(errors(raw, 'ttft_mean'))} of that" in said
    for error in errors(fitted, "e2e of a request, median |error|"):
        assert words.share(error) in said
    throughput = "throughput of an LLM, median |error|"
    for check, quantity, case in (("closed loops, half fitted", "tpot, median of medians", "all"),
                                  ("MuxServe", throughput, "own devices"),
                                  ("MuxServe", throughput, "in turns, switching free")):  # fmt: skip
        [error] = errors(check, quantity, case)
        assert words.share(error) in said
    estimated = [e.error for e in known_generation_errors() if e.check == "estimated, nothing fitted"]
    assert f"{words.share(min(estimated))} to {words.share(max(estimated))}" in said
    assert NOT_VALIDATED not in said
