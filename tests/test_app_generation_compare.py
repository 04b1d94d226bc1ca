"""The page Compare of models that generate: intervals of each deadline, and what counts in scenarios of both kinds."""

import numpy as np
import pytest

from app.look import words
from app.panels.compare_view import TokenView
from app.panels.generation_compare import as_frame, counted_in_words, ranked_rows
from planner.generation.figures import deadlines_kept
from planner.scenario.file import parse_scenario
from simulator.intervals import share_half_width, share_interval
from tests.test_app_generation import EXAMPLE, opened
from tests.test_app_generation_placement import MIXED
from tests.test_app_plan import errors, session


def test_every_deadline_has_the_interval_of_its_requests():
    at = opened(EXAMPLE)
    at.switch_page("views/compare.py").run()
    assert not at.exception and not errors(at)
    answer = session(at).answer
    shown = sorted(answer.shown, key=lambda entry: -entry.outcome.slo_attainment)
    view = TokenView(tuple(shown), shown[1], shown[0])
    frame = as_frame(ranked_rows(view, answer), view)
    page = " ".join(html.value for html in at.get("html"))
    for row, entry in zip(frame.to_dict("records"), shown, strict=True):
        kept = deadlines_kept(answer.inputs.problem, entry.outcome.result)
        for name in ("ttft", "tpot"):
            low, high = share_interval(float(kept[name].mean()), share_half_width(kept[name]))
            assert (row[f"{name}_met_from"], row[f"{name}_met_to"]) == pytest.approx((100 * low, 100 * high))
            assert f"{words.share(kept[name].mean())} in time, {words.interval(low, high)}" in page
        assert np.isnan(row["e2e_met_from"] if row["e2e_met_from"] is not None else np.nan)


def test_a_scenario_of_both_kinds_says_what_counts_where():
    more = "  - {name: other, groups: [{models: [code]}, {models: [fixed]}]}\n"
    at = opened(parse_scenario(MIXED + more))
    at.switch_page("views/compare.py").run()
    assert not at.exception and not errors(at)
    answer = session(at).answer
    sentence = counted_in_words(answer.inputs)
    assert f"count {words.plural(len(answer.inputs.fixed.workload), 'request')} to models with fixed" in sentence
    assert any(caption.value.replace("\\", "") == sentence for caption in at.caption)
    for row in ranked_rows(TokenView(answer.shown, *answer.shown), answer):
        outcome = row.entry.outcome
        assert row.requests == len(outcome.result.workload) + len(outcome.fixed_result.workload)
    at = opened(EXAMPLE)
    at.switch_page("views/compare.py").run()
    assert not any("fixed latencies too" in caption.value for caption in at.caption)
