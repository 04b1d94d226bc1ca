"""The picture of a cluster: nodes, devices filled with weights, groups framed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.figures.cluster_text import DEVICE_PX, METER, MODELS, MOST_GROUP_LABELS, Columns, frame_text, model_names
from app.figures.drawing import hover_name, model_ramp, new_figure
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, placement_style, see_through
from simulator import Cluster, Model, Placement
from simulator.placement import group_weight_gib

MOST_DEVICES = 512
MOST_BARS = 5_000
DEVICES_PER_LINE = 32
_BAR_WIDTH = 0.72
# Of names in bars; where there is less room they are on hover alone.
_NAME_PX = 10
# Of a line of text with what Plotly keeps free around it, in full devices.
_TEXT_ROOM = 0.34
_UNIFORM = {"minsize": _NAME_PX, "mode": "hide"}
# More pieces are named on hover alone, and those in which no letter has room on the page: the browser takes a third of
# a second to find that out.
MOST_NAMED_PIECES = 400
_LEAST_NAMED_PX = _NAME_PX + 2


class Piece(NamedTuple):
    """A part of a device's memory: whose, GiB, and its place in the ramp of models."""

    name: str
    gib: float
    rank: int


def build_cluster_figure(
    placement: Placement,
    models: Sequence[Model],
    cluster: Cluster,
    theme: Theme = LIGHT,
    hue: int = 0,
    requests: Sequence[float] | np.ndarray | None = None,
    busy: Sequence[float] | None = None,
) -> go.Figure:
    """Every device as a bar, filled with the weights of its models up to memory_gib; groups framed in the hue.

    Beyond MOST_DEVICES one bar stands for a whole group and shows its fullest stage. Models stand in the neutral
    ramp, the most loaded darkest and lowest; their names stand in the bars where these have room, and the first of
    them below their groups. The custom data of each piece are its group and its model, so that a click says what was
    meant.

    Args:
        hue: the number of the placement's hue. requests: of each model, for the order of the ramp.
        busy: of each group, the share 0..1 of the time in which its stages compute, for a meter below its devices.
    """
    order = [models[m].name for m in _by_load(models, requests)]
    title = describe_cluster(placement, cluster)
    figure, columns, base_y = _empty_cluster(placement, cluster, title, theme, busy is not None, order)
    if busy is not None:
        _draw_loads(figure, columns, base_y, busy, theme, hue)
    _write_models(figure, model_names(columns, base_y, placement, order), theme)
    _draw_weights(figure, columns, base_y, placement, models, cluster, theme, order)
    _draw_frames(figure, columns, base_y, placement, theme, hue, busy)
    return figure.update_yaxes(title_text="weights on a device (GiB)")


