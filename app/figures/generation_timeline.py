"""Iterations of the engines of one group in a stretch of time, and the requests that they serve meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import empty_figure, escape, label_ends, new_figure, reserve_left
from app.figures.generation_over_time import engine_name
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, mix, placement_style, tints
from planner.generation.figures import EngineFigures
from simulator.generation import EngineSeries, GenerationResult

# What an iteration computes, darkest first.
KINDS = ("prompts alone (prefill)", "prompts and decoding (mixed)", "decoding alone")
MOST_LIVES = 50
_ROW, _GAP = 84, 34
_QUANTITIES = (
    ("running", "requests", "Running: requests in the batch"),
    ("waiting", "requests", "Waiting for admission, when an iteration begins"),
    ("cache", "%", "KV cache in use; crosses: a request is preempted"),
    ("tokens", "tokens", "Batch: new tokens of an iteration, prompts and decoding"),
)


def kinds_of(segments: pd.DataFrame) -> np.ndarray:
    """Index into KINDS of every row."""
    decodes, prefills = segments["decoding"].to_numpy() > 0, segments["prefilling"].to_numpy() > 0
    return np.where(decodes & prefills, 1, np.where(prefills, 0, 2))


def build_iterations_figure(
    name: str,
    engines: Sequence[EngineFigures],
    series: EngineSeries,
    window_s: tuple[float, float],
    theme: Theme = LIGHT,
    hue: int = 0,
    moments: Sequence[float] = (),
) -> go.Figure:
    """What engines do iteration by iteration over one axis: which, requests running and waiting, cache, tokens.

    Args:
        engines: of one group, a row each. series: of that group in window_s.
        moments: of the chosen request, to be marked.
    """
    if series.segments.empty:
        return empty_figure(theme, describe_iterations(name, series, window_s))
    lanes = 34 + 24 * len(engines)
    heights = [lanes] + [_ROW] * len(_QUANTITIES)
    total = sum(heights) + _GAP * len(_QUANTITIES)
    figure = make_subplots(
        len(heights), 1, shared_xaxes=True, vertical_spacing=_GAP / total, row_heights=[h / total for h in heights]
    )
    new_figure(theme, describe_iterations(name, series, window_s), total + 60, "iterations", figure)
    _draw_iterations(figure, engines, series, theme, hue)
    colours = tints(placement_style(hue, theme).colour, len(engines), theme)
    names = [engine_name(engine) for engine in engines]
    for row, (what, unit, says) in enumerate(_QUANTITIES, start=2):
        most, ends = 0.0, []
        for engine, label, colour in zip(engines, names, colours, strict=True):
            at_s, values = _steps(series.segments, engine.engine, what)
            most, ends = max(most, float(values.max(initial=0))), [*ends, float(values[-1]) if values.size else 0.0]
            figure.add_scatter(
                x=at_s, y=values, mode="lines", name=escape(label), meta=what, row=row, col=1, showlegend=False,
                line={"color": colour, "width": 1.4, "shape": "hv"},
                hovertemplate=f"%{{x:.3f}} s: %{{y:,.1f}} {unit}<extra>engine {escape(label)}</extra>",
            )  # fmt: skip
        figure.update_yaxes(title_text=unit, rangemode="tozero", nticks=4, row=row, col=1)
        if 1 < len(engines) <= 4:
            label_ends(figure, names, colours, ends, (0.0, max(most, 1e-9)), _ROW, f"y{row}")
        figure.add_annotation(
            x=0, xref="paper", y=1, yref=f"y{row} domain", yanchor="bottom", xanchor="left", text=says, showarrow=False,
            font_size=AXIS_SIZE,
        )  # fmt: skip
    _draw_preempted(figure, series, theme)
    inside = [at_s for at_s in moments if window_s[0] <= at_s <= window_s[1]]
    for at_s in inside:
        figure.add_vline(x=at_s, line={"color": theme.text, "width": 1, "dash": "dot"})
    if inside:
        figure.add_annotation(x=inside[0], y=1, yref="paper", yanchor="bottom", text="chosen request", showarrow=False,
                              font_size=AXIS_SIZE, xanchor="left")  # fmt: skip
    figure.update_xaxes(range=list(window_s), tickformat=",~r")
    figure.update_xaxes(title_text="time (s)", row=len(heights), col=1)
    figure.update_layout(barmode="overlay", hovermode="closest", showlegend=True, margin_t=figure.layout.margin.t + 44,
                         legend={"y": 1 + 26 / total, "yanchor": "bottom"})  # fmt: skip
    reserve_left(figure, names)
    return figure


def describe_iterations(name: str, series: EngineSeries, window_s: tuple[float, float]) -> str:
    """How many iterations there are, for how long they compute prompts, how many wait at most, who is preempted."""
    segments, where = series.segments, words.shorten(name, 30)
    stretch = f"From {words.fixed(window_s[0], 1)} to {words.clock(window_s[1])}"
    if segments.empty:
        return f"{stretch} these engines of {where} compute nothing"
    seconds = (segments["end_s"].clip(upper=window_s[1]) - segments["begin_s"].clip(lower=window_s[0])).to_numpy()
    prompts = float(seconds[segments["prefilling"].to_numpy() > 0].sum() / max(seconds.sum(), 1e-12))
    preempted = int((series.events["kind"] == "preempted").sum())
    return (
        f"{stretch}, {where}: {words.plural(int(segments['iterations'].sum()), 'iteration')}, "
        f"{words.share(prompts)} of their time with prompts; up to {words.count(int(segments['waiting'].max()))} "
        f"requests wait for admission, {words.plural(preempted, 'preemption')}"
    )


def _draw_iterations(figure, engines, series, theme, hue) -> None:
    segments = series.segments
    kind, colour = kinds_of(segments), placement_style(hue, theme).colour
    row = segments["engine"].map({engine.engine: place for place, engine in enumerate(engines)}).to_numpy()
    prompt = _prompt_of(series)
    begin_s, end_s = segments["begin_s"].to_numpy(), segments["end_s"].to_numpy()
    data = np.column_stack((prompt, *(segments[name] for name in ("iterations", "decoding", "prefilling",
                                                                  "prefill_tokens", "context_tokens"))))  # fmt: skip
    for number, name in enumerate(KINDS):
        mine = kind == number
        if mine.any():
            figure.add_bar(
                x=(end_s - begin_s)[mine], y=row[mine], base=begin_s[mine], orientation="h", width=0.86, name=name,
                marker={"color": mix(colour, theme.background, 0.36 * number), "line": {"color": theme.background,
                                                                                       "width": 0.5}},
                customdata=data[mine], row=1, col=1,
                hovertemplate="from %{base:.3f} s for %{x:.4f} s, iterations: %{customdata[1]:,}<br>%{customdata[2]:,} "
                "decode, %{customdata[5]:,} tokens in their caches<br>%{customdata[3]:,} compute %{customdata[4]:,} "
                f"tokens of their prompts<extra>{name}</extra>",
            )  # fmt: skip
    figure.update_yaxes(
        tickvals=np.arange(len(engines)), ticktext=[escape(engine_name(engine)) for engine in engines], ticksuffix=" ",
        range=[len(engines) - 0.45, -0.55], showgrid=False, row=1, col=1,
    )  # fmt: skip


def _prompt_of(series: EngineSeries) -> np.ndarray:
    """The first request whose prompt each row of the segments computes, -1 if none: int64 (S,)."""
    chunks = series.events[series.events["kind"] == "prefill"].drop_duplicates("segment")
    found = np.full(len(series.segments), -1)
    inside = chunks["segment"].to_numpy() < found.size
    found[chunks["segment"].to_numpy()[inside]] = chunks["request"].to_numpy()[inside]
    return found


def _steps(segments: pd.DataFrame, engine: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Moments and values of one engine; nothing runs, waits or is in use where its group idles."""
    begin_s, end_s = segments["begin_s"].to_numpy(), segments["end_s"].to_numpy()
    idle_s = np.append(end_s[:-1][begin_s[1:] > end_s[:-1] + 1e-9], end_s[-1:])
    mine = segments[segments["engine"] == engine]
    values = {
        "running": mine["running"],
        "waiting": mine["waiting"],
        "cache": 100 * mine["pool_used"],
        "tokens": mine["decoding"] + mine["prefill_tokens"],
    }[what]
    at_s = np.concatenate((mine["begin_s"], idle_s))
    order = np.argsort(at_s, kind="stable")
    return at_s[order], np.concatenate((values, np.zeros(idle_s.size)))[order]


