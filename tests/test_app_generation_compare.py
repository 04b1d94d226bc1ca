"""The page Compare of models that generate: intervals of each deadline, and what counts in scenarios of both kinds."""

import markupsafe
import numpy as np
import pytest

from app.figures.generation_compare import (
    QUANTITIES,
    build_compared_over_time_figure,
    describe_compared_over_time,
)
from app.look import words
from app.look.causes import causes_in_words
from app.panels.compare_view import TokenView, current_token_view
from app.panels.generation_compare import as_frame, counted_in_words, late_rows, ranked_rows
from app.panels.generation_compare_time import compared
from planner.generation.causes import missed_by_cause
from planner.generation.figures import deadlines_kept
from planner.generation.paired import met_requests
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


def test_every_placement_says_why_its_requests_are_late_of_all_models_or_of_one():
    at = opened(EXAMPLE)
    at.switch_page("views/compare.py").run()
    answer = session(at).answer
    of_all = TokenView(answer.shown, answer.shown[0], answer.shown[1])
    page = " ".join(html.value for html in at.get("html"))
    for entry, row in zip(answer.shown, late_rows(of_all, answer), strict=True):
        missed = missed_by_cause(entry.outcome, answer.inputs)
        parts = [missed_by_cause(entry.outcome, answer.inputs, name) for name in answer.inputs.problem.workload.models]
        assert missed == {cause: sum(part.get(cause, 0) for part in parts) for cause in missed}
        late = int((~met_requests(entry.outcome, answer.inputs)).sum())
        assert sum(missed.values()) == late
        assert f"Of {words.plural(late, 'request')} that miss" in row["why"] and row["why"] == causes_in_words(missed)
        assert markupsafe.escape(row["why"]) in page


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


def test_one_model_alone_can_be_looked_at():
    at = opened(EXAMPLE)
    at.switch_page("views/compare.py").run()
    answer = session(at).answer
    name = answer.inputs.problem.models[0].name
    next(box for box in at.selectbox if box.label == "Look at one model").set_value(name).run()
    assert not at.exception and not errors(at)
    view = current_token_view(session(at), session(at).answer)
    assert view.model == name
    page = " ".join(html.value for html in at.get("html"))
    for row in ranked_rows(view, answer):
        result = row.entry.outcome.result
        own = result.workload.model == result.workload.models.index(name)
        met = deadlines_kept(answer.inputs.problem, result)["all"][own]
        assert (row.requests, row.missed) == (own.sum(), (~met).sum()) and row.met == pytest.approx(met.mean())
        assert row.figures == row.entry.outcome.figures.models[name] and words.share(met.mean()) in page
        gains = met.astype(float) - deadlines_kept(answer.inputs.problem, view.first.outcome.result)["all"][own]
        assert row.difference.difference == pytest.approx(gains.mean())
    assert as_frame(ranked_rows(view, answer), view).usd_per_million_output_tokens.isna().all()


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_quantities_over_time_are_those_of_the_engines_and_the_title_says_the_worst(quantity):
    at = opened(EXAMPLE)
    answer = session(at).answer
    workload = answer.inputs.problem.workload
    for model in (None, workload.models[0]):
        view = TokenView(answer.shown, answer.shown[1], answer.shown[0], model)
        rows = [compared(quantity, entry, view, answer) for entry in answer.shown]
        edges_s = answer.shown[0].outcome.figures.over_time.edges_s
        for row, entry in zip(rows, answer.shown, strict=True):
            bins, figures = entry.outcome.figures.over_time, entry.outcome.figures
            own = [e.engine for e in figures.engines if model in (None, e.model)]
            if quantity == "preemptions":
                np.testing.assert_array_equal(row.values, bins.preemptions[own].sum(axis=0))
            elif quantity == "waiting":
                np.testing.assert_array_equal(row.values, sum(bins.most_waiting[e] for e in own))
            elif quantity == "cache":
                np.testing.assert_allclose(row.values, 100 * np.max([bins.peak_cache[e] for e in own], axis=0))
            elif quantity == "met":
                counted = np.ones(len(workload), bool) if model is None else workload.model == 0
                met = deadlines_kept(answer.inputs.problem, entry.outcome.result)["all"] & counted
                shares = row.values * np.histogram(workload.arrival_s[counted], edges_s)[0] / 100
                assert np.nansum(shares) == pytest.approx(met.sum())
        title = describe_compared_over_time(quantity, rows, edges_s)
        values = np.concatenate([row.values for row in rows])
        worst = np.nanmin(values) if quantity == "met" else np.nanmax(values)
        said = words.share(worst / 100) if quantity in ("met", "cache") else words.number(worst)
        trivial = worst == (100 if quantity == "met" else 0)
        assert trivial or said in title
        holder = next(row for row in rows if worst in row.values)
        assert trivial or words.shorten(holder.name, 40) in title
        figure = build_compared_over_time_figure(quantity, rows, edges_s, workload.arrival_s)
        assert [trace.name for trace in figure.data] == ["arrivals", *(row.name for row in rows)]
        for trace, row in zip(figure.data[1:], rows, strict=True):
            np.testing.assert_array_equal(trace.y[:-1], row.values)
