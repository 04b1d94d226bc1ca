"""Figures of what arrived: rate over time, gaps between arrivals, skew over models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from scipy.stats import gamma

from app.figures.drawing import MOST_POINTS, empty_figure, hover_name, label_ends, name_rows, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme
from simulator.traces.bursts import Burst
from simulator.traces.resample import fit_gamma_shape

MOST_SOURCES = 20
MOST_MARKED_BURSTS = 50
# Added to every gap before fitting, as the authors do: a gap of 0 has no likelihood under a gamma distribution.
GAP_OFFSET_S = 1e-6
SHORTEST_GAP_S = 1e-4
_LEAST_SHARE = 1e-6


def build_rate_figure(
    edges_s: np.ndarray,
    rate_per_s: np.ndarray,
    theme: Theme = LIGHT,
    bursts: Sequence[Burst] = (),
    window_s: tuple[float, float] | None = None,
) -> go.Figure:
    """Requests per second over time, bursts shaded, the window that is replayed framed.

    Args:
        edges_s: float64 (B + 1,). rate_per_s: float64 (B,). window_s: start and end.
    """
    figure = new_figure(theme, _rate_title(edges_s, rate_per_s), 220, "rate")
    for burst in bursts[:MOST_MARKED_BURSTS]:
        figure.add_vrect(
            x0=burst.start_s, x1=burst.start_s + burst.length_s, fillcolor=theme.ramp[2], opacity=0.5, line_width=0,
            layer="below",
        )  # fmt: skip
    figure.add_scatter(
        x=edges_s, y=np.append(rate_per_s, rate_per_s[-1]), mode="lines", name="rate", fill="tozeroy",
        fillcolor=theme.grid, line={"color": theme.muted, "width": 1.5, "shape": "hv"},
        hovertemplate="%{x:,.0f} s: %{y:,.3~r} req/s<extra></extra>",
    )  # fmt: skip
    mean = float(np.average(rate_per_s, weights=np.diff(edges_s)))
    figure.add_hline(y=mean, line={"color": theme.text, "width": 1, "dash": "dot"})
    label_ends(figure, ["mean"], [theme.text], [mean], (0, float(rate_per_s.max()) or 1.0), 220)
    if window_s is not None:
        figure.add_vrect(x0=window_s[0], x1=window_s[1], line={"color": theme.text, "width": 1.5}, fillcolor=None)
    figure.update_xaxes(title_text="time (s)", range=[edges_s[0], edges_s[-1]], tickformat=",~r")
    figure.update_yaxes(title_text="arrivals (req/s)", rangemode="tozero", nticks=5, tickformat=",~r")
    return figure


def _rate_title(edges_s: np.ndarray, rate_per_s: np.ndarray) -> str:
    """The peak, and how far it is above the mean."""
    mean, peak = float(np.average(rate_per_s, weights=np.diff(edges_s))), int(np.argmax(rate_per_s))
    width = words.span(float(edges_s[peak + 1] - edges_s[peak]))
    times = f", {words.number(rate_per_s[peak] / mean)} times the mean" if mean else ""
    return f"The busiest {width} bring {words.rate(float(rate_per_s[peak]))}{times}"


def describe_rate(edges_s: np.ndarray, rate_per_s: np.ndarray) -> str:
    """The alt text: mean, peak and when."""
    mean = float(np.average(rate_per_s, weights=np.diff(edges_s)))
    peak = int(np.argmax(rate_per_s))
    times = f", {words.number(rate_per_s[peak] / mean)} times the mean" if mean else ""
    at = f"{words.count(edges_s[peak])}{words.SPACE}s"
    width = words.span(float(edges_s[peak + 1] - edges_s[peak]))
    return f"{words.rate(mean)} on average; the peak of {width} is {words.rate(float(rate_per_s[peak]))} at {at}{times}"


def build_gaps_figure(arrival_s: np.ndarray, theme: Theme = LIGHT) -> go.Figure:
    """How often a gap between arrivals is longer than so many seconds, against the gamma fit (OSDI'23 section 6).

    arrival_s: float64 (n,), seconds, never falling.
    """
    gaps_s = np.sort(np.diff(arrival_s)) + GAP_OFFSET_S
    if gaps_s.size < 2:
        return empty_figure(theme, "Fewer than three requests, so there are no gaps to draw.")
    shape, mean_s = _fit(gaps_s)
    figure = new_figure(theme, describe_gaps(arrival_s), 240, "gaps")
    # The k-th largest gap is reached by k of n: thinned evenly on the logarithm, where the tail is.
    rank = np.unique(np.geomspace(1, gaps_s.size, MOST_POINTS // 2).astype(np.int64))
    figure.add_scatter(
        x=gaps_s[gaps_s.size - rank], y=100 * rank / gaps_s.size, mode="lines", name="trace",
        line={"color": theme.text, "width": 2}, hovertemplate="%{y:.3~g} % of gaps reach %{x:.3~g} s<extra></extra>",
    )  # fmt: skip
    low_s = float(np.clip(np.quantile(gaps_s, 0.01), SHORTEST_GAP_S, gaps_s[-1]))
    x = np.geomspace(low_s, 1.0001 * gaps_s[-1], 400)
    reach = gamma.sf(x, shape, scale=mean_s / shape)
    kept = reach > max(_LEAST_SHARE, 0.2 / gaps_s.size)
    figure.add_scatter(
        x=x[kept], y=100 * reach[kept], mode="lines", name=f"gamma fit, CV {words.number(1 / np.sqrt(shape))}",
        line={"color": theme.muted, "width": 2, "dash": "dash"}, hovertemplate="fit: %{y:.3~g} %<extra></extra>",
    )  # fmt: skip
    show_legend(figure)
    figure.update_xaxes(title_text="gap between arrivals (s)", type="log", dtick=1, tickformat="~g",
                        range=[np.log10(low_s) - 0.1, np.log10(gaps_s[-1]) + 0.1])  # fmt: skip
    figure.update_yaxes(title_text="gaps at least as long (%)", type="log", dtick=1, tickformat="~g")
    return figure


def describe_gaps(arrival_s: np.ndarray) -> str:
    """The alt text: CV of the gaps and of the fit."""
    gaps_s = np.diff(arrival_s) + GAP_OFFSET_S
    if gaps_s.size < 2:
        return "Fewer than three requests, so there are no gaps"
    shape, _ = _fit(gaps_s)
    cv = float(gaps_s.std() / gaps_s.mean())
    fitted = words.number(1 / np.sqrt(shape))
    return f"Gaps are {describe_cv(cv)} (CV 1): they have CV {words.number(cv)}, the gamma fit {fitted}"


def describe_cv(cv: float) -> str:
    """Gaps of this coefficient of variation against those of a Poisson process, whose CV is 1."""
    return "steadier than Poisson's" if cv < 0.9 else "much like Poisson's" if cv <= 1.1 else "burstier than Poisson's"


def build_skew_figure(sources: Sequence[tuple[str, float]], theme: Theme = LIGHT) -> go.Figure:
    """Share of all requests of every source or model, largest first; the first MOST_SOURCES and the rest.

    sources: (name, requests) pairs in any order.
    """
    ranked = sorted(sources, key=lambda item: -item[1])
    total = sum(requests for _, requests in ranked)
    if total <= 0:
        return empty_figure(theme, "There are no requests.")
    rows, rest = ranked[:MOST_SOURCES], ranked[MOST_SOURCES:]
    if rest:
        rows = [*rows, (words.plural(len(rest), "other"), sum(requests for _, requests in rest))]
    percent = 100 * np.array([requests for _, requests in rows]) / total
    figure = new_figure(theme, describe_skew(sources), 54 + 20 * max(len(rows), 2), "skew")
    figure.add_bar(
        x=percent, y=np.arange(len(rows)), orientation="h", name="share", marker={"color": theme.muted},
        hovertext=np.array([f"{hover_name(name)}: {words.count(requests)} requests" for name, requests in rows]),
        hovertemplate="%{hovertext}, %{x:.2f} %<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="of all requests (%)", rangemode="tozero", nticks=6)
    name_rows(figure, [name for name, _ in rows])
    return figure


def build_share_curve_figure(sources: Sequence[tuple[str, float]], theme: Theme = LIGHT) -> go.Figure:
    """How much of the traffic the busiest k sources make, against equal shares. sources: (name, requests) pairs."""
    requests = -np.sort(-np.array([n for _, n in sources], dtype=np.float64))
    if not requests.sum() > 0:
        return empty_figure(theme, "There are no requests.")
    k = np.arange(requests.size + 1)
    reached = 100 * np.concatenate(([0.0], np.cumsum(requests))) / requests.sum()
    if k.size > MOST_POINTS:
        keep = np.unique(np.geomspace(1, requests.size, MOST_POINTS).astype(np.int64))
        k, reached = np.append(0, keep), np.append(0.0, reached[keep])
    figure = new_figure(theme, describe_skew(sources), 220, "share-curve")
    figure.add_scatter(
        x=k, y=reached, mode="lines", name="trace", line={"color": theme.text, "width": 2},
        hovertemplate="the busiest %{x:,}: %{y:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=np.array([0, requests.size]), y=np.array([0.0, 100.0]), mode="lines", name="equal shares", hoverinfo="skip",
        line={"color": theme.muted, "width": 1.5, "dash": "dash"},
    )  # fmt: skip
    show_legend(figure)
    figure.update_xaxes(title_text="busiest sources", tickformat=",~r", nticks=6, range=[0, requests.size])
    figure.update_yaxes(title_text="of all requests (%)", range=[-2, 103], tickvals=[0, 25, 50, 75, 100])
    return figure


def describe_skew(sources: Sequence[tuple[str, float]]) -> str:
    """The alt text: what the busiest tenth of the sources makes."""
    requests = -np.sort(-np.array([n for _, n in sources], dtype=np.float64))
    if not requests.sum() > 0:
        return "There are no requests"
    if requests.size == 1:
        return "The only source makes all requests"
    tenth = max(round(requests.size / 10), 1)
    part = words.share(float(requests[:tenth].sum() / requests.sum()))
    busiest = "The busiest" if tenth == 1 else f"The busiest {words.count(tenth)}"
    return (
        f"{busiest} of {words.plural(requests.size, 'source')} {'makes' if tenth == 1 else 'make'} {part} of requests"
    )


def _fit(gaps_s: np.ndarray) -> tuple[float, float]:
    shape, mean_s = fit_gamma_shape(gaps_s, np.zeros(gaps_s.size, dtype=np.int64), 1)
    return float(shape[0]), float(mean_s[0])