def build_memory_figure(
    placement: Placement,
    weights: Sequence[Sequence[Piece]],
    caches: Sequence[tuple[float, float | None]],
    cluster: Cluster,
    title: str,
    theme: Theme = LIGHT,
    hue: int = 0,
) -> go.Figure:
    """Every device as a bar of memory_gib: the weights of its engines, and on top of them the cache in the hue.

    Args:
        weights: of each group what a device holds. caches: of each group GiB of a device, and the share of it that
            was in use at most, 0..1, which is drawn stronger.
    """
    figure, columns, base_y = _empty_cluster(placement, cluster, title, theme)
    models, most = {piece.rank for pieces in weights for piece in pieces}, max(MOST_BARS // columns.x.size, 1)
    held, x, base, size, colours, text = [], [], [], [], [], []
    colour = placement_style(hue, theme).colour
    for column in np.flatnonzero(columns.group >= 0).tolist():
        g = int(columns.group[column])
        where = words.numbered("group", g)
        where += f", {words.numbered('device', column)}" if columns.what == "device" else ""
        held.append((column, g, where, weights[g][:most]))
        low, (cache_gib, used) = sum(piece.gib for piece in weights[g]), caches[g]
        for what, gib, shade in (
            ("cache in use at most", cache_gib * (used or 0.0), see_through(colour, 0.45)),
            ("cache never in use", cache_gib * (1 - (used or 0.0)), see_through(colour, 0.15)),
        ):
            x, base, size = [*x, columns.x[column]], [*base, base_y[column] + low / cluster.memory_gib], [*size, gib]
            colours, text = [*colours, shade], [*text, f"{what}: {words.gib(gib)} of {words.gib(cache_gib)}<br>{where}"]
            low += gib
    _draw_pieces(figure, columns, base_y, held, len(models), cluster, theme)
    figure.add_bar(
        x=np.array(x), y=np.array(size) / cluster.memory_gib, base=np.array(base), width=_BAR_WIDTH, name="cache",
        marker={"color": colours, "line": {"width": 0}}, hovertext=np.array(text),
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    _draw_frames(figure, columns, base_y, placement, theme, hue)
    return figure.update_yaxes(title_text="memory of a device (GiB)")


def _empty_cluster(
    placement: Placement, cluster: Cluster, title: str, theme: Theme, has_load: bool = False, order: Sequence[str] = ()
) -> tuple[go.Figure, Columns, np.ndarray]:
    """Devices without anything in them, and where each stands; order: of models to name below their groups."""
    columns = _lay_out(placement, cluster)
    columns = replace(columns, foot=0.05 + METER * has_load)
    if model_names(columns, np.zeros(columns.x.size), placement, order):
        columns = replace(columns, below=MODELS)
    lines = int(columns.line.max()) + 1
    figure = new_figure(theme, title, 40 + round(DEVICE_PX * columns.step * lines), "cluster")
    base_y = (lines - 1 - columns.line) * columns.step
    _draw_outlines(figure, columns, base_y, theme)
    if columns.what == "device":
        _name_nodes(figure, columns, base_y, cluster, theme)
    ticks = np.concatenate([[y, y + 1] for y in (np.arange(lines) * columns.step)])
    full = words.number(cluster.memory_gib)
    figure.update_xaxes(visible=False, range=[-0.8, float(columns.x.max()) + 0.8])
    figure.update_yaxes(
        tickvals=ticks,
        ticktext=["0", full] * lines,
        showgrid=False,
        range=[-0.23 - columns.foot - columns.below, (lines - 1) * columns.step + 1.39],
    )
    figure.update_layout(barmode="overlay", hovermode="closest")
    return figure, columns, base_y


def describe_cluster(placement: Placement, cluster: Cluster) -> str:
    """The alt text: nodes, devices, groups and their sizes, and what is left over."""
    nodes = -(-cluster.devices // cluster.devices_per_node)
    sizes: dict[tuple[int, int], int] = {}
    for group in placement.groups:
        sizes[group.pp, group.tp] = sizes.get((group.pp, group.tp), 0) + 1
    counted = sorted(sizes.items(), key=lambda item: -item[1])
    parts = [f"{words.plural(n, 'group')} of {words.group_size(*size)}" for size, n in counted[:3]]
    if len(counted) > 3:
        parts.append(words.plural(sum(n for _, n in counted[3:]), "other group"))
    sentence = f"{words.plural(nodes, 'node')}, {words.plural(cluster.devices, 'device')}, {words.join(parts)}"
    spare = cluster.devices - placement.devices
    return sentence + (f"; {words.plural(spare, 'device')} to spare" if spare > 0 else "")


def _lay_out(placement: Placement, cluster: Cluster) -> Columns:
    if cluster.devices > MOST_DEVICES:
        # The fullest stage stands for the group; which one it is becomes known with the weights.
        count = max(len(placement.groups), 1)
        group = np.arange(count) if placement.groups else np.full(1, -1)
        per_line, what = 4 * DEVICES_PER_LINE, "group"
        stage = np.full(count, -1)
    else:
        count = cluster.devices
        group, stage = np.full(count, -1), np.zeros(count, dtype=np.int64)
        first = 0
        for index, g in enumerate(placement.groups):
            group[first : first + g.devices] = index
            stage[first : first + g.devices] = np.repeat(np.arange(g.pp), g.tp)
            first += g.devices
        per_line, what = DEVICES_PER_LINE * (1 if count <= 128 else 2), "device"
    nodes_per_line = max(per_line // cluster.devices_per_node, 1)
    in_line = nodes_per_line * cluster.devices_per_node if what == "device" else per_line
    in_line = min(in_line, max(per_line, cluster.devices_per_node if cluster.devices_per_node <= 64 else per_line))
    position = np.arange(count)
    column = position % in_line
    gaps = 0.6 * (column // cluster.devices_per_node) if what == "device" else np.zeros(count)
    return Columns(group, stage, column + gaps, position // in_line, what)


def _draw_outlines(figure: go.Figure, columns: Columns, base_y: np.ndarray, theme: Theme) -> None:
    figure.add_bar(
        x=columns.x, y=np.ones(columns.x.size), base=base_y, width=_BAR_WIDTH, name="memory", hoverinfo="skip",
        marker={"color": theme.background, "line": {"color": theme.grid, "width": 1}},
    )  # fmt: skip


def _draw_weights(figure, columns, base_y, placement, models, cluster, theme, order) -> None:
    rank = {name: i for i, name in enumerate(order)}
    by_name = {model.name: model for model in models}
    most = max(MOST_BARS // columns.x.size, 1)
    pieces: dict[tuple[int, int], list[Piece]] = {}
    held = []
    for column in np.flatnonzero(columns.group >= 0).tolist():
        g = int(columns.group[column])
        group = placement.groups[g]
        stage = int(columns.stage[column])
        if stage < 0:
            stage = int(np.argmax(group_weight_gib(group, by_name)))
        if (g, stage) not in pieces:
            pieces[g, stage] = _pieces(group, stage, by_name, rank, most)
        where = f"{words.numbered('group', g)}, {words.numbered('stage', stage)} of {group.pp}" + (
            f", {words.numbered('device', column)}" if columns.what == "device" else ""
        )
        held.append((column, g, where, pieces[g, stage]))
    _draw_pieces(figure, columns, base_y, held, len(models), cluster, theme)


def _draw_pieces(figure, columns, base_y, held, models: int, cluster, theme) -> None:
    """One bar trace: of each of `held` (column, group, where that is in words, pieces) the pieces one on the other.

    Names stand in the pieces where the browser finds room for them.
    """
    x, y, base, ranks, text, data = [], [], [], [], [], []
    for column, g, where, pieces in held:
        low = float(base_y[column])
        for piece in pieces:
            x.append(columns.x[column])
            y.append(piece.gib / cluster.memory_gib)
            base.append(low)
            ranks.append(piece.rank)
            text.append(f"{hover_name(piece.name)}: {words.gib(piece.gib)}<br>{where}")
            data.append((g, piece.name))
            low += piece.gib / cluster.memory_gib
    ramp = model_ramp(theme, models)
    figure.add_bar(
        x=np.array(x), y=np.array(y), base=np.array(base), width=_BAR_WIDTH, name="weights",
        marker={"color": [ramp[rank] for rank in ranks], "line": {"color": theme.background, "width": 1}},
        hovertext=np.array(text), hovertemplate="%{hovertext}<extra></extra>", customdata=data,
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    has_room = [DEVICE_PX * share >= _LEAST_NAMED_PX for share in y]
    if any(has_room) and len(data) <= MOST_NAMED_PIECES:
        # The ends of the ramp of models stand out from the page's text and from its background.
        written = [theme.background if 2 * rank < models else theme.text for rank in ranks]
        figure.data[-1].update(
            text=[hover_name(name) if room else "" for (_, name), room in zip(data, has_room, strict=True)],
            textposition="inside", insidetextanchor="middle", insidetextfont={"color": written, "size": _NAME_PX},
        )  # fmt: skip
        figure.update_layout(uniformtext=_UNIFORM)


def _pieces(group, stage, by_name, rank, most) -> list[Piece]:
    """Name, weight and place in the ramp of what a stage holds, the most loaded first; the rest in one piece."""
    held = sorted(group.models, key=lambda name: rank[name])
    weight = {name: by_name[name].profile.entry(group.pp, group.tp).stage_weight_gib[stage] for name in held}
    drawn = held if len(held) <= most else held[: most - 1]
    pieces = [Piece(name, weight[name], rank[name]) for name in drawn]
    rest = held[len(drawn) :]
    if rest:
        total_gib = sum(weight[name] for name in rest)
        pieces.append(Piece(words.plural(len(rest), "model"), total_gib, rank[rest[0]]))
    return pieces


def _draw_frames(figure, columns, base_y, placement, theme, hue, busy=None) -> None:
    """One line trace for all frames: a rectangle for each piece of a group that stands on one line."""
    style = placement_style(hue, theme)
    xs, ys, names = [], [], []
    for g in range(len(placement.groups)):
        mine = np.flatnonzero(columns.group == g)
        for line in np.unique(columns.line[mine]):
            part = mine[columns.line[mine] == line]
            left, right = columns.x[part[0]] - 0.46, columns.x[part[-1]] + 0.46
            low, high = base_y[part[0]] - columns.foot, base_y[part[0]] + 1.05
            xs += [left, right, right, left, left, np.nan]
            ys += [low, low, high, high, low, np.nan]
            if len(placement.groups) <= MOST_GROUP_LABELS:
                names.append(
                    (left - 0.04, high + 0.05, frame_text(placement, g, right - left, float(columns.x.max()), busy))
                )
    figure.add_scatter(
        x=np.array(xs), y=np.array(ys), mode="lines", line={"color": style.colour, "width": 1.5}, hoverinfo="skip",
        name="groups",
    )  # fmt: skip
    _write(figure, names, "group names", "top right", style.colour)


def _draw_loads(figure, columns, base_y, busy, theme, hue) -> None:
    """A meter below each device: as long as its group's stages compute, of the device's width."""
    used = np.flatnonzero(columns.group >= 0)
    group = columns.group[used]
    share = np.nan_to_num(np.asarray(busy, dtype=np.float64))[group]
    text = [f"{words.numbered('group', g)} is busy {words.share(busy[g])} of the time" for g in group.tolist()]
    for name, length, colour in (
        ("idle", np.ones(used.size), theme.grid), ("busy", share, placement_style(hue, theme).colour)
    ):  # fmt: skip
        figure.add_bar(
            x=columns.x[used] - _BAR_WIDTH * (1 - length) / 2, width=_BAR_WIDTH * length, y=np.full(used.size, 0.09),
            base=base_y[used] - METER + 0.01, name=name, marker={"color": colour, "line": {"width": 0}},
            hovertext=np.array(text), hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip


def _name_nodes(figure: go.Figure, columns: Columns, base_y: np.ndarray, cluster: Cluster, theme: Theme) -> None:
    nodes = -(-cluster.devices // cluster.devices_per_node)
    if nodes > 64 or cluster.devices_per_node == 1:
        return
    names = []
    for node in range(nodes):
        first = node * cluster.devices_per_node
        last = min(first + cluster.devices_per_node, cluster.devices) - 1
        last = last if columns.line[last] == columns.line[first] else first
        names.append(((columns.x[first] + columns.x[last]) / 2, base_y[first] - columns.foot - columns.below - 0.06,
                      words.numbered("node", node)))  # fmt: skip
    _write(figure, names, "node names", "bottom center", theme.muted)


def _write_models(figure: go.Figure, names: list[tuple[float, float, float, str]], theme: Theme) -> None:
    """Names below groups, in bars that are not seen, so that the browser leaves out those that have no room."""
    if names:
        left, length, y, text = zip(*names, strict=True)
        figure.add_bar(
            orientation="h", base=np.array(left), x=np.array(length), y=np.array(y), width=_TEXT_ROOM, text=text,
            textposition="inside", insidetextanchor="start", textangle=0, name="model names", hoverinfo="skip",
            insidetextfont={"color": theme.muted, "size": AXIS_SIZE - 1},
            marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
        )  # fmt: skip
        figure.update_layout(uniformtext=_UNIFORM)


def _write(figure: go.Figure, names: list[tuple[float, float, str]], what: str, side: str, colour: str) -> None:
    """Names at their places as one trace; as annotations each would make Plotly check all before it again."""
    if names:
        x, y, text = zip(*names, strict=True)
        figure.add_scatter(
            x=np.array(x), y=np.array(y), text=text, mode="text", textposition=side, name=what, hoverinfo="skip",
            textfont={"color": colour, "size": AXIS_SIZE}, cliponaxis=False,
        )  # fmt: skip


def _by_load(models: Sequence[Model], requests: Sequence[float] | np.ndarray | None) -> np.ndarray:
    if requests is None:
        return np.arange(len(models))
    return np.argsort(-np.asarray(requests, dtype=np.float64), kind="stable")
