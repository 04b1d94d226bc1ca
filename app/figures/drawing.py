"""What all figures share: an empty figure in the theme, wrapped titles, direct labels, thinned lines."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import plotly.graph_objects as go

from app.look import words
from app.look.markup import calm
from app.look.theme import AXIS_SIZE, TITLE_SIZE, Theme, mix, placement_style, plotly_template
from simulator.intervals import share_interval

TITLE_CHARACTERS = 72
# What each line of a title adds to a figure's height and top margin.
TITLE_LINE_PX = 20
CLOCK_LINE_PX = 16
LABEL_CHARACTERS = 26
MOST_LABELLED = 4
MOST_POINTS = 2_000
# Names on the axis of a bar chart; the whole name is shown on hover.
AXIS_CHARACTERS = 32


def error_bars(share: np.ndarray, half_width: np.ndarray, colour: str, thickness: float, width: float) -> dict:
    """Plotly's error bars in per cent for shares 0..1 with their half widths, within 0 to 100; none where unknown."""
    ends = np.array([share_interval(*pair) for pair in zip(share.tolist(), half_width.tolist(), strict=True)])
    below, above = (100 * np.nan_to_num(gap) for gap in (share - ends[:, 0], ends[:, 1] - share))
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": colour,
            "thickness": thickness, "width": width}  # fmt: skip


def new_figure(theme: Theme, title: str, height: int, uirevision: str, subplots: go.Figure | None = None) -> go.Figure:
    """An empty figure, or the given one with subplots, in the theme with its title; zoom survives updates.

    Args:
        height: pixels of the drawing, to which the lines of the title are added.
        uirevision: what Plotly keeps zoom and selection by; the same on every redraw of the same picture.
    """
    figure = subplots or go.Figure()
    lines = textwrap.wrap(title, TITLE_CHARACTERS)
    top = 18 + TITLE_LINE_PX * len(lines)
    figure.update_layout(
        template=plotly_template(theme),
        title={
            "text": "<br>".join(escape(line) for line in lines),
            "y": 1,
            "yanchor": "top",
            # Plotly anchors the last line, so the others need room above it.
            "pad": {"t": 4 + 13 * (len(lines) - 1)},
        },
        title_font_size=TITLE_SIZE,
        height=height + top,
        margin={"l": 8, "r": 12, "t": top + 8, "b": 8},
        uirevision=uirevision,
        showlegend=False,
    )
    return figure


def on_clock(figure: go.Figure, began_at: datetime | None) -> go.Figure:
    """The figure, whose time axes show on the page the clock and the date too, if it is known when time 0 was."""
    if began_at is not None:
        meta = {**(figure.layout.meta or {}), "clock": began_at.isoformat(timespec="milliseconds")}
        # The axis has one more line.
        figure.update_layout(meta=meta, height=figure.layout.height + CLOCK_LINE_PX)
    return figure


def escape(text: str) -> str:
    """Names from outside as Plotly text, which reads a little HTML, values between %{ and }, and LaTeX between $."""
    return html.escape(calm(text), quote=False).replace("%{", "&#37;{").replace("$", "&#36;")


def hover_name(name: str) -> str:
    """A name as it stands on hover."""
    return escape(words.shorten(name))


