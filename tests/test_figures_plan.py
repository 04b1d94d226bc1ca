"""The first page's figures show the simulator's numbers."""

from dataclasses import replace

import numpy as np
import pytest

from app.figures import gantt, over_time
from app.figures.cluster import MOST_BARS, build_cluster_figure, describe_cluster
from app.figures.drawing import MOST_POINTS, spread, thin
from app.figures.over_time import build_over_time_figure, describe_over_time
from app.figures.plan import (
    MOST_MODELS,
    build_attainment_figure,
    build_latency_figure,
    build_missers_figure,
    describe_attainment,
    describe_latency,
    describe_missers,
)
from app.look import words
from app.look.theme import DARK, DASHES, LIGHT, SYMBOLS, THEMES, mix, placement_style, plotly_template, tints
from simulator import Cluster, Group, Placement, Serving, build_timeline, simulate
from tests.cases import random_case
from tests.figure_cases import compared, named, traces_of


def oklab_lightness(colour):
    """Lightness of "#RRGGBB" in the OKLab space."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    return float(np.array([0.2105, 0.7936, -0.0041]) @ np.cbrt(to_cones @ linear))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_magnitude_ramp_starts_at_the_background_and_changes_its_lightness_evenly(theme):
    steps = np.diff([oklab_lightness(colour) for colour in theme.ramp])
    assert theme.ramp[0] == theme.background
    assert (np.sign(steps) == np.sign(steps[0])).all()
    assert np.abs(steps).max() < 1.5 * np.abs(steps).min()


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_every_hue_stands_out_from_the_page(theme):
    back = oklab_lightness(theme.background)
    assert all(abs(oklab_lightness(colour) - back) > 0.3 for colour in (*theme.hues, theme.missed, theme.text))


def test_red_belongs_to_missed_deadlines_alone():
    for theme in THEMES.values():
        assert theme.missed not in {*theme.hues, *theme.ramp, *theme.models, theme.unplaced, theme.text}


def test_six_placements_differ_in_hue_dash_and_shape():
    styles = [placement_style(place, LIGHT) for place in range(6)]
    for attribute, count in (("colour", 6), ("dash", len(DASHES)), ("symbol", len(SYMBOLS))):
        assert len({getattr(style, attribute) for style in styles}) == count


def test_mixing_goes_from_one_colour_to_the_other():
    assert mix("#000000", "#FFFFFF", 0) == "#000000"
    assert mix("#000000", "#FFFFFF", 1) == "#FFFFFF"
    assert tints("#000000", 1, LIGHT) == ["#000000"]


def test_the_template_is_made_once_a_theme():
    assert plotly_template(LIGHT) is plotly_template(LIGHT)
    assert plotly_template(DARK).layout.paper_bgcolor == DARK.background


def test_thinning_keeps_the_ends_and_the_limit():
    x = np.arange(100_000.0)
    kept, _ = thin(x, x)
    assert kept.size <= MOST_POINTS and kept[0] == x[0] and kept[-1] == x[-1]


def test_labels_are_spread_within_the_plot_and_keep_their_order():
    places = spread(np.array([99.0, 100.0, 100.0, 2.0]), 8, 0, 100)
    assert np.diff(np.sort(places)).min() >= 8 - 1e-9
    assert places.min() >= 0 and places.max() <= 100
    assert places[3] < places[0] < places[1]


def test_attainment_points_are_the_measured_shares_with_their_intervals():
    case = compared()
    figure = build_attainment_figure(case.figures)
    points = [trace.x[0] for trace in figure.data]
    assert points == pytest.approx([100 * f.total.slo_attainment for f in case.figures])
    first, bars = case.figures[0], figure.data[0].error_x
    drawn = figure.data[0].x[0] - bars.arrayminus[0], figure.data[0].x[0] + bars.array[0]
    assert drawn == pytest.approx(tuple(100 * end for end in first.interval))
    assert [trace.marker.color for trace in figure.data] == list(LIGHT.hues[:3])
    best = max(case.figures, key=lambda f: f.total.slo_attainment)
    assert describe_attainment(case.figures).startswith(best.name)


def test_latency_lines_are_the_cumulative_shares_of_answered_requests():
    case = compared()
    figure = build_latency_figure(case.results)
    for result, line in zip(case.results, figure.data, strict=True):
        answered_s = np.sort(result.latency_s[result.ran])
        assert line.x.size <= MOST_POINTS
        assert line.x[0] == answered_s[0] and line.x[-1] == answered_s[-1] and line.y[-1] == 100
        middle = np.searchsorted(line.y, 50)
        assert line.x[middle] == pytest.approx(np.percentile(answered_s, 50), rel=0.02)


def test_latency_of_one_model_counts_its_requests_alone():
    case = compared()
    figure = build_latency_figure(case.results[:1], model=3)
    mine = case.results[0].ran & (case.workload.model == 3)
    assert figure.data[0].x[-1] == case.results[0].latency_s[mine].max()


def test_the_warm_up_is_left_out_of_the_latencies():
    case = compared()
    whole, inner = (build_latency_figure(case.results[:1], warmup_s=w).data[0].x.size for w in (0, 10))
    assert 0 < inner < whole


def test_the_latency_sentence_says_the_99th_percentile():
    case = compared()
    assert case.names[1] in describe_latency(case.results)


def test_the_latency_title_names_the_quickest_and_lines_are_named_below_each_other_by_their_median():
    case = compared()
    figure = build_latency_figure(case.results)
    p99_s = [np.percentile(result.latency_s[result.ran], 99) for result in case.results]
    best = int(np.argmin(p99_s))
    assert (
        figure.layout.title.text
        == f"99 of 100 answers come within {words.duration(p99_s[best])} with {case.names[best]}"
    )
    placed = {a.text: a.yshift for a in figure.layout.annotations if a.text in case.names}
    medians = [np.median(result.latency_s[result.ran]) for result in case.results]
    assert sorted(case.names, key=placed.__getitem__, reverse=True) == [case.names[i] for i in np.argsort(medians)]
    assert np.diff(sorted(placed.values())).min() >= 15


def test_the_bars_of_those_who_miss_add_up_to_all_missed_requests():
    figures = compared().figures[0]
    figure = build_missers_figure(figures)
    total = figures.total
    for fate in ("late", "rejected", "unplaced"):
        bars = [trace.x.sum() for trace in figure.data if trace.name == fate]
        assert sum(bars) == getattr(total, fate)
    rejected = named(figure, "rejected")
    assert rejected.marker.color == LIGHT.missed
    assert describe_missers(figures).startswith(figure.layout.yaxis.ticktext[0])


def test_models_beyond_the_first_become_one_bar():
    figures = compared(models=30, rate_per_s=60.0, duration_s=30.0).figures[2]
    figure = build_missers_figure(figures)
    missing = sum(1 for _, f in figures.models if f.requests > f.served)
    assert missing > MOST_MODELS + 1 and len(figure.layout.yaxis.ticktext) == MOST_MODELS + 1
    assert sum(trace.x.sum() for trace in figure.data) == figures.total.requests - figures.total.served


def row_heights(trace, base):
    """The heights of the columns of one row of an area over time, in units of the row."""
    inside = (trace.y >= base) & (trace.y <= base + 1)
    outline = trace.y[np.flatnonzero(inside)][1:-2] - base
    return outline[::2]


def test_every_placement_is_a_row_of_arrivals_and_missed_deadlines_on_one_scale():
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, rows=("missed",))
    ticks = [at for at, text in zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True)
             if text == "0"]  # fmt: skip
    highest = max((t.arrivals / np.diff(t.edges_s)).max() for t in case.timelines)
    assert len(ticks) == len(case.names) and words.rate(highest) in figure.layout.yaxis.ticktext
    for base, timeline in zip(ticks, case.timelines, strict=True):
        seconds = np.diff(timeline.edges_s)
        for name, counts in (("arrivals", timeline.arrivals), ("missed", timeline.missed)):
            assert row_heights(named(figure, name), base) * highest * seconds == pytest.approx(counts)


@pytest.mark.parametrize(("kind", "unit"), [("queue", 1), ("busy", 100)])
def test_groups_are_lines_on_one_ramp_whatever_their_number(kind, unit):
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, rows=(kind,))
    maps = traces_of(figure, "heatmap")
    assert len(maps) == len(case.names) and len({m.coloraxis for m in maps}) == 1
    for drawn, timeline in zip(maps, case.timelines, strict=True):
        values = timeline.max_queue if kind == "queue" else timeline.utilization
        assert drawn.z == pytest.approx(unit * values, abs=0.51)
        assert drawn.y.max() - drawn.y.min() == pytest.approx(1) and drawn.y[0] > drawn.y[-1]


def test_all_rows_are_on_one_pair_of_axes_and_one_column_a_bin_tells_of_all():
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, rows=over_time.KINDS)
    assert {(trace.xaxis or "x", trace.yaxis or "y") for trace in figure.data} == {("x", "y")}
    columns = named(figure, "columns")
    edges_s = case.timelines[0].edges_s
    assert np.allclose(columns.x - columns.width / 2, edges_s[:-1])
    assert columns.hovertemplate.count("●") == 3 * len(case.names)
    missed, arrivals = columns.customdata[:, 1], columns.customdata[:, 2]
    assert np.array_equal(missed, case.timelines[0].missed) and np.array_equal(arrivals, case.timelines[0].arrivals)
    assert all(trace.hoverinfo == "skip" for trace in figure.data if trace is not columns)


def test_groups_of_a_schedule_share_the_lines_of_their_placements():
    models, placement, workload = random_case(7, 2)
    result = simulate(models, placement, workload, Serving())
    timeline = build_timeline(result, 20)
    lanes = timeline.by_lane(timeline.max_queue)
    assert len(placement.epochs) == 2
    assert lanes.shape[0] == max(len(epoch.groups) for _, epoch in placement.epochs) < len(result.groups)
    for lane in range(lanes.shape[0]):
        mine = [g for g, placed in enumerate(result.groups) if placed.index == lane]
        assert np.array_equal(lanes[lane], timeline.max_queue[mine].max(axis=0))


def test_the_sentence_over_time_names_the_longest_queue_and_when_most_is_missed():
    case = compared()
    timeline = case.timelines[0]
    longest, rate = int(timeline.max_queue.max()), timeline.missed / np.diff(timeline.edges_s)
    text = describe_over_time(case.names[:1], case.timelines[:1])
    assert f"its longest queue, {longest}, is at group" in text
    assert (
        f"misses {words.count(timeline.missed.sum())}, most at {words.count(timeline.edges_s[rate.argmax()])}" in text
    )
    assert words.rate(rate.max()) in text


@pytest.mark.parametrize("kind", over_time.KINDS)
def test_the_title_is_about_the_peak_of_what_is_drawn(kind):
    case = compared()
    figure = build_over_time_figure(case.names, case.timelines, rows=(kind,))
    if kind == "queue":
        worst = max(case.timelines, key=lambda t: t.max_queue.max())
        said = words.count(max(trace.z.max() for trace in traces_of(figure, "heatmap")))
        name = case.names[case.timelines.index(worst)]
    else:
        rates = [(t.missed if kind == "missed" else t.arrivals) / np.diff(t.edges_s) for t in case.timelines]
        worst = int(np.argmax([rate.max() for rate in rates]))
        said, name = words.rate(rates[worst].max()), case.names[worst] if kind == "missed" else "Arrivals"
    assert name in figure.layout.title.text and said in figure.layout.title.text


def test_every_device_is_filled_with_the_weights_of_its_models():
    case = compared()
    figure = build_cluster_figure(case.placements[1], case.models, case.cluster)
    weights = named(figure, "weights")
    assert weights.x.size == 8 * len(case.models)
    per_device = {x: weights.y[weights.x == x].sum() * case.cluster.memory_gib for x in np.unique(weights.x)}
    assert list(per_device.values()) == pytest.approx([8 * 4.0 / 4] * 8)


def test_busier_models_stand_lower_and_darker():
    case = compared()
    requests = np.arange(len(case.models))
    weights = named(build_cluster_figure(case.placements[1], case.models, case.cluster, requests=requests), "weights")
    first = np.flatnonzero(weights.x == weights.x[0])
    assert weights.hovertext[first[np.argmin(weights.base[first])]].startswith("m7")
    assert weights.marker.color[first[np.argmin(weights.base[first])]] == LIGHT.models[0]
    assert weights.marker.color[first[np.argmax(weights.base[first])]] == LIGHT.models[1]
    assert weights.text is None


def test_pieces_with_room_for_their_names_have_them():
    case = compared(models=3)
    cluster = replace(case.cluster, memory_gib=4.0)
    weights = named(build_cluster_figure(case.placements[1], case.models, cluster), "weights")
    assert [hover.split(":")[0] for hover in weights.hovertext] == list(weights.text)
    assert len(weights.insidetextfont.color) == weights.x.size


def test_meters_are_as_long_as_groups_are_busy_and_stand_below_their_devices():
    case = compared()
    busy = [group.utilization for group in case.figures[1].groups]
    figure = build_cluster_figure(case.placements[1], case.models, case.cluster, busy=busy)
    full, part, bars = (named(figure, name) for name in ("idle", "busy", "memory"))
    assert part.width / full.width == pytest.approx(np.repeat(busy, 4))
    assert part.x - part.width / 2 == pytest.approx(bars.x - bars.width / 2)
    assert (np.asarray(part.base) + part.y < bars.base).all()
    assert part.hovertext[5] == f"group 1 is busy {words.share(busy[1])} of the time"
    assert f"{words.share(busy[0])} busy" in named(figure, "group names").text[0]
    assert not [trace for trace in build_cluster_figure(case.placements[1], case.models, case.cluster).data
                if trace.name == "busy"]  # fmt: skip


def test_models_are_named_below_their_group_and_in_its_bars_the_most_asked_for_first():
    case = compared(models=30, rate_per_s=60.0, duration_s=30.0)
    requests = np.arange(len(case.models))
    figure = build_cluster_figure(case.placements[1], case.models, case.cluster, requests=requests)
    text = named(figure, "model names").text[0]
    assert figure.layout.uniformtext.mode == "hide"
    first, more = text.rsplit(" and ", 1)
    shown = first.split(", ")
    assert shown == [f"m{29 - i}" for i in range(len(shown))] and more == f"{30 - len(shown)} more"


def test_a_large_cluster_keeps_within_the_budget_of_bars():
    case = compared()
    names = [model.name for model in case.models]
    placement = Placement(tuple(Group(4, 1, tuple(names)) for _ in range(128)), "large")
    devices = build_cluster_figure(placement, case.models, Cluster(512, 13.0, 8))
    assert named(devices, "weights").x.size <= MOST_BARS and named(devices, "memory").x.size == 512
    groups = build_cluster_figure(placement, case.models, Cluster(1024, 13.0, 8))
    assert named(groups, "memory").x.size == 128


def test_a_cluster_wider_than_a_line_is_drawn_whole():
    case = compared()
    for per_node in (1, 3, 8, 16, 100):
        cluster = Cluster(100, 13.0, per_node)
        outlines = named(build_cluster_figure(case.placements[0], case.models, cluster), "memory")
        assert len(set(zip(outlines.x.tolist(), outlines.base.tolist(), strict=True))) == 100


def test_the_cluster_sentence_counts_nodes_groups_and_spare_devices():
    case = compared()
    text = describe_cluster(case.placements[2], case.cluster)
    assert text == "2 nodes, 8 devices, 1 group of 2 stages of 2 devices (pp 2, tp 2); 4 devices to spare"


def test_names_are_escaped_and_cut():
    case = compared()
    name = "<b>x</b>" + "y" * 80
    figure = build_over_time_figure([name], case.timelines[:1])
    texts = [str(line.hovertemplate) + str(line.name) for line in figure.data]
    texts += [annotation.text for annotation in figure.layout.annotations]
    assert any("&lt;b&gt;" in text for text in texts) and not any("<b>" in text for text in texts)
    assert not any("y" * 60 in text for text in texts)


@pytest.mark.parametrize(("devices", "busy", "text"), [
    (8, [0.5], "group 0: 8 stages × 1 device, 50.0 % busy"), (16, [0.5, 0.25], "group 0: 8×1, 50.0 % busy"),
    (512, [0.5] * 64, "group 0"), (8, None, "group 0: 8 stages × 1 device"),
])  # fmt: skip
def test_a_group_is_named_with_its_load_as_far_as_there_is_room(devices, busy, text):
    placement = Placement(tuple(Group(8, 1, ()) for _ in range(devices // 8)), "all")
    figure = build_cluster_figure(placement, compared().models, Cluster(devices, 13.0, 8), busy=busy)
    assert named(figure, "group names").text[0].replace(words.SPACE, " ") == text


@pytest.mark.parametrize(("theme", "tone", "end"), [(LIGHT, "darker", min), (DARK, "lighter", max)])
def test_the_legend_of_the_timeline_says_how_models_with_more_requests_look(theme, tone, end):
    case = compared()
    result = case.results[1]
    figure = gantt.build_gantt_figure(result, case.spans[1], 10.0, 60.0, theme)
    bars = named(figure, f"other requests ({tone}: model with more)")
    model, requests = result.workload.model[bars.customdata[:, 0].astype(int)], result.workload.requests_per_model()
    busiest = requests[model] == requests[np.unique(model)].max()
    assert set(np.asarray(bars.marker.color)[busiest]) == {end(bars.marker.color)}
