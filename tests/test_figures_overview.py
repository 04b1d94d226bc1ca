"""The strip of the whole run, the columns to click, and the life of one request: figures by their data."""

import numpy as np
import pytest

from app.figures.life import build_life_figure, deadline_after_s, request_steps
from app.figures.over_time import build_over_time_figure
from app.figures.overview import add_click_columns, build_overview_figure, describe_overview
from app.look.theme import DARK, LIGHT
from tests.figure_cases import compared, named, traces_of

ROWS = ("arrivals", "attainment", "rejected", "queue", "utilization")


def test_the_strip_shows_the_rate_of_the_whole_run_and_selects_stretches():
    timeline = compared().timelines[0]
    figure = build_overview_figure(timeline, (10.0, 20.0), at_s=12.0, queues=[(1, compared().timelines[1])])
    seconds = np.diff(timeline.edges_s)
    assert np.array_equal(named(figure, "arrivals").y[:-1], timeline.arrivals / seconds)
    assert (figure.layout.dragmode, figure.layout.selectdirection) == ("select", "h")
    window, moment = figure.layout.shapes
    assert (window.x0, window.x1, moment.x0) == (10.0, 20.0, 12.0)
    assert named(figure, "waiting").y.max() == pytest.approx((timeline.arrivals / seconds).max())


def test_the_strip_says_which_part_of_the_run_is_shown():
    timeline = compared().timelines[0]
    assert "10.0 to 20.0" in describe_overview(timeline, (10.0, 20.0))
    assert "whole run" in describe_overview(timeline, (timeline.edges_s[0], timeline.edges_s[-1]))


def test_every_bin_of_every_row_is_a_column_within_the_rows_axis():
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, LIGHT, rows=ROWS)
    add_click_columns(figure, case.names, case.timelines, ROWS, LIGHT)
    columns = [trace for trace in figure.data if trace.meta == "columns"]
    assert len(columns) == 3 + 2 * len(case.names)
    edges_s = case.timelines[0].edges_s
    for column in columns:
        assert np.allclose(column.x - column.width / 2, edges_s[:-1])
        others = [t for t in figure.data if t.yaxis == column.yaxis and t.meta != "columns" and t.type == "scatter"]
        highest = max((np.nanmax(t.y) for t in others), default=None)
        if highest:
            assert column.base + column.y.max() <= max(highest, 104.0)
    assert all(trace.hoverinfo == "skip" for trace in figure.data if trace.meta != "columns")


def test_columns_say_what_lies_beneath_them():
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, LIGHT, rows=ROWS)
    add_click_columns(figure, case.names, case.timelines, ROWS, LIGHT)
    columns = [trace for trace in figure.data if trace.meta == "columns"]
    busiest = int(np.argmax(case.timelines[0].arrivals))
    assert "req/s" in columns[0].hovertext[busiest]
    assert columns[2].hovertext[busiest].count("rejected") == len(case.names)
    single = case.timelines[0].mean_queue[:, busiest]
    group = int(np.argmax(single))
    assert columns[3].hovertext[busiest].startswith(f"group {group}: ")
    assert f"at most {case.timelines[0].max_queue[group, busiest]}" in columns[3].hovertext[busiest].split("<br>")[0]


def test_the_rejected_row_counts_every_rejected_request():
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, LIGHT, rows=("rejected",))
    lines = [trace for trace in traces_of(figure, "scatter") if trace.meta == "rejected"]
    for line, timeline in zip(lines, case.timelines, strict=True):
        assert np.sum(line.y[:-1] * np.diff(timeline.edges_s)) == pytest.approx(timeline.rejected.sum())


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_steps_of_a_request_join_its_arrival_to_its_answer(index):
    result, spans = compared().results[index], compared().spans[index]
    for request in spans.request[:40].tolist():
        steps = request_steps(result, spans, request)
        latency_s = result.finish_s[request] - result.workload.arrival_s[request]
        assert steps[0][1] == 0
        assert steps[-1][2] == pytest.approx(latency_s)
        ends, begins = [step[2] for step in steps[:-1]], [step[1] for step in steps[1:]]
        assert ends == pytest.approx(begins, abs=2e-6)
        stages = sum(is_stage for *_, is_stage in steps)
        assert stages == result.groups[result.group[request]].group.pp


def test_the_life_of_a_request_is_drawn_against_its_deadline():
    result, spans = compared().results[1], compared().spans[1]
    request = int(spans.request[0])
    figure = build_life_figure(result, spans, request, DARK, 1)
    assert figure.layout.shapes[0].x0 == pytest.approx(1000 * deadline_after_s(result, request)) == 1600
    (bars,) = traces_of(figure, "bar")
    assert np.all(bars.x > 0)


def test_a_request_that_never_ran_has_no_picture():
    result, spans = compared().results[0], compared().spans[0]
    rejected = int(np.flatnonzero(~result.ran)[0])
    assert build_life_figure(result, spans, rejected) is None
