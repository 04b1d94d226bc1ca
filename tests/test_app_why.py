"""The lesson on sharing: what stands on the page is simulated, or follows from a formula."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.figures.lesson import (
    DEDICATED,
    SHARED,
    build_burst_figure,
    build_overhead_limits_figure,
    burst_executions,
    describe_overhead_limits,
)
from app.look.words import duration
from app.panels.why import Settings, closed_forms_s
from planner.theory.queueing import largest_alpha
from planner.theory.two_models import LATENCY_S, serve_burst, serve_traffic
from tests.cases import shown_key

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "why.py")


@pytest.fixture
def view():
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not at.exception and not at.error
    return at


def said(at):
    return " ".join(e.proto.body for e in at.get("html"))


def test_the_lesson_begins_with_the_papers_burst(view):
    assert "(1 + 2 + 3 + 4) y / 4 = 2.5 y" in said(view)
    assert "(1.1 + 1.6 + 2.1 + 2.6) y / 4 = 1.85 y" in said(view)


def test_the_means_on_the_page_are_simulated(view):
    view.slider(key=shown_key(view, "why_rate")).set_value(2.0).run()
    view.slider(key=shown_key(view, "why_cv")).set_value(3.0).run()
    view.slider(key=shown_key(view, "why_alpha")).set_value(1.1).run()
    for mean_s in serve_traffic(2.0, 3.0, 0.5, 1.1).mean_latency_s():
        assert duration(mean_s) in said(view)


def test_a_case_of_the_paper_sets_the_sliders(view):
    view.button(key="case:Skewed, 20 to 80").click().run()
    assert view.slider(key=shown_key(view, "why_share")).value == 20
    assert duration(serve_traffic(3.0, 1.0, 0.2).mean_latency_s()[0]) in said(view)


def test_at_the_rim_of_the_sliders_the_page_still_stands(view):
    view.slider(key=shown_key(view, "why_rate")).set_value(4.9).run()
    view.slider(key=shown_key(view, "why_share")).set_value(0).run()
    view.slider(key=shown_key(view, "why_alpha")).set_value(1.6).run()
    assert not view.exception and not view.error
    assert "for ever" in said(view)
    view.slider(key="burst_size").set_value(1).run()
    view.slider(key="hop").set_value(0).run()
    assert "Neither is faster" in said(view)


def test_the_drawn_bars_are_the_simulated_stages():
    both = serve_burst(4, 0.1)
    rows = burst_executions(both)
    assert np.array_equal(rows[DEDICATED][:, 2:4], [[0, 1], [1, 2], [2, 3], [3, 4]])
    second = rows[SHARED][rows[SHARED][:, 0] == 3]
    np.testing.assert_allclose(second[:, 3], [1.1, 1.6, 2.1, 2.6])


def test_the_play_begins_with_nothing_and_ends_with_everything():
    figure = build_burst_figure(serve_burst(4, 0.1))
    first, last = figure.frames[0].data, figure.frames[-1].data
    assert sum(bar.x.sum() for bar in first) == 0
    assert [bar.x.sum() for bar in last] == pytest.approx([4.0, 4.0])
    half = next(frame for frame in figure.frames if frame.name == "1")
    assert half.data[0].x.sum() == pytest.approx(1.0) and half.data[1].x.sum() == pytest.approx(1.4)


def test_the_curve_turns_from_enough_to_too_much_at_alpha_max():
    limit = largest_alpha(1.0)
    assert describe_overhead_limits(1.0, limit - 0.001).endswith("is no more")
    assert describe_overhead_limits(1.0, limit + 0.001).endswith("is more")
    assert describe_overhead_limits(1.0, 1.1).startswith("Poisson, evenly split")
    assert "cannot keep up" in describe_overhead_limits(2.5, 1.0)
    curve = build_overhead_limits_figure(1.0, 1.1).data[0]
    assert np.interp(1.0, curve.x, curve.y) == pytest.approx(limit, abs=1e-4)


def test_formulas_stand_beside_what_is_simulated():
    settings = Settings(3.0, 1.0, 0.5, 1.0)
    means = serve_traffic(3.0, duration_s=100_000).mean_latency_s()
    np.testing.assert_allclose(closed_forms_s(settings), means, rtol=0.03)
    assert settings.load == pytest.approx(3 * LATENCY_S)
