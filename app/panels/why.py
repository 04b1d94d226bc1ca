"""The lesson's first steps: one burst, then traffic."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.views import kept
from app.figures.lesson import (
    DEDICATED,
    SHARED,
    build_burst_figure,
    build_latency_curves_figure,
    describe_burst,
    describe_latency_curves,
)
from app.look import words
from app.look.markup import piece
from app.look.style import current_theme, tile_html, verdict_html
from app.panels.keep import draw_chart, draw_table
from app.panels.why_words import burst_sentence, kingman_sentence, overload_sentence, traffic_sentence
from app.state import results
from app.state.session import Session
from planner.theory.queueing import bursty_waiting_s, dedicated_latency_s, pipeline_latency_s
from planner.theory.two_models import LATENCY_S, TwoWays, serve_burst, serve_traffic

DURATION_S = 20_000.0
# The paper's cases (figure 2): total rate, CV, share of the first model.
CASES = {
    "Poisson, evenly split": (3.0, 1.0, 0.5),
    "Bursty, CV 3": (3.0, 3.0, 0.5),
    "Skewed, 20 to 80": (3.0, 1.0, 0.2),
}
MOST_RATE = 4.9
_FIRST_CASE = "Poisson, evenly split"


@dataclass(frozen=True)
class Settings:
    """What the sliders say: requests per second of both models, CV of the gaps, share of the first model, alpha."""

    rate_per_s: float
    cv: float
    share: float
    alpha: float

    @property
    def load(self) -> float:
        """Requests in the time that one takes alone."""
        return self.rate_per_s * LATENCY_S


def draw_burst(session: Session) -> None:
    """Step 1: one burst for one model."""
    view = session.views.why
    st.subheader("1. A burst for one model", anchor=False)
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        count = kept(session, st.slider, "Requests at once", view.burst_requests, 4, min_value=1, max_value=8, step=1)
    with middle:
        hop = kept(session, st.slider, "Overhead of cutting (%)", view.hop_percent, 10, min_value=0, max_value=60,
                   step=5, help="The hop between the halves, as a share of a request's time alone.")  # fmt: skip
    with right:
        turn = kept(session, st.selectbox, "They ask for", view.burst_for, "model 1 only",
                    options=["model 1 only", "both models in turn"])  # fmt: skip
    both = serve_burst(count, hop / 100, (0,) if turn == "model 1 only" else (0, 1))
    dedicated, shared = both.mean_latency_s()
    st.html(verdict_html(DEDICATED if dedicated <= shared else SHARED, burst_sentence(both)))
    draw_chart(build_burst_figure(both, current_theme()), "burst", describe_burst(both))
    st.caption("y is the time of one request alone. Bars are pale while their request is not yet answered. "
               "Press Play: one of the dedicated devices may stand idle while the other has a queue.")  # fmt: skip
    with st.expander("The numbers"):
        draw_table(burst_table(both), "burst-table", "Latency of every request both ways, in units of y")


def burst_table(both: TwoWays) -> pd.DataFrame:
    """One row a request: latency both ways, in units of a request's time alone."""
    return pd.DataFrame(
        {
            "request": np.arange(1, len(both.dedicated.workload) + 1),
            "dedicated (y)": both.dedicated.latency_s.round(6),
            "shared (y)": both.shared.latency_s.round(6),
        }
    )


def draw_traffic(session: Session) -> Settings:
    """Step 2: the same two ways under traffic that the sliders make."""
    st.subheader("2. Traffic that never stops", anchor=False)
    st.markdown(f"A request takes {words.duration(LATENCY_S)} alone (BERT-6.7B). There are no deadlines here yet: what "
                "counts is the mean latency.")  # fmt: skip
    with st.container(horizontal=True):
        for name, case in CASES.items():
            st.button(name, key=f"case:{name}", on_click=_take_case, args=(session, case))
    first, view = CASES[_FIRST_CASE], session.views.why
    columns = st.columns(4)
    with columns[0]:
        rate = kept(session, st.slider, "Requests a second, both models", view.rate_per_s, first[0], min_value=0.1,
                    max_value=MOST_RATE, step=0.1)  # fmt: skip
    with columns[1]:
        cv = kept(session, st.slider, "Burstiness (CV)", view.cv, first[1], min_value=0.25, max_value=6.0, step=0.25,
                  help="1 is Poisson.")  # fmt: skip
    with columns[2]:
        share = kept(session, st.slider, "Share of model 1 (%)", view.share_percent, int(100 * first[2]), min_value=0,
                     max_value=100, step=5)  # fmt: skip
    with columns[3]:
        alpha = kept(session, st.slider, "Pipeline overhead (alpha)", view.alpha, 1.0, min_value=1.0, max_value=1.6,
                     step=0.01, help="1.1: both stages take 10 % longer than half a request.")  # fmt: skip
    settings = Settings(rate, cv, share / 100, alpha)
    both = simulate_settings(settings)
    means_s = both.mean_latency_s()
    sentences = f"{traffic_sentence(both)} {overload_sentence(busiest_loads(settings), DURATION_S)}".rstrip()
    st.html(verdict_html(DEDICATED if means_s[0] <= means_s[1] else SHARED, sentences))
    _draw_tiles(settings, means_s)
    left, right = st.columns(2, gap="large")
    with left:
        draw_chart(build_latency_curves_figure(both, current_theme()), "why-latency", describe_latency_curves(both))
    with right:
        _draw_cases()
    return settings


