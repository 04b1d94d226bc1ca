"""A burst as numbered tokens: the queue, the devices, the answers, and what every device has computed so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, reserve_left
from app.figures.lesson import DEDICATED, NAMES, SHARED
from app.look.theme import LIGHT, Theme, placement_style
from planner.lessons.burst import (
    ANSWERED,
    FIRST_HALF,
    HOP,
    OWN_1,
    OWN_2,
    QUEUE,
    SECOND_HALF,
    Event,
    places,
    running_means,
)

PLACES = {
    OWN_1: "device of model 1", OWN_2: "device of model 2", FIRST_HALF: "first half", SECOND_HALF: "second half",
    HOP: "the hop",
}  # fmt: skip
# The same in two lines, for a picture that is half as wide as a room's projector.
_LABELS = {OWN_1: "device of<br>model 1", OWN_2: "device of<br>model 2", FIRST_HALF: "first<br>half",
           SECOND_HALF: "second<br>half"}  # fmt: skip
_TOKEN_PX, _GAP, _MOST_TOKENS = 24, 0.58, 8
# Where things stand: x of queue, devices and answers (a queue grows to the left), y of the devices of both ways.
_QUEUE_X, _DEVICE_X, _HALF_X, _ANSWER_X = 4.3, 5.5, 7.4, 9.6
_Y = {DEDICATED: 2.0, SHARED: 0.0}
_BOXES = {OWN_1: (_DEVICE_X, 2.4), OWN_2: (_DEVICE_X, 1.6), FIRST_HALF: (_DEVICE_X, 0.0), SECOND_HALF: (_HALF_X, 0.0)}
_ROWS = ("device of model 1", "device of model 2", "pipeline, first half", "pipeline, second half")
_ROW_Y = {OWN_1: 0.0, OWN_2: 1.0, FIRST_HALF: 2.6, SECOND_HALF: 3.6}


def build_tokens_figure(events: Sequence[Event], models: Sequence[int], theme: Theme = LIGHT) -> go.Figure:
    """Every request as a numbered token where it is after these events, with the mean of the answers so far.

    models: of each request, 0 or 1; with dedicated devices each model has its own queue.
    """
    found, requests = places(events, len(models)), len(models)
    figure = new_figure(theme, describe_tokens(events, requests), 270, "burst-tokens")
    for place, (x, y) in _BOXES.items():
        figure.add_shape(type="rect", x0=x - 0.42, x1=x + 0.42, y0=y - 0.33, y1=y + 0.33,
                         line={"color": theme.muted, "width": 1.5}, layer="below")  # fmt: skip
        if place in (OWN_1, OWN_2):
            figure.add_annotation(x=x + 0.5, y=y, xanchor="left", align="left", text=_LABELS[place])
        else:
            figure.add_annotation(x=x, y=y - 0.34, yanchor="top", text=_LABELS[place])
    for way in (DEDICATED, SHARED):
        x, y, numbers = _token_places(found[way], way, models)
        style = placement_style(way, theme)
        answered = found[way] == ANSWERED
        figure.add_scatter(
            x=x, y=y, mode="markers+text", text=numbers, textfont={"color": theme.background, "size": 14},
            marker={"size": _TOKEN_PX, "color": np.where(answered, style.tint, style.colour)}, name=NAMES[way],
            hovertemplate="request %{text}<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
        mean = running_means(events)[way]
        said = "no answer yet" if mean is None else f"mean answer: {mean:.3g} y"
        figure.add_annotation(x=_ANSWER_X - 0.3, y=_Y[way] + 0.4, xanchor="left", yanchor="bottom",
                              text=said, font={"color": style.colour})  # fmt: skip
        figure.add_annotation(x=0, y=_Y[way] + 0.78, xanchor="left", yanchor="bottom",
                              text=f"{NAMES[way].lower()}: waiting", font={"color": style.colour})  # fmt: skip
    figure.update_xaxes(visible=False, range=[-0.1, _ANSWER_X + _GAP * _MOST_TOKENS], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-1.0, 3.1], fixedrange=True)
    return figure


def describe_tokens(events: Sequence[Event], requests: int) -> str:
    """The title and alt text: how many are answered both ways, and the means so far."""
    answered = (places(events, requests) == ANSWERED).sum(axis=1).tolist()
    parts = [
        f"{NAMES[way].lower()} has answered {done} of {requests}"
        + ("" if mean is None else f", after {mean:.3g} y on average")
        for way, (done, mean) in enumerate(zip(answered, running_means(events), strict=True))
    ]
    at = events[-1].at if events else 0.0
    return f"At {at:.3g} y {parts[0]}; {parts[1]}"


def build_bars_figure(events: Sequence[Event], end: float, theme: Theme = LIGHT) -> go.Figure:
    """What every device has computed up to the last of these events. end: of the axis, units of a request's time."""
    at = events[-1].at if events else 0.0
    figure = new_figure(theme, describe_bars(events), 230, "burst-bars")
    for way in (DEDICATED, SHARED):
        rows = _stretches(events, way, at)
        style = placement_style(way, theme)
        answered = {e.request for e in events if e.way == way and e.place == ANSWERED}
        figure.add_bar(
            x=[stop - begin for _, _, begin, stop in rows], base=[row[2] for row in rows],
            y=[_ROW_Y[row[0]] for row in rows], orientation="h", width=0.82, name=NAMES[way],
            text=[str(row[1] + 1) for row in rows], textposition="inside", insidetextanchor="middle", textangle=0,
            constraintext="none", textfont={"color": theme.background},
            marker={"color": [style.colour if row[1] in answered else style.tint for row in rows],
                    "line": {"color": theme.background, "width": 1.5}},
            hovertemplate="request %{text}: from %{base:.2f} y on<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=at, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.update_layout(barmode="overlay", hovermode="closest")
    figure.update_xaxes(title_text="time (y = a request alone)", range=[0, end], showgrid=True, gridcolor=theme.grid)
    figure.update_yaxes(tickvals=[*_ROW_Y.values()], ticktext=_ROWS, ticksuffix=" ", range=[4.2, -0.9], showgrid=False)
    reserve_left(figure, _ROWS)
    return figure


def describe_bars(events: Sequence[Event]) -> str:
    """The title: how long the devices have computed, both ways together with the time that has passed."""
    at = events[-1].at if events else 0.0
    busy = [sum(stop - begin for _, _, begin, stop in _stretches(events, way, at)) for way in (DEDICATED, SHARED)]
    return f"In {at:.3g} y the two devices have computed {busy[0]:.3g} y dedicated, {busy[1]:.3g} y shared"


def _stretches(events: Sequence[Event], way: int, at: float) -> list[tuple[int, int, float, float]]:
    """Place, request, begin and end so far of every stay on a device."""
    rows, began = [], {}
    for event in events:
        if event.way != way:
            continue
        if event.request in began:
            rows.append((*began.pop(event.request), event.at))
        if event.place in _BOXES:
            began[event.request] = event.place, event.request, event.at
    return rows + [(*row, at) for row in began.values()]


def _token_places(found: np.ndarray, way: int, models: Sequence[int]) -> tuple[list[float], list[float], list[str]]:
    x, y = [], []
    waiting, answers = {0: 0, 1: 0}, 0
    for request, place in enumerate(found.tolist()):
        if place == QUEUE:
            lane = models[request] if way == DEDICATED else 0
            x.append(_QUEUE_X - _GAP * waiting[lane])
            y.append((_BOXES[OWN_1 + lane] if way == DEDICATED else _BOXES[FIRST_HALF])[1])
            waiting[lane] += 1
        elif place == ANSWERED:
            x.append(_ANSWER_X + _GAP * answers)
            y.append(_Y[way])
            answers += 1
        elif place == HOP:
            x.append((_DEVICE_X + _HALF_X) / 2)
            y.append(_Y[way])
        else:
            x.append(_BOXES[place][0])
            y.append(_BOXES[place][1])
    return x, y, [str(request + 1) for request in range(len(found))]
