"""The figure of the placement page that shows what an edit changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import empty_figure, hover_name, name_rows, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.by_hand.editing import aligned
from simulator import Model, Placement

MOST_MODELS = 80
_KEPT, _DROPPED, _ADDED = 1, 2, 3


def build_change_figure(
    before: Placement, after: Placement, models: Sequence[Model], theme: Theme = LIGHT, hue: int = 0
) -> go.Figure:
    """Which model sits in which group before and after an edit: kept, dropped, added.

    Groups are numbered as after the edit, those that are gone come last. Models without a change are left out where
    more than MOST_MODELS would be drawn. hue: the number of the hue, of `after`.
    """
    was = aligned(before, after)
    groups = max(len(was.groups), len(after.groups))
    if groups == 0:
        return empty_figure(theme, "Neither placement has a group.")
    cells = _membership(was, models, groups) * _DROPPED + _membership(after, models, groups) * _ADDED
    # Both together make 5, which stands for kept.
    cells = np.where(cells == _DROPPED + _ADDED, _KEPT, cells)
    rows = np.flatnonzero((cells > 0).any(axis=1))
    if rows.size > MOST_MODELS:
        changed = (cells > _KEPT).any(axis=1)
        rows = np.concatenate((np.flatnonzero(changed), np.setdiff1d(rows, np.flatnonzero(changed))))[:MOST_MODELS]
        rows.sort()
    figure = new_figure(theme, describe_change(before, after), 70 + 16 * rows.size, "change")
    style = placement_style(hue, theme)
    what = np.array(["not there", "kept", "dropped", "added"], dtype=object)
    names = np.array([hover_name(models[m].name) for m in rows.tolist()], dtype=object)
    colours = (theme.background, theme.models[1], style.tint, style.colour)
    scale = [[(k + edge) / 4, colour] for k, colour in enumerate(colours) for edge in (0, 1)]
    figure.add_heatmap(
        x=np.arange(groups) + words.FIRST_NUMBER["group"], y=np.arange(rows.size), z=cells[rows],
        zmin=-0.5, zmax=3.5, colorscale=scale, xgap=2,
        ygap=2, showscale=False, name="replicas",
        customdata=np.dstack((np.repeat(names[:, None], groups, axis=1), what[cells[rows]])),
        hovertemplate="%{customdata[0]} in group %{x}: %{customdata[1]}<extra></extra>",
    )  # fmt: skip
    for label, colour in zip(("kept", "dropped", "added"), colours[1:], strict=True):
        figure.add_scatter(x=[None], y=[None], mode="markers", name=label,
                           marker={"color": colour, "symbol": "square", "size": 10})  # fmt: skip
    show_legend(figure)
    figure.update_xaxes(title_text="group", dtick=-(-groups // 16), tick0=0, range=[-0.6, groups - 0.4])
    name_rows(figure, [models[m].name for m in rows.tolist()])
    return figure


def describe_change(before: Placement, after: Placement) -> str:
    """The alt text: replicas added and dropped, groups reshaped, more or fewer of them, devices used."""
    was = aligned(before, after)
    added = dropped = reshaped = 0
    for g in range(max(len(was.groups), len(after.groups))):
        old = was.groups[g] if g < len(was.groups) else None
        new = after.groups[g] if g < len(after.groups) else None
        had, has = set(old.models if old else ()), set(new.models if new else ())
        added, dropped = added + len(has - had), dropped + len(had - has)
        reshaped += old is not None and new is not None and (old.pp, old.tp) != (new.pp, new.tp)
    sentence = f"{words.plural(added, 'replica')} added, {words.count(dropped)} dropped"
    if reshaped:
        sentence += f", {words.plural(reshaped, 'group')} reshaped"
    more = len(after.groups) - len(before.groups)
    if more:
        sentence += f", {words.plural(abs(more), 'group')} {'more' if more > 0 else 'fewer'}"
    if before.devices != after.devices:
        sentence += f", {words.count_difference(after.devices, before.devices)} devices"
    return sentence


def _membership(placement: Placement, models: Sequence[Model], groups: int) -> np.ndarray:
    """int64 (models, groups): 1 where the group holds the model."""
    index_of = {model.name: m for m, model in enumerate(models)}
    held = np.zeros((len(models), groups), dtype=np.int64)
    for g, group in enumerate(placement.groups):
        held[[index_of[name] for name in group.models], g] = 1
    return held
