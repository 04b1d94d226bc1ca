"""How far the predictions are to be trusted: published runs, real devices, closed forms, profiles, assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from app.figures.accuracy import build_published_figure, published_title
from app.look import words
from app.look.style import current_theme, draw_figure, title_apart, verdict_html
from app.look.table import show_table
from app.look.theme import NEUTRAL_HUE
from app.panels.facts import draw_sources
from app.panels.keep import draw_table, draw_wrapped
from app.state.answer import Answer
from app.state.results import kept
from app.state.session import Session
from app.state.sharing import TOKEN
from planner.evidence.replays import Replayed, known_replays
from planner.scenario.link import encode_scenario
from planner.theory.queueing import dedicated_latency_s, pipeline_latency_s
from planner.theory.two_models import LATENCY_S, serve_traffic
from simulator import InputError

AREA = "accuracy"
_MEASURED, _TESTBED = "measured (%)", "testbed (%)"
_PUBLISHED, _AUTHORS = "published (%)", "authors' (%)"
# What the authors call their searches, and what this page calls them.
_POLICIES = {"mp-search": "AlpaServe", "sr-greedy": "Single-device replication"}
_CHART = "accuracy.published"
# What is assumed, and in which direction it errs.
ASSUMPTIONS = (
    ("Latencies are fixed: the same for every request of a model and batch size", "too good",
     "real ones scatter; admission then accepts what ends late"),
    ("Profiles are those of the named device", "either way", "1 % where recovered, 10 % and more where modelled"),
    ("Requests of one model are alike", "too good for models with inputs of unlike length",
     "queues behind long requests are missing"),
    ("No activations: memory_gib is for weights alone", "too good if memory_gib is not lowered by them",
     "a placement may not fit"),
    ("No failures during a run", "too good", "Capacity shows what a lost device or node costs"),
    ("Delays on the way are constants", "too good by the jitter of the network", "some ms against deadlines"),
    ("Slow-down of a pipeline is the same for every hop (0.9 % a stage)", "too good across nodes",
     "slow links between nodes cost more"),
    ("Placements are scored on the traffic that they were planned for", "too good",
     "1 to 4 points in the cases measured; see the score on unseen traffic"),
    ("The authors' controller feeds back from late requests; here it does not", "either way",
     "0.5 points on average on real devices"),
    ("Batches are taken whole; none is joined under way", "too bad for serving systems that do", "at loose deadlines"),
)  # fmt: skip


@st.fragment
def draw_published(session: Session) -> None:
    """All published runs as points; a click on one opens its setting."""
    st.header("Predicted against published", anchor=False)
    runs = known_replays()
    st.html(verdict_html(NEUTRAL_HUE, f"{published_title(runs)}. A click on a point shows its setting."))
    figure = build_published_figure(runs, current_theme())
    title_apart(figure)
    event = draw_figure("", figure, _CHART, published_title(runs), on_select="rerun", selection_mode="points")
    points = [p for p in event.selection.points if p.get("customdata") is not None] if event else []
    if points:
        number = points[0]["customdata"]
        _draw_setting(session, runs[int(number[0] if isinstance(number, (list, tuple)) else number)])
    with st.expander("All runs as a table, each with a link to its setting"):
        links = {"setting": st.column_config.LinkColumn(display_text="open")}
        show_table(published_table(runs), "accuracy.runs", "Every published run", links, height=320)


def published_table(runs: tuple[Replayed, ...]) -> pd.DataFrame:
    """One row a run: what was published, what is predicted, and a link that opens its setting."""
    return pd.DataFrame(
        {
            "run": run.about,
            "cut into": run.configuration,
            "published (%)": 100 * run.published,
            "predicted (%)": round(100 * run.predicted, 3),
            "error (points)": round(100 * run.error, 3),
            "setting": setting_link(run),
            "file of the authors": run.run.source,
        }
        for run in runs
    )


def setting_link(run: Replayed) -> str | None:
    """A link to the page Plan with the setting of a run; None where it is too large for one."""
    try:
        return f"./?{urlencode({TOKEN: encode_scenario(run.scenario())})}"
    except InputError:
        return None


def draw_real_runs() -> None:
    """The 20 runs on real devices, and how far off both presets and the authors' own simulator are."""
    st.header("The 20 runs on a real cluster", anchor=False)
    st.caption(real_sentence())
    shares = {name: st.column_config.NumberColumn(format="%.1f" if name in (_MEASURED, _AUTHORS) else "%.2f")
              for name in real_table().columns[2:]}  # fmt: skip
    draw_table(real_table(), "accuracy-real", "Deadlines met on 16 real V100s, and as predicted", height="content",
               column_config=shares)  # fmt: skip