def simulate_settings(settings: Settings) -> TwoWays:
    """Both ways under the traffic of the sliders; computed once."""
    key = ("two models", *asdict(settings).values())
    return results.kept(key, lambda: serve_traffic(settings.rate_per_s, settings.cv, settings.share, settings.alpha,
                                                   duration_s=DURATION_S))  # fmt: skip


def busiest_loads(settings: Settings) -> tuple[float, float]:
    """Work that arrives in a second for the busiest own device, and for a stage of the pipeline, in seconds."""
    return max(settings.share, 1 - settings.share) * settings.load, settings.load * settings.alpha / 2


def closed_forms_s(settings: Settings) -> tuple[float, float]:
    """Mean latencies by formula: exact for Poisson traffic, else Kingman's approximation of the waiting."""
    d, alpha = LATENCY_S, settings.alpha
    if settings.cv == 1:
        return (
            dedicated_latency_s(settings.rate_per_s, d, settings.share),
            pipeline_latency_s(settings.rate_per_s, alpha * d, alpha * d / 2),
        )
    shares = [p for p in (settings.share, 1 - settings.share) if p > 0]
    waits = sum(p * bursty_waiting_s(p * settings.rate_per_s, d, settings.cv) for p in shares)
    return d + waits, alpha * d + bursty_waiting_s(settings.rate_per_s, alpha * d / 2, settings.cv)


def _draw_tiles(settings: Settings, means_s: tuple[float, float]) -> None:
    formulas_s = closed_forms_s(settings)
    source = "formula (M/D/1)" if settings.cv == 1 else "Kingman's approximation"

    def says(seconds: float) -> str:
        return f"{source}: {words.duration(seconds) if np.isfinite(seconds) else 'the queue grows for ever'}"

    busiest, pipeline = busiest_loads(settings)
    tiles = [
        tile_html("dedicated, mean latency", words.duration(means_s[0]), "", [(DEDICATED, says(formulas_s[0]))]),
        tile_html("shared, mean latency", words.duration(means_s[1]), "", [(SHARED, says(formulas_s[1]))]),
        tile_html("busiest own device", words.share(min(busiest, 1.0)), "of its time"),
        tile_html("pipeline", words.share(min(pipeline, 1.0)), "of its time"),
    ]
    st.html(piece("tiles", tiles))
    st.caption(
        f"Simulated: {words.count(settings.rate_per_s * DURATION_S)} requests. One run wanders around its mean, the "
        "more so the burstier it is." + ("" if settings.cv == 1 else " For gaps that are not Poisson there is no exact "
        f"formula. {kingman_sentence(means_s, formulas_s, settings.alpha)}")
    )  # fmt: skip


def _draw_cases() -> None:
    rows = []
    for name, (rate, cv, share) in CASES.items():
        settings = Settings(rate, cv, share, 1.0)
        means_s = simulate_settings(settings).mean_latency_s()
        formulas_s = closed_forms_s(settings) if cv == 1 else (None, None)
        rows.append({
            "traffic": name, "dedicated (s)": round(means_s[0], 3), "shared (s)": round(means_s[1], 3),
            "times faster": round(means_s[0] / means_s[1], 2),
            "formula, dedicated (s)": formulas_s[0] and round(formulas_s[0], 3),
            "formula, shared (s)": formulas_s[1] and round(formulas_s[1], 3),
        })  # fmt: skip
    st.html('<div class="chart-title">The paper\'s three cases, at 3 req/s and without overhead</div>')
    draw_table(pd.DataFrame(rows), "cases", "Mean latencies of the paper's three cases both ways")


def _take_case(session: Session, case: tuple[float, float, float]) -> None:
    view = session.views.why
    view.rate_per_s.value, view.cv.value, share = case
    view.share_percent.value, view.alpha.value = round(100 * share), 1.0
