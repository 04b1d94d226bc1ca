"""The replay of a search: how the score rose, and what else was tried at a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import empty_figure, escape, hover_name, label_ends, name_rows, new_figure
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.search.holding import CHOICE
from planner.search.result import SearchResult, Step

_HEIGHT = 260
OVER = {"evaluations": "placements tried", "seconds": "time of the search (s)"}


def build_score_figure(
    searches: Sequence[tuple[str, SearchResult]],
    theme: Theme = LIGHT,
    over: str = "evaluations",
    bound: float | None = None,
    hues: Sequence[int] | None = None,
    step: int | None = None,
) -> go.Figure:
    """The score after every step of one or several searches.

    An answer that was chosen in the end for holding on other days may score a little less; it has a mark of its own.

    Args:
        searches: name and result of each. over: a key of OVER. bound: an upper bound on any attainment, 0..1.
        hues: numbers of the hues, if not all of the basket is drawn. step: the step of the first search to point at.
    """
    hues = range(len(searches)) if hues is None else hues
    drawn = [(name, found, hue) for (name, found), hue in zip(searches, hues, strict=True) if found.steps]
    if not drawn:
        return empty_figure(theme, "These searches kept no steps to replay.")
    figure = new_figure(theme, describe_score([(name, found) for name, found, _ in drawn], bound), _HEIGHT, "score")
    ends, lowest = [], 1.0
    for name, found, hue in drawn:
        style = placement_style(hue, theme)
        x = np.array([float(getattr(s, over)) for s in found.steps])
        y = 100 * np.array(_reached(found))
        what = np.array([escape(words.shorten(f"{s.phase}: {s.what}", 90)) for s in found.steps])
        few = x.size <= 300
        figure.add_scatter(
            x=x, y=y, mode="lines+markers" if few else "lines", name=escape(words.shorten(name, 30)),
            line={"color": style.colour, "dash": style.dash, "width": 2, "shape": "hv"}, hovertext=what,
            marker={"color": style.colour, "symbol": style.symbol, "size": 6},
            hovertemplate=f"%{{x:,.3~r}}: %{{y:.2f}} %<br>%{{hovertext}}<extra>{hover_name(name)}</extra>",
        )  # fmt: skip
        if is_chosen(found):
            figure.add_scatter(
                x=x[-1:], y=np.array([100 * found.steps[-1].score]), mode="markers", hovertext=what[-1:],
                name="the answer, which holds on other days", showlegend=False,
                marker={"color": style.colour, "symbol": f"{style.symbol}-open", "size": 10},
                hovertemplate=f"%{{y:.2f}} %<br>%{{hovertext}}<extra>{hover_name(name)}</extra>",
            )  # fmt: skip
        ends.append(y[-1])
        lowest = min(lowest, *(s.score for s in found.steps))
    if bound is not None:
        figure.add_hline(y=100 * bound, line={"color": theme.text, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=0, xref="paper", y=100 * bound, xanchor="left", yanchor="top", xshift=6,
            text=f"no placement can exceed {words.share(bound)}",
        )  # fmt: skip
    if step is not None:
        _point_at(figure, drawn[0][1].steps[step], over, theme)
    top = 100 * (bound if bound is not None else max(ends) / 100)
    room = 0.06 * max(top - 100 * lowest, 0.5)
    limits = (100 * lowest - room, top + room)
    figure.update_xaxes(title_text=OVER[over], tickformat=",~r", rangemode="tozero", nticks=8)
    how = ", by weight" if any(found.is_weighted for _, found, _ in drawn) else ""
    figure.update_yaxes(title_text=f"deadlines met when planning{how} (%)", range=limits)
    colours = [placement_style(hue, theme).colour for _, _, hue in drawn]
    label_ends(figure, [name for name, _, _ in drawn], colours, ends, limits, _HEIGHT)
    return figure


def is_chosen(found: SearchResult) -> bool:
    """Whether the answer is not the best on the traffic itself, but was chosen for holding on other days."""
    return len(found.steps) > 1 and found.steps[-1].phase == CHOICE


def _reached(found: SearchResult) -> list[float]:
    """The score at every step, 0..1; where the answer was chosen in the end the best so far stays."""
    scores = [step.score for step in found.steps]
    return [*scores[:-1], max(scores)] if is_chosen(found) else scores


def describe_score(searches: Sequence[tuple[str, SearchResult]], bound: float | None = None) -> str:
    """The alt text: where each search ended, and how much it tried."""
    parts = [
        f"{words.shorten(name, 30)} reaches {_ended(found, chosen)}, trying "
        f"{words.plural(found.evaluations, 'placement')}"
        + (f", and answers with {words.share(found.score)}, which holds better on other days" if chosen else "")
        for name, found in searches[:3]
        for chosen in (is_chosen(found),)
    ]
    more = f"; at most {words.share(bound)} is possible" if bound is not None else ""
    return words.join(parts) + more


def _ended(found: SearchResult, chosen: bool) -> str:
    """What was reached in the end; with weights as the search counted it and as every figure counts it."""
    if found.is_weighted and found.steps:
        return f"{words.share(_reached(found)[-1])} by weight ({words.share(found.score)} of all requests)"
    return words.share(_reached(found)[-1] if chosen else found.score)


def build_alternatives_figure(step: Step, theme: Theme = LIGHT, hue: int = 0) -> go.Figure:
    """What was chosen at one step and what else was tried, by score. hue: the number of the placement's hue."""
    rows = [("chosen: " + step.what, step.score)]
    rows += sorted(((a.what, a.score) for a in step.alternatives), key=lambda row: -row[1])
    figure = new_figure(theme, describe_alternatives(step), 56 + 26 * len(rows), "alternatives")
    style = placement_style(hue, theme)
    percent = 100 * np.array([score for _, score in rows])
    colours = [style.colour] + [theme.muted] * (len(rows) - 1)
    figure.add_scatter(
        x=percent, y=np.arange(len(rows)), mode="markers+text", name="score", cliponaxis=False,
        marker={"color": colours, "symbol": [style.symbol] + ["circle"] * (len(rows) - 1), "size": 10},
        text=[words.share(value / 100) for value in percent], textposition="middle right",
        hovertext=np.array([escape(words.shorten(what, 120)) for what, _ in rows]),
        hovertemplate="%{hovertext}: %{x:.3f} %<extra></extra>",
    )  # fmt: skip
    low, high = float(percent.min()), float(percent.max())
    room = max(high - low, 0.5)
    figure.update_xaxes(title_text="deadlines met when planning (%)", range=[low - 0.1 * room, high + 0.35 * room])
    name_rows(figure, [what for what, _ in rows], 40, showgrid=True)
    return figure


def describe_alternatives(step: Step) -> str:
    """The alt text: what was chosen, how many others there were and how far the best of them was."""
    if not step.alternatives:
        return f"{words.shorten(step.what, 90)}; no alternative was kept of this step"
    best = max(step.alternatives, key=lambda a: a.score)
    gap = words.points_difference(best.score, step.score)
    others = words.plural(len(step.alternatives), "alternative")
    near = "is as good" if best.score == step.score else "is hardly different"
    worth = near if gap == "same" else f"gives {gap}"
    return f"{words.shorten(step.what, 90)}; the best of {others} kept {worth}"


def _point_at(figure: go.Figure, step: Step, over: str, theme: Theme) -> None:
    figure.add_scatter(
        x=np.array([float(getattr(step, over))]), y=np.array([100 * step.score]), mode="markers", showlegend=False,
        marker={"color": "rgba(0,0,0,0)", "size": 16, "line": {"color": theme.text, "width": 2}}, name="this step",
        hoverinfo="skip",
    )  # fmt: skip
