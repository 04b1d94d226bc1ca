"""The page Compare without a browser: its numbers are those of the runs, and everything filters together."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.look import words
from app.panels.compare_moment import describe_moment, moment_rows
from app.panels.compare_outcomes import chance_note, difference_in_words
from app.panels.compare_table import Row, as_frame, difference_cell, ranked_rows
from app.panels.compare_view import current_view
from planner import compare
from planner.explain import PairedDifference, model_differences, paired_difference
from planner.scenario.schema import PlacementSection, SearchSection
from simulator.moment import moment
from simulator.pairs import pair_outcomes
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


def opened(**address):
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    for key, value in address.items():
        at.query_params[key] = value
    at.switch_page("views/compare.py").run()
    assert not at.exception and not at.error
    return at


@pytest.fixture
def shown():
    return opened()


def session(at):
    return at.session_state["session"]


def view(at):
    return current_view(session(at), session(at).answer)


def written(at):
    """All texts of the shown, without the signs that Markdown needs."""
    texts = [e.proto.body for e in at.get("html")] + [e.value for e in (*at.markdown, *at.caption)]
    return re.sub(r"\\(.)", r"\1", "\n".join(texts))


def test_the_difference_and_the_pairs_are_those_of_the_comparison(shown):
    results = {r.name: r for r in compare(session(shown).scenario).results}
    first, second = results["Single-device replication"], results["8-stage groups"]
    gap = paired_difference(first, second)
    assert f"meets {100 * gap.difference:.1f} points" in written(shown)
    paired = pair_outcomes(first, second)
    for number in (paired.both, paired.only_first, paired.only_second, paired.neither):
        assert words.count(number) in written(shown)


def test_of_seven_placements_the_best_and_the_chosen_are_compared_and_the_others_named():
    at = opened()
    groups = {f"pipelines {pp}": {"algorithm": "uniform", "pp": pp} for pp in (1, 2, 4)}
    groups |= {name: {"algorithm": name} for name in ("dedicated", "round_robin")}
    sections = [PlacementSection(name=name, search=SearchSection(**search)) for name, search in groups.items()]
    session(at).edit("placements", lambda s: s.model_copy(update={"placements": [*s.placements, *sections]}))
    at.run()
    session(at).jobs.wait(session(at).jobs.all(), 60)
    at.run()
    met = {e.section.name: e.outcome.figures.total.slo_attainment for e in session(at).answer.shown}
    worst, *_, best = sorted(met, key=met.get)
    assert len(met) == 7 and worst not in [e.section.name for e in view(at).shown]
    assert view(at).shown[0].section.name == best
    said = " ".join(info.value for info in at.info)
    assert "6 of 7 placements are compared" in said and f"not {worst} ({words.share(met[worst])})" in said
    at.selectbox(key=shown_key(at, "compare.first")).set_value(worst).run()
    names = [e.section.name for e in view(at).shown]
    assert view(at).first.section.name == worst == names[-1] and names[0] == best and len(names) == 6


def test_a_model_filters_every_number(shown):
    shown.selectbox(key=shown_key(shown, "compare.model")).set_value("model-16").run()
    result = compare(session(shown).scenario).results[0]
    mine = result.workload.model == 16
    assert f"<td>{words.share(float(result.in_slo[mine].mean()))} <small>" in written(shown)
    assert "only model model-16" in written(shown)
    assert shown.query_params["model"] == "model-16"
    shown.button(key="compare.clear").click().run()
    assert "only model model-16" not in written(shown) and "model" not in shown.query_params


def test_a_group_in_the_address_filters_to_the_requests_it_was_sent():
    shown = opened(**{"in": "8-stage groups", "group": "1"})
    result = compare(session(shown).scenario).results[0]
    mine = result.group == 1
    assert "sent to group 1" in written(shown)
    assert f"<td>{words.share(float(result.in_slo[mine].mean()))} <small>" in written(shown)


def test_a_stretch_given_as_numbers_stands_in_the_address_and_ends_with_the_whole_run(shown):
    shown.number_input(key=shown_key(shown, "compare.from")).set_value(100.0).run()
    shown.number_input(key=shown_key(shown, "compare.to")).set_value(200.0).run()
    assert shown.query_params["from"] == "100.0" and shown.query_params["to"] == "200.0"
    assert view(shown).window_s == (100.0, 200.0)
    shown.button(key="compare.whole").click().run()
    assert "from" not in shown.query_params and view(shown).window_s == view(shown).run_s


def test_a_stretch_that_ends_before_it_begins_is_refused_in_words_and_the_picture_stays(shown):
    shown.number_input(key=shown_key(shown, "compare.to")).set_value(200.0).run()
    shown.number_input(key=shown_key(shown, "compare.from")).set_value(300.0).run()
    (error,) = shown.error
    assert "the end must lie behind the start" in error.value
    assert view(shown).window_s[1] == 200.0


def test_a_moment_of_the_slider_is_described(shown):
    shown.slider(key=shown_key(shown, "compare.at")).set_value(1500.0).run()
    assert float(shown.query_params["at"]) == pytest.approx(1500, abs=1)
    at_s = view(shown).at_s
    assert f"What happened at {words.clock(at_s, 2)}?" in written(shown)
    for result in compare(session(shown).scenario).results:
        assert describe_moment(moment(result, at_s)) in written(shown)


def test_views_that_do_not_fit_the_answer_are_ignored():
    shown = opened(
        model="nobody", at="never", **{"from": "5e9", "to": "nan", "in": "nowhere", "group": "-3", "first": "x"}
    )
    seen = view(shown)
    assert (seen.model, seen.group, seen.window_s) == (None, None, seen.run_s)
    assert seen.first.section.name == "Single-device replication"


def test_a_copy_joins_the_basket_and_its_pair_does_not_differ(shown):
    shown.button(key="placement.0.copy").click().run()
    assert [s.name for s in session(shown).scenario.placements][-1] == "8-stage groups (2)"
    shown.selectbox(key=shown_key(shown, "compare.first")).set_value("8-stage groups").run()
    shown.selectbox(key=shown_key(shown, "compare.second")).set_value("8-stage groups (2)").run()
    assert "8-stage groups (2) meets as many deadlines as 8-stage groups" in written(shown)


def test_choosing_the_other_of_the_pair_turns_it_round(shown):
    shown.button(key="placement.0.copy").click().run()
    before = view(shown)
    shown.selectbox(key=shown_key(shown, "compare.second")).set_value(before.first.section.name).run()
    assert (view(shown).first.section.name, view(shown).second.section.name) == (
        before.second.section.name, before.first.section.name
    )  # fmt: skip


def test_a_new_name_shows_on_the_page(shown):
    shown.text_input(key="placement.0.name").set_value("shared").run()
    assert "shared meets 26.1 points" in written(shown)


def test_one_placement_alone_says_what_to_do(shown):
    shown.button(key="placement.1.remove").click().run()
    assert "Add another one" in shown.info[0].value and not shown.error


def test_the_tables_hold_every_model_and_every_group(shown):
    results = compare(session(shown).scenario).results
    tables = [frame.value for frame in shown.dataframe]
    models = next(t for t in tables if "difference" in t and "model" in t)
    groups = next(t for t in tables if "max_queue" in t)
    assert len(models) == 24 and len(groups) == sum(len(r.groups) for r in results)
    row = models[models["model"] == "model-3"].iloc[0]
    gap = next(g.gap for g in model_differences(results[1], results[0]) if g.name == "model-3")
    assert (row["difference"], row["half_width"]) == pytest.approx((100 * gap.difference, 100 * gap.half_width))
    mine = results[0].workload.model == 3
    assert row["8-stage groups"] == pytest.approx(100 * results[0].in_slo[mine].mean())
    assert np.all(np.diff(models["difference"]) <= 0)


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ((0.1, 0.02), "meets 10.0 points (±2.0) more deadlines than"),
        ((-0.1, 0.02), "meets 10.0 points (±2.0) fewer deadlines than"),
        ((0.01, 0.02), "either may be the better one"),
        ((0.1, float("nan")), "too few requests"),
        ((0.0, 0.0), "meets as many deadlines as"),
        ((float("nan"), float("nan")), "nothing to compare"),
    ],
)
def test_a_difference_is_said_with_its_direction_and_its_certainty(shown, gap, said):
    assert said in difference_in_words(PairedDifference(*gap), view(shown))


def test_the_ranked_table_says_of_every_placement_what_its_run_says(shown):
    seen, answer = view(shown), session(shown).answer
    rows = ranked_rows(seen, answer)
    attained = [row.figures.total.slo_attainment for row in rows]
    assert attained == sorted(attained, reverse=True) and len(rows) == len(answer.shown)
    results = {r.name: r for r in compare(session(shown).scenario).results}
    page, table = written(shown), as_frame(rows, seen).set_index("placement")
    for row in rows:
        result, gap = results[row.name], paired_difference(results[seen.first.section.name], results[row.name])
        missed = int((~result.in_slo).sum())
        assert table.loc[row.name, "missed"] == missed and f"<td>{words.count(missed)}<small>of " in page
        p99_s = float(np.percentile(result.latency_s[result.ran], 99))
        assert table.loc[row.name, "p99_s"] == pytest.approx(p99_s) and f"<td>{words.duration(p99_s)}</td>" in page
        assert table.loc[row.name, "difference_points"] == pytest.approx(100 * gap.difference)
        assert table.loc[row.name, "usd_per_hour"] == pytest.approx(
            answer.inputs.problem.cluster.usd_per_hour * row.entry.outcome.placement.devices / 16
        )
        assert (
            "".join(f"{part}<small>" for part in difference_cell(row.difference, row.entry is seen.first)[:1]) in page
        )


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ((0.1, 0.02), ("+10.0 points", "±2.0")),
        ((-0.1, 0.02), ("−10.0 points", "±2.0")),
        ((0.01, 0.02), ("+1.0 points", "±2.0, within noise")),
        ((0.1, float("nan")), ("+10.0 points", "too few requests to tell")),
        ((0.0, 0.0), ("same", "")),
        ((float("nan"), float("nan")), ("–", "no request")),
    ],
)
def test_a_difference_in_the_table_says_how_sure_it_is(shown, gap, said):
    seen = view(shown)
    row = Row(seen.second, seen.second.outcome.figures, PairedDifference(*gap), 0.0)
    assert difference_cell(row.difference, row.entry is seen.first) == said
    assert difference_cell(row.difference, True)[1] == "compared against"


def test_a_moment_is_told_as_it_is_counted(shown):
    entry = view(shown).second
    result = entry.outcome.result
    for at_s in result.workload.arrival_s[::5000]:
        now = moment(result, float(at_s))
        text, rows = describe_moment(now), moment_rows(entry, now)
        busy, stages = sum(row["stages that compute"] for row in rows), sum(row["stages"] for row in rows)
        waiting = sum(row["waiting"] for row in rows)
        assert text.startswith(f"{busy} of {stages} stages compute, {words.plural(waiting, 'request')} wait")
        between = sum(row["between stages"] for row in rows)
        assert (f"({words.count(between)} between stages)" in text) == bool(between)
        assert not waiting or f", {max(row['waiting'] for row in rows)} at group" in text


def test_so_many_models_look_clear_by_chance_as_the_level_of_the_intervals_says():
    assert "about 3 of 60 would have a dark bar" in chance_note(60) and "by chance" not in chance_note(2)