def spread(values: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Places for labels: near their values, at least `gap` apart where there is room, within [low, high].

    Args:
        values: float64 (n,); NaN goes to low. Returns float64 (n,) in the order of values.
    """
    values = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=low), low, high)
    order = np.argsort(values, kind="stable")
    gap = min(gap, (high - low) / max(len(values) - 1, 1))
    placed = values[order]
    for i in range(1, placed.size):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    if placed.size:
        placed[-1] = min(placed[-1], high)
    for i in range(placed.size - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - gap)
    out = np.empty_like(placed)
    out[order] = placed
    return out


def show_legend(figure: go.Figure) -> None:
    """A legend between title and plot, in the order of drawing."""
    figure.update_layout(showlegend=True, legend_traceorder="normal", margin_t=figure.layout.margin.t + 26)


def name_rows(figure: go.Figure, names: Sequence[str], longest: int = AXIS_CHARACTERS, **axis: object) -> None:
    """Write names of at most `longest` characters beside the rows 0, 1, 2 .. of a figure, the first on top."""
    texts = [words.shorten(name, longest) for name in names]
    figure.update_yaxes(
        tickvals=np.arange(len(texts)), ticktext=[escape(text) for text in texts], ticksuffix=" ", showgrid=False,
        range=[len(texts) - 0.4, -0.6],
    )  # fmt: skip
    figure.update_yaxes(**axis)
    reserve_left(figure, texts)


def reserve_left(figure: go.Figure, texts: Sequence[str]) -> None:
    """Room for labels on the left; Plotly's own measure cuts the first letter where the page sets other figures."""
    longest = max((len(text) for text in texts), default=0)
    figure.update_layout(margin_l=max(figure.layout.margin.l, round(16 + 6.1 * longest)))


def label_ends(
    figure: go.Figure, names: Sequence[str], colours: Sequence[str], values: Sequence[float] | np.ndarray,
    limits: tuple[float, float], height: int, yref: str = "y",
) -> None:  # fmt: skip
    """Write the names of lines at the right end of the plot, in their colours; a legend above with more than four.

    Args:
        values: where the lines end, in units of the y axis. limits: of that axis. height: of the plot, pixels.
    """
    if len(names) > MOST_LABELLED:
        show_legend(figure)
        return
    low, high = limits
    places = spread(np.asarray(values), (high - low) * 16 / height, low, high)
    longest = 0
    for name, colour, place in zip(names, colours, places, strict=True):
        text = words.shorten(name, LABEL_CHARACTERS)
        longest = max(longest, len(text))
        figure.add_annotation(
            x=1, xref="paper", y=place, yref=yref, text=escape(text), xanchor="left", xshift=6,
            font={"color": colour, "size": AXIS_SIZE}, showarrow=False,
        )  # fmt: skip
    figure.update_layout(margin_r=max(figure.layout.margin.r, 18 + 7 * longest))


def attainment_range(low: float) -> tuple[float, float]:
    """The ends of an axis of deadlines met, per cent, that shows `low`, 0..1, and no tick above 100."""
    pad = 0.06 * max(100 - 100 * low, 1.0)
    return 100 * low - pad, 100 + pad


def line_of(hue: int, theme: Theme, width: float = 2.0) -> dict:
    """The line of a placement."""
    style = placement_style(hue, theme)
    return {"color": style.colour, "dash": style.dash, "width": width}


def model_ramp(theme: Theme, models: int) -> list[str]:
    """The tints of models, the most loaded first.

    As colours: of bars whose colours are places on a colour scale Plotly complains bar by bar, with a trace of its
    calls each time, which takes longer than all else.
    """
    return [mix(*theme.models, rank / max(models - 1, 1)) for rank in range(models)]


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` points of a monotone line, evenly spaced in number, both ends kept."""
    if x.size <= most:
        return x, y
    keep = np.unique(np.linspace(0, x.size - 1, most).astype(np.int64))
    return x[keep], y[keep]


def step_outline(edges_s: np.ndarray, base: float, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline of columns as a closed line, with a gap behind it."""
    x = np.concatenate((edges_s[:1], np.repeat(edges_s, 2)[1:-1], edges_s[[-1, 0]], [np.nan]))
    y = np.concatenate(([base], base + np.repeat(heights, 2), [base, base, np.nan]))
    return x, y


def colour_bar(theme: Theme, title: str, y: float = 0.5, length: float = 1.0) -> dict:
    """The scale beside a heatmap."""
    return {
        "title": {"text": title, "side": "right", "font": {"size": AXIS_SIZE, "color": theme.muted}},
        "tickfont": {"size": AXIS_SIZE, "color": theme.muted},
        "thickness": 10, "outlinewidth": 0, "y": y, "len": length, "x": 1.01, "xpad": 4, "nticks": 5,
    }  # fmt: skip


def empty_figure(theme: Theme, sentence: str, height: int = 160) -> go.Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = new_figure(theme, "", height, "empty")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        x=0.5, y=0.5, xref="paper", yref="paper", text="<br>".join(textwrap.wrap(escape(sentence), TITLE_CHARACTERS))
    )
    return figure


def mark_deadline(figure: go.Figure, seconds: Sequence[float], theme: Theme, longest_s: float) -> str:
    """A rule at the deadline, or a band from the shortest to the longest where models differ.

    longest_s: where the axis ends; the label stands on the side of the rule that has room, which is given back.
    """
    low, high = min(seconds), max(seconds)
    text = f"deadline {words.duration(low)}"
    if words.duration(low) != words.duration(high):
        text = f"deadlines {words.duration(low)} to {words.duration(high)}"
        figure.add_vrect(x0=low, x1=high, fillcolor=theme.grid, opacity=0.5, line_width=0, layer="below")
    figure.add_vline(x=high, line={"color": theme.text, "width": 1, "dash": "dot"})
    side = "right" if high > longest_s / 2 else "left"
    figure.add_annotation(x=high, y=0.02, yref="paper", text=text, xanchor=side, yanchor="bottom",
                          xshift=-5 if side == "right" else 5)  # fmt: skip
    return "left" if side == "right" else "right"
