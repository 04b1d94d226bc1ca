"""Figures of the further pages show the numbers they are given, keep their budgets, and draw any run."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures import capacity, cluster, compare, gantt, over_time, placement, plan, profile, search, trace
from app.look import words
from app.look.theme import DARK, LIGHT, placement_style
from planner.compare import MeasuredPlacement
from planner.explain import ModelDifference, PairedDifference, model_differences
from planner.parallelise.architectures import load_architectures
from planner.parallelise.hardware import load_hardware
from planner.parallelise.profile_model import profile_model
from planner.scenario.schema import PlacementSection
from planner.search.holding import CHOICE
from planner.search.result import Alternative, SearchResult, Step
from planner.what_if.faults import Fault
from planner.what_if.plan import CapacityPlan, Tried
from planner.what_if.points import Point, PointResult
from planner.what_if.sweep import Sweep
from simulator import (
    Cluster,
    Group,
    InputError,
    Placement,
    Schedule,
    Serving,
    build_timeline,
    measure,
    simulate,
    stage_spans,
)
from simulator.arrivals import gamma_arrivals
from simulator.loads import list_waits
from simulator.pairs import PairedOutcomes, pair_outcomes
from simulator.timeline import run_span_s
from simulator.traces.bursts import Burst
from tests.cases import random_case
from tests.figure_cases import compared, named, traces_of


def differences_of(first, second):
    return model_differences(first, second), (first.name, second.name)


def test_a_bar_a_model_says_who_is_better_and_how_surely():
    case = compared()
    differences, names = differences_of(*case.results[:2])
    figure = compare.build_differences_figure(differences, names)
    (bars,) = traces_of(figure, "bar")
    drawn = [row for row in differences if row.gap.difference]
    assert bars.x == pytest.approx([100 * row.gap.difference for row in drawn]) and np.all(np.diff(bars.x) <= 0)
    before, after = (dict(figures.models) for figures in case.figures[:2])
    for row, colour, told in zip(drawn, bars.marker.color, bars.customdata, strict=True):
        assert row.gap.difference == pytest.approx(after[row.name].slo_attainment - before[row.name].slo_attainment)
        style = placement_style(int(row.gap.difference > 0), LIGHT)
        assert colour == (style.colour if row.gap.is_clear else style.tint)
        assert ("uncertainty" in told[1] or "too few" in told[1]) == (not row.gap.is_clear)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=90),
    st.sampled_from((0.0, 0.02, math.nan)),
)
def test_gains_and_losses_are_both_drawn_however_many_models(points, half_width):
    rows = [ModelDifference(f"m{i}", 100, 0.5, 0.5 + p / 100, PairedDifference(p / 100, half_width))
            for i, p in enumerate(sorted(points, reverse=True))]  # fmt: skip
    gains, losses = compare.extremes(rows)
    wins, loses = sum(p > 0 for p in points), sum(p < 0 for p in points)
    assert [row.name for row in gains] == [row.name for row in rows[: len(gains)]]
    assert [row.name for row in losses] == [row.name for row in rows[len(rows) - len(losses) :]]
    assert len(gains) + len(losses) == min(wins + loses, compare.MOST_MODELS)
    assert len(gains) >= min(wins, compare.MOST_MODELS // 2) and len(losses) >= min(loses, compare.MOST_MODELS // 2)
    clear = [p for p in points if abs(p / 100) > half_width]
    text = compare.describe_differences(rows, ("A", "B"))
    if clear:
        gain, lose = sum(p > 0 for p in clear), sum(p < 0 for p in clear)
        assert text.startswith(f"{gain} of {words.plural(len(points), 'model')} clearly gain")
        assert f" with B, {lose} lose" in text
    else:
        assert text.startswith("No model clearly differs between B and A")
    assert (f"of {len(points) - len(clear)} this run cannot tell" in text) == (len(clear) < len(points))
    figure = compare.build_differences_figure(rows, ("A", "B"))
    left_out = len(points) - len(gains) - len(losses)
    assert any(f"{left_out} model" in (a.text or "") for a in figure.layout.annotations) == bool(left_out)


def test_models_that_do_not_differ_have_an_interval_around_nothing():
    result = compared().results[0]
    rows = model_differences(result, result)
    assert {row.gap.difference for row in rows} == {0.0} and not any(row.gap.is_clear for row in rows)
    assert sum(row.requests for row in rows) == len(result.workload)


def test_the_paired_bar_holds_all_four_counts():
    figure = compare.build_paired_figure(PairedOutcomes(50, 3, 40, 7), ("A", "B"))
    assert [trace.x[0] for trace in figure.data] == [50, 3, 40, 7]
    assert [trace.marker.color for trace in figure.data][1:] == [LIGHT.hues[0], LIGHT.hues[1], LIGHT.missed]
    assert compare.describe_paired(PairedOutcomes(50, 3, 40, 7), ("A", "B")).startswith("50 deadlines")


def test_the_gantt_chart_has_a_bar_for_every_execution_in_the_window():
    case = compared()
    result, spans = case.results[1], case.spans[1]
    figure = gantt.build_gantt_figure(result, spans, 10.0, 20.0)
    inside = (spans.begin_s < 20.0) & (spans.end_s > 10.0)
    assert sum(trace.x.size for trace in traces_of(figure, "bar")) == inside.sum()
    rejected = (result.status == 2) & (result.workload.arrival_s >= 10) & (result.workload.arrival_s < 20)
    marks = [trace for trace in figure.data if trace.name == "rejected"]
    assert sum(trace.x.size for trace in marks) == rejected.sum()
    assert all(trace.marker.color == LIGHT.missed for trace in marks)


def test_one_request_is_highlighted_in_the_hue_on_all_its_stages_and_models_are_grey():
    case = compared()
    result, spans = case.results[1], case.spans[1]
    request = int(spans.request[np.flatnonzero(spans.begin_s[:, 0] > 15.0)[0]])
    figure = gantt.build_gantt_figure(result, spans, 10.0, 60.0, LIGHT, 2, request=request)
    mine = named(figure, f"request {request}")
    assert mine.x.size == 4 and mine.marker.color == LIGHT.hues[2]
    others = next(bars for bars in traces_of(figure, "bar") if bars is not mine)
    requests = case.workload.requests_per_model()
    model = case.workload.model[others.customdata[:, 0].astype(int)]
    busiest = requests[model] == requests[np.unique(model)].max()
    assert set(np.asarray(others.marker.color)[busiest]) == {min(others.marker.color)}
    assert min(others.marker.color) < max(others.marker.color) <= LIGHT.models[1]


@pytest.mark.parametrize("index", [0, 1])
def test_lanes_show_how_many_wait_before_the_first_stage_and_between_stages(index):
    case = compared()
    result, spans = case.results[index], case.spans[index]
    waits = list_waits(result)
    bounds = {"before": (0, waits.before_first), "between": (waits.before_first, waits.group.size)}
    for g in range(len(result.groups)):
        for kind in gantt.lane_kinds(result.groups[g].group.pp):
            at_s, level = gantt._level(waits, gantt._Lane(g, kind, 0), 5.0, 30.0)
            low, high = bounds[kind]
            assert at_s[0] == 5.0 and at_s[-1] < 30.0
            mine = [w for w in range(low, high) if waits.group[w] == g]
            for moment_s, count in zip(at_s, level, strict=True):
                assert count == sum(waits.from_s[w] <= moment_s < waits.to_s[w] for w in mine)
    figure = gantt.build_gantt_figure(result, spans, 5.0, 30.0, LIGHT, waits=waits)
    lanes = sum(len(gantt.lane_kinds(placed.group.pp)) for placed in result.groups)
    assert sum("waiting" in text for text in figure.layout.yaxis.ticktext) == lanes


def test_late_requests_are_marked_in_red_at_the_end_of_their_last_stage():
    case = compared()
    result, spans = next((r, s) for r, s in zip(case.results, case.spans, strict=True) if (r.status == 1).any())
    marks = named(gantt.build_gantt_figure(result, spans, 0.0, 100.0), "late")
    assert sorted(marks.customdata[:, 0]) == np.flatnonzero(result.status == 1).tolist()
    assert marks.marker.color == LIGHT.missed


def test_a_window_with_too_many_bars_is_refused_with_one_that_fits(monkeypatch):
    case = compared()
    monkeypatch.setattr(gantt, "MOST_BARS", 100)
    figure = gantt.build_gantt_figure(case.results[1], case.spans[1], 0.0, 60.0)
    assert not figure.data and "Choose a window of about" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_groups_that_are_not_asked_for_are_not_drawn():
    case = compared()
    figure = gantt.build_gantt_figure(case.results[0], case.spans[0], 0.0, 60.0, groups=[2, 5])
    drawn = {where.partition(", ")[0] for bar in traces_of(figure, "bar") for where in bar.customdata[:, 2]}
    assert drawn == {"group 2", "group 5"}


def test_the_life_of_a_request_is_told_in_plain_words():
    result = compared().results[1]
    served = int(np.flatnonzero(result.status == 0)[0])
    latency = gantt.words.duration(float(result.latency_s[served]))
    text = gantt.describe_request(result, served)
    assert "ran on 4 stages" in text and f"answered {latency} after its arrival" in text and "to spare" in text
    rejected = int(np.flatnonzero(result.status == 2)[0])
    assert gantt.describe_request(result, rejected).endswith("rejected.")
    unplaced = compared().results[2]
    assert "unplaced" in gantt.describe_request(unplaced, int(np.flatnonzero(unplaced.status == 3)[0]))


def test_a_request_that_is_not_there_is_named():
    result = compared().results[1]
    with pytest.raises(InputError, match=f"from 0 to {len(result.workload) - 1} are allowed"):
        gantt.describe_request(result, len(result.workload))


def test_an_edit_is_shown_as_kept_dropped_and_added():
    case = compared()
    before = Placement((Group(4, 1, ("m0", "m1")), Group(4, 1, ("m2",))), "a")
    after = Placement((Group(4, 1, ("m1", "m3")), Group(2, 2, ("m2",))), "b")
    cells = named(placement.build_change_figure(before, after, case.models), "replicas").z
    assert cells.tolist() == [[2, 0], [1, 0], [0, 1], [3, 0]]
    assert placement.describe_change(before, after) == "1 replica added, 1 dropped, 1 group reshaped"


def test_the_rate_line_keeps_every_request():
    edges_s, rate = np.linspace(0, 100, 51), np.random.default_rng(0).uniform(1, 9, 50)
    figure = trace.build_rate_figure(edges_s, rate, bursts=[Burst(10, 5, 40, 2.0)], window_s=(0, 50))
    assert (named(figure, "rate").y[:-1] * 2).sum() == pytest.approx(rate.sum() * 2)
    assert trace.describe_rate(edges_s, rate).count("req/s") == 2


def test_the_gaps_of_gamma_arrivals_lie_on_their_fit():
    arrival_s = gamma_arrivals(20.0, 2.0, 2000.0, 0)
    figure = trace.build_gaps_figure(arrival_s)
    line, fit = figure.data
    assert line.x.size <= 1000
    at = np.interp(0.2, line.x[::-1], line.y[::-1])
    assert np.interp(0.2, fit.x, fit.y) == pytest.approx(at, rel=0.1)
    assert "burstier than Poisson's" in trace.describe_gaps(arrival_s)


def test_the_skew_bars_add_up_to_everything():
    sources = [(f"f{i}", 1000.0 / (i + 1)) for i in range(50)]
    bars = named(trace.build_skew_figure(sources), "share")
    assert bars.x.sum() == pytest.approx(100) and bars.x.size == trace.MOST_SOURCES + 1
    curve = named(trace.build_share_curve_figure(sources), "trace")
    assert curve.y[0] == 0 and curve.y[-1] == pytest.approx(100) and curve.y[1] == pytest.approx(bars.x[0])


def curve(name="A", crossing=16.0):
    return capacity.Curve(name, np.array([8.0, 16.0, 24.0]), np.array([0.8, 0.99, 1.0]), np.full(3, 0.01), crossing)


def test_capacity_curves_show_what_was_tried_and_mark_the_crossing():
    figure = capacity.build_capacity_figure([curve(), curve("B", None)], 0.99)
    assert named(figure, "A").y.tolist() == [80, 99, 100]
    mark = named(figure, "A reaches the target")
    assert mark.x[0] == 16 and mark.y[0] == 99
    text = capacity.describe_capacity([curve(), curve("B", None)], 0.99)
    assert "16 devices with A" in text and "1 other does not reach it" in text


def test_a_capacity_plan_becomes_the_curve_of_what_it_tried():
    tried = (Tried(8, 0.8, 0.01, None), Tried(16, 0.995, math.nan, None))
    drawn = capacity.curve_of_plan(CapacityPlan("A", 0.99, 16, None, None, None, None, None, (), tried))
    assert (drawn.value.tolist(), drawn.attainment.tolist(), drawn.crossing) == ([8, 16], [0.8, 0.995], 16)


def test_a_sweep_becomes_one_curve_a_placement_with_its_crossing():
    case = compared()
    outcomes = [MeasuredPlacement(f.name, p, None, f) for f, p in zip(case.figures, case.placements, strict=True)]
    rows = [("A", 2.0, outcomes[1]), ("A", 1.0, outcomes[0]), ("B", 1.0, outcomes[2]), ("B", 2.0, None)]
    results = tuple(PointResult(Point(PlacementSection(name=name, groups=[]), (("rate_scale", rate),)), outcome)
                    for name, rate, outcome in rows)  # fmt: skip
    target = case.figures[0].total.slo_attainment
    first, second = capacity.curves_of_sweep(Sweep((("rate_scale", (1.0, 2.0)),), results, True), target)
    attained = [figures.total.slo_attainment for figures in case.figures]
    assert (first.name, first.value.tolist(), first.attainment.tolist()) == ("A", [1, 2], attained[:2])
    # What was not computed is a gap, never a point at 0.
    assert second.attainment[0] == attained[2]
    assert math.isnan(second.attainment[1]) and math.isnan(second.half_width[1])
    assert first.crossing == (2.0 if attained[1] >= target else 1.0)


def test_the_price_is_that_of_the_devices_at_the_crossing():
    figure = capacity.build_cost_figure([curve(), curve("B", None)], 3.0, 0.99)
    assert named(figure, "cost").x[0] == 48 and math.isnan(named(figure, "cost").x[1])


def test_the_map_follows_the_most_traffic_at_the_target():
    attainment = np.array([[0.99, 1.0, 1.0], [0.9, 0.99, 1.0], [0.995, 0.9, 0.992]])
    figure = capacity.build_rate_map_figure(np.array([8.0, 16, 24]), np.array([1.0, 2, 3]), attainment, 0.99, "A")
    assert named(figure, "most traffic at the target").y.tolist() == [1, 2, 3]


def test_faults_are_drawn_worst_first():
    faults = [Fault("device", 0, 4, (0,), (), 0.7), Fault("node", 0, 4, (0, 1), ("m1",), 0.3)]
    figure = capacity.build_faults_figure(faults, 0.97)
    assert figure.data[0].x.tolist() == pytest.approx([30, 70])
    assert list(figure.layout.yaxis.ticktext) == ["node 0", "a device of group 0"]
    assert "30.0" in capacity.describe_faults(faults, 0.97)


def found(scores):
    empty = Placement((), "p")
    steps = tuple(
        Step("greedy", f"add {i}", empty, s, 0.1 * i, 10 * i, (Alternative("other", s - 0.01),))
        for i, s in enumerate(scores)
    )
    return SearchResult("greedy", empty, scores[-1], 1.0, 10 * len(scores), "done", steps)


def test_the_score_line_is_the_history_of_the_search():
    figure = search.build_score_figure([("A", found([0.2, 0.5, 0.8]))], bound=0.9, step=1)
    assert named(figure, "A").y == pytest.approx([20, 50, 80]) and named(figure, "A").x.tolist() == [0, 10, 20]
    assert named(figure, "this step").y[0] == 50
    over_time_x = search.build_score_figure([("A", found([0.2, 0.5]))], over="seconds").data[0].x
    assert over_time_x == pytest.approx([0.0, 0.1])


def test_the_best_so_far_only_rises_where_the_answer_was_chosen_for_other_days():
    rising = found([0.2, 0.5, 0.499])
    chosen = replace(rising, steps=(*rising.steps[:-1], replace(rising.steps[-1], phase=CHOICE)))
    figure = search.build_score_figure([("A", chosen)])
    assert named(figure, "A").y == pytest.approx([20, 50, 50])
    assert named(figure, "the answer, which holds on other days").y == pytest.approx([49.9])
    said = search.describe_score([("A", chosen)]).replace("\u00a0", " ")
    assert "reaches 50.0 %" in said and "answers with 49.9 %, which holds better on other days" in said
    # A filling goes on though a replica did harm; nothing was chosen there.
    assert named(search.build_score_figure([("A", rising)]), "A").y == pytest.approx([20, 50, 49.9])


def test_the_alternatives_of_a_step_stand_beneath_what_was_chosen():
    step = found([0.2, 0.5]).steps[1]
    figure = search.build_alternatives_figure(step)
    assert figure.data[0].x == pytest.approx([50, 49]) and "−1.0 points" in search.describe_alternatives(step)


def test_scaling_follows_the_profile():
    case = compared()
    inter, intra, copies = profile.scaling(case.models[0].profile).values()
    assert inter.tolist() == [[1, 0.4, 2.5, 4.0], [4, pytest.approx(0.4), pytest.approx(10), pytest.approx(4.0)]]
    assert intra[:, 0].tolist() == [1] and copies[:, 0].tolist() == [1, 4]
    assert copies[1, 1:].tolist() == pytest.approx([0.4, 10, 16])
    assert len(profile.build_scaling_figure(case.models[0].profile).data) == 9


@pytest.fixture(scope="module")
def modelled():
    device = next(d for name, d in load_hardware().items() if "v100" in name.lower())
    architecture = load_architectures()["bert-1.3b"]
    return [profile_model(architecture, device, 4, 2, (1,), cut=cut) for cut in ("dynamic", "equal")]


def test_the_parts_of_the_overhead_add_up_to_the_pipeline(modelled):
    plans = modelled[0].plans
    figure = profile.build_overhead_figure(plans)
    total_ms = sum(bar.y for bar in figure.data if bar.xaxis == "x")
    assert total_ms == pytest.approx([1000 * n * plans[n, 1].slowest_s() for n in (1, 2, 4)])
    assert "with 4 stages" in profile.describe_overhead(plans)


def test_both_cuts_are_set_side_by_side(modelled):
    dynamic, equal = ({pp: plan for (pp, tp), plan in m.plans.items() if tp == 1} for m in modelled)
    figure = profile.build_cut_comparison_figure(dynamic, equal)
    assert (named(figure, "dynamic program").y <= named(figure, "equal layers").y + 1e-9).all()
    drawn = profile.build_cut_figure(modelled[0].operators, [("a", dynamic[4]), ("b", equal[4])])
    assert all(bar.y.size == len(modelled[0].operators) for bar in drawn.data)
    stages = ["stage 1", "stage 2", "stage 3", "stage 4"]
    assert [sorted(set(bar.customdata[:, 1])) for bar in drawn.data] == [stages] * 2


def figures_of_a_run(models, placed, workload, theme):
    result = simulate(models, placed, workload, Serving())
    figures, spans = measure(result), stage_spans(result)
    start_s, end_s = run_span_s(result)
    timelines = [build_timeline(result, 20, start_s, end_s + 1e-3)]
    first = placed.epochs[0][1] if isinstance(placed, Schedule) else placed
    fits = Cluster(max(placed.devices, 1), 1000.0, 2)
    sources = [(model.name, float(n)) for model, n in zip(models, workload.requests_per_model(), strict=True)]
    return [
        plan.build_attainment_figure([figures], theme), plan.build_latency_figure([result], theme),
        plan.build_missers_figure(figures, theme), cluster.build_cluster_figure(first, models, fits, theme),
        over_time.build_over_time_figure([result.name], timelines, theme, over_time.KINDS),
        compare.build_differences_figure(model_differences(result, result), ("a", "b"), theme),
        compare.build_paired_figure(pair_outcomes(result, result), ("a", "b"), theme),
        gantt.build_gantt_figure(result, spans, start_s, end_s + 1, theme, waits=list_waits(result), request=0),
        placement.build_change_figure(first, first, models, theme),
        trace.build_gaps_figure(workload.arrival_s, theme), trace.build_skew_figure(sources, theme),
        trace.build_share_curve_figure(sources, theme),
    ]  # fmt: skip


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 2), st.sampled_from((LIGHT, DARK)))
def test_any_run_can_be_drawn_with_finite_layouts_and_every_title_without_nan(seed, epochs, theme):
    for figure in figures_of_a_run(*random_case(seed, epochs), theme):
        assert figure.layout.template.layout.paper_bgcolor == theme.background
        assert figure.layout.uirevision and figure.layout.height > 0
        assert "nan" not in (figure.layout.title.text or "")
        ranges = [axis.range for kind in "xy" for axis in getattr(figure, f"select_{kind}axes")() if axis.range]
        assert np.isfinite(np.array(ranges, dtype=np.float64)).all()
        assert "scattergl" not in {drawn.type for drawn in figure.data}


def test_a_run_without_groups_or_without_requests_is_drawn_too():
    case = compared()
    figures_of_a_run(case.models, Placement((), "nothing"), case.workload, LIGHT)
    figures_of_a_run(case.models, case.placements[1], case.workload.window(0.0, 1e-9), LIGHT)


@given(rates=st.lists(st.floats(0.01, 900.0), min_size=2, max_size=40), width_s=st.sampled_from([0.5, 60.0, 3600.0]))
def test_the_title_of_arrivals_says_the_mean_and_the_highest_bin_that_are_drawn(rates, width_s):
    edges_s = width_s * np.arange(len(rates) + 1)
    figure = trace.build_rate_figure(edges_s, np.array(rates))
    (drawn,), mean = [t for t in figure.data if t.name == "rate"], figure.layout.shapes[0].y0
    width, peak = words.span(width_s), words.rate(float(max(drawn.y)))
    said = trace.describe_rate(edges_s, np.array(rates))
    assert said.startswith(f"{words.rate(float(mean))} on average; the peak of {width} is {peak} at ")
    title = f"The busiest {width} bring {peak}, {words.number(max(drawn.y) / mean)} times the mean"
    assert figure.layout.title.text.replace("<br>", " ") == title
    assert np.isclose(mean, np.mean(drawn.y[:-1]))