def _draw_preempted(figure, series, theme) -> None:
    gone = series.events[series.events["kind"] == "preempted"]
    gone = gone[gone["segment"] < len(series.segments)]
    if not gone.empty:
        figure.add_scatter(
            x=gone["at_s"], y=100 * series.segments["pool_used"].to_numpy()[gone["segment"]], mode="markers",
            name="preempted", row=4, col=1, customdata=np.column_stack((gone["request"], gone["tokens"])),
            marker={"symbol": "x-thin", "size": 8, "line": {"color": theme.text, "width": 1.6}},
            hovertemplate="request %{customdata[0]:,} loses %{customdata[1]:,} tokens at %{x:.3f} s"
            "<extra>preempted</extra>",
        )  # fmt: skip


def drawn_lives(
    result: GenerationResult, engines: Sequence[EngineFigures], window_s: tuple[float, float], chosen: int | None = None
) -> tuple[np.ndarray, int]:
    """Numbers of the requests at these engines within the stretch, at most MOST_LIVES, and how many there are.

    The chosen one comes first, then those in a batch, then those that wait all the time; of each the latest to arrive.
    """
    arrival_s = result.workload.arrival_s
    there = result.at_engines([engine.engine for engine in engines])
    every = np.flatnonzero(there & (arrival_s < window_s[1]) & (result.last_token_s > window_s[0]))
    waits = result.scheduled_s[every] >= window_s[1]
    order = np.lexsort((-every, waits, every != chosen))
    return np.sort(every[order[:MOST_LIVES]]), int(every.size)


