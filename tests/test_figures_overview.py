"""The strip of the whole run and the life of one request: figures by their data."""

import numpy as np
import pytest

from app.figures.life import build_life_figure, deadline_after_s, request_steps
from app.figures.overview import build_overview_figure, describe_overview
from app.look.theme import DARK
from tests.figure_cases import compared, named, traces_of


def test_the_strip_shows_the_rate_of_the_whole_run_and_selects_stretches():
    timeline = compared().timelines[0]
    figure = build_overview_figure(
        timeline.edges_s, timeline.arrivals / np.diff(timeline.edges_s), (10.0, 20.0),
        waiting=[(1, compared().timelines[1].mean_queue.sum(axis=0))],
    )  # fmt: skip
    seconds = np.diff(timeline.edges_s)
    assert np.array_equal(named(figure, "arrivals").y[:-1], timeline.arrivals / seconds)
    assert (figure.layout.dragmode, figure.layout.selectdirection) == ("select", "h")
    (window,) = figure.layout.shapes
    assert (window.x0, window.x1) == (10.0, 20.0)
    assert named(figure, "waiting").y.max() == pytest.approx((timeline.arrivals / seconds).max())


def test_the_strip_says_which_part_of_the_run_is_shown():
    timeline = compared().timelines[0]
    assert "10.0 to 20.0" in describe_overview(timeline.edges_s, (10.0, 20.0))
    assert "whole run" in describe_overview(timeline.edges_s, (timeline.edges_s[0], timeline.edges_s[-1]))


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
    with pytest.raises(LookupError):
        build_life_figure(result, spans, rejected)
