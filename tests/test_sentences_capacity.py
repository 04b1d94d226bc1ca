"""Sentences and titles of the Capacity page are computed again from their numbers, and quote what is drawn."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures import capacity
from app.look import words
from app.panels.capacity_sweeps import MOST_SIMULATED, _too_much
from planner.what_if.faults import Fault
from planner.what_if.variation import VARIATIONS
from tests.figure_cases import named, traces_of


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def curve_of(name, attainment, crossing, half_width=0.0):
    values = np.arange(1.0, 1 + len(attainment))
    drawn = np.array([math.nan if a is None else a for a in attainment], dtype=np.float64)
    return capacity.Curve(name, values, drawn, np.full(drawn.size, half_width), crossing)


def run_from_the_easy_end(attainment, target, axis, at_least=0.0):
    """The crossing as Sweep.crossing has it; at_least: what the interval takes off."""
    last, values = None, list(enumerate(attainment, start=1))
    for value, met in values if VARIATIONS[axis][1] else values[::-1]:
        if met is None or met - at_least < target:
            break
        last = float(value)
    return last


_CURVES = st.integers(1, 5).flatmap(lambda n: st.lists(
    st.lists(st.sampled_from((None, 0.5, 0.9, 0.95, 1.0)), min_size=n, max_size=n), min_size=1, max_size=7,
))  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(_CURVES, st.sampled_from(tuple(VARIATIONS)), st.sampled_from((0.0, 0.07)))
def test_what_keeps_the_target_is_told_as_the_curves_show_it(attained, axis, half_width):
    target = 0.9
    curves = [curve_of(f"p{i}", row, run_from_the_easy_end(row, target, axis, half_width), half_width)
              for i, row in enumerate(attained)]  # fmt: skip
    text = plain(capacity.describe_capacity(curves, target, axis))
    reached = [c for c in curves if c.crossing is not None]
    points = [any(met is not None and met >= target for met in row) for row in attained]
    if not reached:
        assert text.startswith("None reaches 90 %")
        assert text.endswith(("in this range", "could be computed")) == (not any(points))
        if not any(points):
            assert text.endswith("in this range") == (not any(met is None for row in attained for met in row))
        return
    assert text.startswith("90 % is ")
    least = not VARIATIONS[axis][1]
    ranked = sorted((c.crossing for c in reached), reverse=not least)
    shown = [float(at) for at in re.findall(r"([\d.]+)(?: devices?)? with p\d", text)]
    assert shown == ranked[: capacity.MOST_NAMED]
    for at, name in re.findall(r"([\d.]+)(?: devices?)? with (p\d)", text):
        assert next(c for c in reached if c.name == name).crossing == float(at)
    if "kept" in text:
        assert ("kept down to" in text) == least
        for c in (c for c in reached if f"with {c.name}" in text):
            beyond = c.value < c.crossing if least else c.value > c.crossing
            assert not (c.attainment[beyond] >= target).any()
    more = len(reached) - len(shown)
    assert (f"; {more} more reach" in text) == (more > 0)
    missing = len(curves) - len(reached)
    assert (f"{missing} other" in text and "not reach it" in text) == (missing > 0)
    if text.endswith("not reach it"):
        assert not any(any_point for c, any_point in zip(curves, points, strict=True) if c.crossing is None)


@pytest.mark.parametrize("axis", ["devices", "rate_scale"])
@pytest.mark.parametrize("attained", [
    [[0.5, 0.9, 1.0], [0.5, 0.5, 0.95], [1.0, 0.9, 0.5]], [[None, 0.9], [0.9, None]], [[0.5, 0.6]], [[None, None]],
])  # fmt: skip
def test_the_title_over_the_curves_quotes_only_rings_and_the_target(attained, axis):
    curves = [curve_of(f"p{i}", row, run_from_the_easy_end(row, 0.9, axis)) for i, row in enumerate(attained)]
    figure = capacity.build_capacity_figure(curves, 0.9, axis=axis)
    if not figure.data:
        assert all(met is None for row in attained for met in row)
        return
    title = plain(figure.layout.title.text.replace("<br>", " "))
    assert ("None reaches" in title) == all(curve.crossing is None for curve in curves)
    rings = {t.name.split()[0]: float(t.x[0]) for t in figure.data if t.name.endswith("reaches the target")}
    for at, name in re.findall(r"([\d.]+)(?: devices?)? with (p\d)", title):
        assert rings[name] == float(at)
        line = named(figure, name)
        assert line.y[list(line.x).index(float(at))] >= figure.layout.shapes[0].y0 == 90


@given(st.integers(1, 4).flatmap(lambda rates: st.lists(
    st.lists(st.sampled_from((math.nan, 0.5, 0.9, 1.0)), min_size=rates, max_size=rates), min_size=1, max_size=4,
)))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_map_says_the_ends_of_its_line(columns):
    met = np.array(columns).T
    devices, rates = 8.0 * np.arange(1, met.shape[1] + 1), 0.5 * np.arange(1, met.shape[0] + 1)
    text = plain(capacity.describe_rate_map(devices, rates, met, 0.9))
    borne = {}
    for d, column in zip(devices, columns, strict=True):
        for rate, share in zip(rates, column, strict=True):
            if not share >= 0.9:
                break
            borne[int(d)] = rate
    if not borne:
        reached = bool((met >= 0.9).any())
        assert text == f"90 % is {'reached, but not from the least traffic on' if reached else 'nowhere reached'}"
    else:
        ends = [f"{d} devices {borne[d]:g}" for d in sorted({min(borne), max(borne)})]
        assert text == f"Most traffic at 90 %: {' and '.join(ends)}"


def test_the_map_draws_the_ends_that_it_names():
    met = np.array([[0.5, 0.9, 1.0], [0.9, 0.9, 1.0], [1.0, 0.5, 0.9]])
    devices, rates = np.array([8.0, 16.0, 24.0]), np.array([1.0, 2.0, 3.0])
    line = named(capacity.build_rate_map_figure(devices, rates, met, 0.9, "A"), "most traffic at the target")
    ends = " and ".join(f"{line.x[i]:.0f} devices {line.y[i]:.0f}" for i in (0, -1))
    assert plain(capacity.describe_rate_map(devices, rates, met, 0.9)) == f"Most traffic at 90 %: {ends}"


@pytest.mark.parametrize("crossings", [[None], [3], [4, 2], [2, 2, None], [9, None, 5, 7]])
@pytest.mark.parametrize("price", [0.5, 3.0])
def test_the_title_of_the_prices_quotes_the_cheapest_and_the_dearest_bar(crossings, price):
    curves = [curve_of(f"p{i}", [1.0], None if at is None else float(at)) for i, at in enumerate(crossings)]
    text, figure = capacity.describe_cost(curves, price, 0.99), capacity.build_cost_figure(curves, price, 0.99)
    known = [at * price for at in crossings if at is not None]
    if not known:
        assert "No algorithm reaches" in text and not figure.data
        return
    said = re.findall(r"\$\s[\d.]+\s/\sh", text)
    ends = [min(known)] if len(known) == 1 else [min(known), max(known)]
    assert said == [words.usd_per_hour(usd) for usd in ends]
    bars = [value for value in figure.data[0].text if value]
    assert set(said) <= set(bars) and sorted(bars) == sorted(words.usd_per_hour(usd) for usd in known)


@pytest.mark.parametrize(("devices", "nodes"), [(3, 2), (60, 2), (1, 60), (0, 2)])
@pytest.mark.parametrize("nodes_are_worse", [True, False])
def test_the_title_of_the_failures_quotes_only_bars_that_are_drawn(devices, nodes, nodes_are_worse):
    base = {"device": 0.5 if nodes_are_worse else 0.1, "node": 0.1 if nodes_are_worse else 0.5}
    faults = [Fault(what, i, 1, (i,), (), base[what] + 0.001 * i)
              for what, count in (("device", devices), ("node", nodes)) for i in range(count)]  # fmt: skip
    text, figure = capacity.describe_faults(faults, 0.97), capacity.build_faults_figure(faults, 0.97)
    (bars,) = traces_of(figure, "bar")
    assert len(bars.x) == min(len(faults), capacity.MOST_FAULTS) and np.all(np.diff(bars.x) >= 0)
    for what, count in (("device", devices), ("node", nodes)):
        assert (f"without the worst {what}" in text) == bool(count)
        if count:
            assert f"{words.share(base[what])} without the worst {what}" in text
            assert np.isclose(bars.x, 100 * base[what]).any()
    assert text.startswith(f"{words.share(0.97)} of deadlines") and figure.layout.shapes[0].x0 == 97
    assert not capacity.describe_faults([], 0.97).endswith(", ")


@given(st.integers(1, 10**6), st.integers(1, 12), st.lists(st.floats(0.01, 16), min_size=1, max_size=20))
def test_a_sweep_that_is_too_large_is_told_by_what_it_simulates(requests, sections, rates):
    answer = SimpleNamespace(inputs=SimpleNamespace(problem=SimpleNamespace(workload=range(requests))))
    axes = (("devices", (1.0, 2.0)), ("rate_scale", tuple(rates)))
    simulated = sum(requests * rate for _ in range(sections) for _ in (1, 2) for rate in rates)
    text = _too_much(answer, axes, [None] * sections)
    assert (text is None) == (simulated <= MOST_SIMULATED) or math.isclose(simulated, MOST_SIMULATED)
    if text is not None:
        assert f"{words.count(sections * 2 * len(rates))} points simulate" in text
        assert float(re.search("simulate ([\\d\u202f]+) requests", text).group(1).replace("\u202f", "")) == (
            pytest.approx(simulated, rel=1e-6)
        )


def test_the_axis_holds_whole_bars_and_no_tick_above_all_and_the_target_stands_beside_the_names():
    figure = capacity.build_capacity_figure([curve_of("p0", [0.5, 0.95, 1.0], 3.0, half_width=0.04)], 0.9)
    low, high = figure.layout.yaxis.range
    line = named(figure, "p0")
    assert low < min(y - below for y, below in zip(line.y, line.error_y.arrayminus, strict=True)) and high < 105
    (rule,) = [note for note in figure.layout.annotations if note.text.startswith("target")]
    assert rule.x == 1 and rule.xanchor == "left"