def real_table() -> pd.DataFrame:
    """One row a run on real devices, shares in per cent as they are shown; the authors' own simulation beside ours."""
    return _real_runs().round({_MEASURED: 1, _TESTBED: 2, _PUBLISHED: 2, _AUTHORS: 1})


def _real_runs() -> pd.DataFrame:
    by_preset: dict[tuple, dict[str, float]] = {}
    for run in known_replays():
        key = (run.run.policy, run.run.slo_scale)
        if run.is_real:
            by_preset.setdefault(key, {"measured": run.published})[run.preset] = run.predicted
        elif run.run.source.startswith("align"):
            by_preset.setdefault(key, {})["authors"] = run.published
    return pd.DataFrame(
        {
            "placement": _POLICIES[policy],
            "deadline (×)": slo,
            _MEASURED: 100 * row["measured"],
            _TESTBED: 100 * row["testbed"],
            _PUBLISHED: 100 * row["published"],
            _AUTHORS: 100 * row["authors"],
        }
        for (policy, slo), row in sorted(by_preset.items())
    )


def real_sentence() -> str:
    """Mean and largest error on real devices, ours and theirs."""
    table = _real_runs()

    def off(column: str) -> str:
        gaps = (table[column] - table[_MEASURED]).abs()
        return f"{words.fixed(float(gaps.mean()), 2)} points on average, {words.fixed(float(gaps.max()), 2)} at most"

    return (
        "24 models of BERT-2.6B on 16 V100s, measured by the authors: deadlines met, at deadlines of so many times the "
        f"latency alone. With the rules of their testbed we are off by {off(_TESTBED)}; the authors' own simulator by "
        f'{off(_AUTHORS)}. The rules "published" are those of that simulator; with them we are off by '
        f"{off(_PUBLISHED)}."
    )


def draw_closed_forms() -> None:
    """Where there is a formula, the simulator meets it."""
    st.header("Closed forms", anchor=False)
    table = kept(("closed forms",), closed_form_table)
    worst = float((table["simulated (ms)"] / table["formula (ms)"] - 1).abs().max())
    st.caption(
        "Two models under Poisson traffic, each on a device of its own or both in a pipeline of two stages (M/D/1): "
        f"the simulated mean latency is within {words.share(worst)} of the formula."
    )
    two = st.column_config.NumberColumn(format="%.2f")
    draw_table(table, "accuracy-closed-forms", "Mean latency simulated and by formula", height="content",
               column_config={"formula (ms)": two, "simulated (ms)": two})  # fmt: skip


def closed_form_table() -> pd.DataFrame:
    """Mean latency at several loads, ms, by formula and simulated."""
    rows = []
    for rate_per_s in (0.5, 1.5, 3.0, 4.0):
        dedicated_s, shared_s = serve_traffic(rate_per_s, duration_s=100_000.0).mean_latency_s()
        formulas_s = (
            dedicated_latency_s(rate_per_s, LATENCY_S),
            pipeline_latency_s(rate_per_s, LATENCY_S, LATENCY_S / 2),
        )
        for what, simulated_s, formula_s in (("dedicated", dedicated_s, formulas_s[0]),
                                             ("pipeline", shared_s, formulas_s[1])):  # fmt: skip
            rows.append({"placement": what, "requests/s": rate_per_s, "formula (ms)": round(1000 * formula_s, 2),
                         "simulated (ms)": round(1000 * simulated_s, 2)})  # fmt: skip
    return pd.DataFrame(rows)


def draw_provenance(answer: Answer) -> None:
    """Where every profile entry in use comes from."""
    st.header("Profiles in use", anchor=False)
    if answer.shown:
        draw_sources(answer)
    else:
        st.caption("When a placement has its result, the profiles that it uses stand here with their sources.")


def draw_assumptions(rows: Sequence[tuple[str, str, str]] = ASSUMPTIONS, key: str = "accuracy-assumptions") -> None:
    """What is assumed, and in which direction it errs. key: of the table."""
    st.header("What is assumed, and which way it errs", anchor=False)
    table = pd.DataFrame(rows, columns=["assumption", "the prediction is", "because, or by how much"])
    draw_wrapped(table, key)


def _draw_setting(session: Session, run: Replayed) -> None:
    st.markdown(
        f"**{run.about}**: published {words.share(run.published)}, predicted {words.share(run.predicted)} "
        f"({words.signed(100 * run.error, 2)} points)"
    )
    with st.container(horizontal=True):
        if st.button("Open this setting", key="accuracy.open", icon=":material/open_in_new:", type="primary",
                     on_click=session.replace, args=(AREA, run.scenario()),
                     help="Puts the published setting and placement in place of your scenario; Undo brings it back."
                     ):  # fmt: skip
            # The whole page, because the controls stand outside of this fragment.
            st.rerun()
        link = setting_link(run)
        if link is not None:
            st.link_button("As a link", link, icon=":material/link:", type="tertiary")