def build_lives_figure(
    result: GenerationResult,
    requests: np.ndarray,
    total: int,
    met: np.ndarray,
    series: EngineSeries | None,
    window_s: tuple[float, float],
    theme: Theme = LIGHT,
    hue: int = 0,
    chosen: int | None = None,
) -> go.Figure:
    """One row a request: waits, prompt until the first token, tokens after it; red where it ends and missed a deadline.

    Args:
        requests, total: of drawn_lives. met: bool (n,), all deadlines. series: for preemptions, None where not known.
    """
    title = describe_lives(result, requests, total, met)
    if not requests.size:
        return empty_figure(theme, title)
    figure = new_figure(theme, title, 70 + 14 * requests.size, "lives")
    colour, waits = placement_style(hue, theme).colour, mix(theme.background, theme.text, 0.25)
    handoff, first_s = result.handoff, result.first_token_s
    joined_s = first_s if handoff is None else np.where(handoff.engine >= 0, handoff.joined_s, first_s)
    times = [result.workload.arrival_s, result.scheduled_s, first_s, joined_s, result.last_token_s]
    place = np.arange(requests.size)
    names = np.array([escape(name) for name in result.workload.models], dtype=object)
    data = np.column_stack((requests, names[result.workload.model[requests]]))
    parts = (("waits for admission", waits), ("prompt, until the first token", colour),
             ("moves to the engine that decodes", mix(theme.background, theme.text, 0.45)),
             ("decodes, until the last token", mix(colour, theme.background, 0.6)))  # fmt: skip
    for (name, shade), begin_s, end_s in zip(parts, times[:-1], times[1:], strict=True):
        if begin_s is end_s:
            continue
        figure.add_bar(
            x=(end_s - begin_s)[requests], y=place, base=begin_s[requests], orientation="h", width=0.8, name=name,
            customdata=data, marker={"color": shade, "line": {"width": 0}},
            hovertemplate="request %{customdata[0]:,}, %{customdata[1]}<br>from %{base:.3f} s for %{x:.3f} s"
            f"<extra>{name}</extra>",
        )  # fmt: skip
    late = ~met[requests]
    if late.any():
        figure.add_scatter(
            x=result.last_token_s[requests][late], y=place[late], mode="markers", name="missed a deadline",
            customdata=data[late], hovertemplate="request %{customdata[0]:,} missed a deadline<extra></extra>",
            marker={"symbol": "line-ns", "size": 11, "line": {"color": theme.missed, "width": 2}},
        )  # fmt: skip
    _mark_preempted(figure, requests, series, theme)
    ticks = [f"<b>{r}</b>" if r == chosen else str(r) for r in requests.tolist()]
    figure.update_xaxes(title_text="time (s)", range=list(window_s), tickformat=",~r")
    figure.update_yaxes(
        tickvals=place, ticktext=ticks, range=[requests.size - 0.4, -0.6], showgrid=False, ticksuffix=" ",
        title_text="request",
    )  # fmt: skip
    if chosen in requests:
        at = int(np.flatnonzero(requests == chosen)[0])
        figure.add_hrect(y0=at - 0.5, y1=at + 0.5, line={"color": theme.text, "width": 1})
    return figure.update_layout(
        barmode="overlay", hovermode="closest", clickmode="event+select", showlegend=True,
        margin_t=figure.layout.margin.t + 26,
    )  # fmt: skip


def describe_lives(result: GenerationResult, requests: np.ndarray, total: int, met: np.ndarray) -> str:
    """How many requests are drawn of how many, and how many of them miss a deadline."""
    if not requests.size:
        return "No request is at these engines in this stretch"
    part = "" if requests.size == total else f" of {words.count(total)}"
    missed = int((~met[requests]).sum())
    return (
        f"{words.count(requests.size)}{part} requests at these engines in this stretch; "
        f"{words.count(missed)} of them {'misses' if missed == 1 else 'miss'} a deadline"
    )


def _mark_preempted(figure, requests, series, theme) -> None:
    if series is None:
        return
    gone = series.events[(series.events["kind"] == "preempted") & series.events["request"].isin(requests)]
    if not gone.empty:
        figure.add_scatter(
            x=gone["at_s"], y=np.searchsorted(requests, gone["request"]), mode="markers", name="preempted",
            customdata=gone[["request"]], marker={"symbol": "x-thin", "size": 8,
                                                  "line": {"color": theme.text, "width": 1.6}},
            hovertemplate="request %{customdata[0]:,} is preempted<extra></extra>",
        )  # fmt: skip
