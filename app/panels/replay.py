"""The replay of a search: the score over its work, the placement at each step, and what else was tried there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.controls.views import kept, write_key
from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.generation_placement import build_engine_memory_figure, describe_memory
from app.figures.search import (
    OVER,
    build_alternatives_figure,
    build_score_figure,
    describe_alternatives,
    describe_score,
)
from app.look import words
from app.look.markup import piece
from app.look.style import current_theme, facts_html, guarded, plain, plain_text, verdict_html
from app.panels.address import finite
from app.panels.keep import draw_chart, draw_table
from app.state import results
from app.state.answer import Answer, AnyAnswer, TokenAnswer
from app.state.session import Session
from app.state.views import Choice, ReplayView
from planner.export.layout import lay_out_engines
from planner.generation.search import DESCRIPTIONS, TITLES
from planner.problem import Problem
from planner.search import ALGORITHMS, SearchResult
from planner.search.bound import upper_bound
from planner.search.history import MAX_BYTES, history_document, read_history
from planner.search.result import Step
from simulator import InputError, Placement

AREA = "history"
_UPLOAD = "upload:history"
TICK_S = 0.7
# Title and description of each algorithm, of models with fixed latencies and of those that generate.
_SEARCHES = {name: (known.title, known.description) for name, known in ALGORITHMS.items()}
_ENGINE_SEARCHES = {name: (TITLES[name], DESCRIPTIONS[name]) for name in TITLES}
# The bound looks at every window of the traffic; above this many requests it is left out.
MOST_FOR_BOUND = 500_000


@dataclass(frozen=True)
class Chosen:
    """The search that is replayed: its name, the number of its hue, and whether it belongs to this scenario."""

    name: str
    hue: int
    found: SearchResult
    is_mine: bool


def choose_search(session: Session, answer: AnyAnswer) -> Chosen | None:
    """A row of the searches: those of the basket and uploaded ones."""
    mine = [Chosen(e.section.name, e.hue, e.outcome.search, True) for e in answer.shown
            if e.outcome.search is not None and e.outcome.search.steps]  # fmt: skip
    uploaded = session.views.replay.histories
    loaded = [Chosen(name, session.hue_of("") + i, found, False)
              for i, (name, found) in enumerate(uploaded.items())]  # fmt: skip
    choices = {chosen.name: chosen for chosen in [*mine, *loaded]}
    if not choices:
        st.info("There is no search to replay yet. Add a searched placement, such as AlpaServe, under Placements on "
                "the left, or load a history below.")  # fmt: skip
        return None
    longest = max(choices.values(), key=lambda chosen: len(chosen.found.steps)).name
    name = kept(session, st.segmented_control, "Replay", session.views.replay.search, longest, options=list(choices),
                required=True, format_func=plain)  # fmt: skip
    return choices.get(name, choices[longest])


def draw_result(answer: AnyAnswer, chosen: Chosen) -> None:
    """What came out, in a sentence and a few facts."""
    found = chosen.found
    known = _ENGINE_SEARCHES if isinstance(answer, TokenAnswer) else _SEARCHES
    title, description = known.get(found.algorithm, (found.algorithm, ""))
    st.html(verdict_html(chosen.hue, result_sentence(chosen.name, found)))
    st.html(facts_html([("algorithm", title), ("steps", words.count(len(found.steps))),
                        ("ended because", words.STOP_REASONS.get(found.stop_reason, found.stop_reason))]))  # fmt: skip
    if description:
        st.caption(plain_text(description))
    for note in found.notes:
        st.caption(f":material/info: {plain_text(note)}")


def result_sentence(name: str, found: SearchResult) -> str:
    """What the answer of a search meets on the planning traffic, and what it took; the last step is the answer."""
    took = words.search_took(found.seconds, found.evaluations, found.steps[-1].seconds)
    weighted = f" ({words.share(found.steps[-1].score)} by weight)" if found.is_weighted else ""
    met = f"{words.share(found.score)} of the deadlines it was planned for{weighted}"
    return f"{words.shorten(name)} meets {met}: {took}."


def draw_replay(session: Session, answer: AnyAnswer, chosen: Chosen) -> None:
    """Step through the search by hand, or let it play."""
    playing = session.views.replay.playing.value == chosen.name
    st.fragment(_draw_steps, run_every=TICK_S if playing else None)(session, answer, chosen)


@guarded
def _draw_steps(session: Session, answer: AnyAnswer, chosen: Chosen) -> None:
    steps, view = chosen.found.steps, session.views.replay
    step, playing = view.steps[chosen.name], view.playing.value == chosen.name
    if view.opened.value is None:
        view.opened.value = True
        if (given := finite(st.query_params.get("step"))) is not None:
            step.value = max(int(given) - 1, 0)
    at = min(len(steps) - 1 if step.value is None else step.value, len(steps) - 1)
    if playing:
        at = step.value = min(at + 1, len(steps) - 1)
        if at == len(steps) - 1:
            view.playing.value = None
            st.rerun()
    if len(steps) > 1:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            label, icon = ("Pause", "pause") if playing else ("Play", "play_arrow")
            if st.button(label, icon=f":material/{icon}:", key="replay.play",
                         help="One step after the other; from the start if it stands at the end."):  # fmt: skip
                _toggle(view, chosen.name, at == len(steps) - 1)
                st.rerun()
            if playing:
                # One widget for all its steps; what it shows is nobody's choice.
                key = f"{step.key}:playing"
                st.session_state[key] = at + 1
                st.slider("Step", 1, len(steps), key=key, disabled=True)
            else:
                shown(session, st.slider, "Step", step.key, at + 1, lambda number: _go_to(step, number), min_value=1,
                      max_value=len(steps))  # fmt: skip
            axis = kept(session, st.selectbox, "Drawn over", view.axis, "evaluations", options=list(OVER),
                        format_func=OVER.get, width=190)  # fmt: skip
    else:
        axis = "evaluations"
        st.caption("The search has one step only, so there is nothing to play.")
    write_key(session, "step", None if playing or at == len(steps) - 1 else at + 1)
    _draw_step(answer, chosen, steps[at], at, axis)


def _draw_step(answer: AnyAnswer, chosen: Chosen, step: Step, at: int, axis: str) -> None:
    theme = current_theme()
    st.html(piece("more", step_sentence(chosen.found.steps, at, chosen.found.is_weighted)))
    bound = _bound(answer) if chosen.is_mine and isinstance(answer, Answer) else None
    score, others = st.columns([3, 2], gap="large") if step.alternatives else (st.container(), None)
    with score:
        pairs, most = [(chosen.name, chosen.found)], bound[0] if bound else None
        figure = build_score_figure(pairs, theme, axis, most, [chosen.hue], at)
        draw_chart(figure, "search-score", describe_score(pairs, most))
        if bound:
            st.caption(plain_text(f"The dotted line is an upper bound for every placement. {bound[1]}"))
    if others is not None:
        with others:
            figure = build_alternatives_figure(step, theme, chosen.hue)
            draw_chart(figure, "search-alternatives", describe_alternatives(step))
    else:
        st.caption("This step has no alternatives: nothing else that was scored with it was kept.")
    _draw_placement(answer, chosen, step.placement)


def step_sentence(steps: Sequence[Step], at: int, is_weighted: bool = False) -> str:
    """What a step did and what its placement meets, against that of the step before."""
    step, gain = steps[at], ""
    if at:
        difference = words.points_difference(step.score, steps[at - 1].score)
        same = "the same as" if step.score == steps[at - 1].score else "hardly different from"
        gain = f" ({same} before)" if difference == "same" else f" ({difference})"
    what = f"Step {at + 1} of {len(steps)}, {step.phase}: {words.shorten(step.what, 160)}"
    how = ", by weight" if is_weighted else ""
    return f"{what}. Deadlines met when planning{how}: {words.share(step.score)}{gain}."


def _draw_placement(answer: AnyAnswer, chosen: Chosen, placement: Placement) -> None:
    if isinstance(answer, TokenAnswer):
        _draw_engines(answer, chosen, placement)
        return
    problem = answer.inputs.problem if answer.built else None
    if problem is None or (reason := why_not_drawn(placement, problem)) is not None:
        reason = "There is no scenario to draw it on." if problem is None else reason
        st.info(plain_text(f"The placement of this step is not drawn. {reason}"))
        return
    figure = build_cluster_figure(placement, problem.models, problem.cluster, current_theme(), chosen.hue,
                                  problem.workload.requests_per_model())  # fmt: skip
    draw_chart(figure, "search-cluster", describe_cluster(placement, problem.cluster))


def _draw_engines(answer: TokenAnswer, chosen: Chosen, placement: Placement) -> None:
    """The same of engines that generate: weights, and what they leave for the cache."""
    try:
        layout = lay_out_engines(placement, answer.inputs.problem)
    except InputError as error:
        st.info(plain_text(f"The placement of this step is not drawn. {error}"))
        return
    figure = build_engine_memory_figure(layout, {}, current_theme(), chosen.hue)
    draw_chart(figure, "search-cluster", describe_memory(layout, {}))


def why_not_drawn(placement: Placement, problem: Problem) -> str | None:
    """Why the placement of a step cannot be drawn on the scenario's cluster, a sentence; None if it can."""
    if not placement.groups:
        return "It has no groups."
    unknown = {name for group in placement.groups for name in group.models} - {model.name for model in problem.models}
    if unknown:
        many = words.plural(len(unknown), "model")
        return f"It holds {many} that the scenario does not have: {words.join([*sorted(unknown)[:3]])}" + (
            "." if len(unknown) <= 3 else " among them."
        )
    try:
        placement.check(problem.models, problem.cluster)
    except InputError as error:
        return str(error)
    return None


def _bound(answer: Answer) -> tuple[float, str] | None:
    problem = answer.inputs.problem
    if len(problem.workload) > MOST_FOR_BOUND:
        return None
    bound = results.kept(("bound", answer.inputs_key), lambda: upper_bound(problem))
    return bound.attainment, bound.reason


def draw_downloads(chosen: Chosen) -> None:
    """All steps as a table and the whole history as a file."""
    with st.expander("All steps as a table"):
        draw_table(step_table(chosen.found), "search-steps", "Every step with its score and what it took")
    st.download_button(
        "History (JSON)", lambda: json.dumps(history_document(chosen.found), indent=1), "search-history.json",
        "application/json", key="download:history", on_click="ignore", icon=":material/download:",
        help="Every step with its placement; it can be loaded here again.",
    )  # fmt: skip


def step_table(found: SearchResult) -> pd.DataFrame:
    """One row a step."""
    return pd.DataFrame(
        {
            "step": i + 1,
            "phase": step.phase,
            "what": step.what,
            "score": step.score,
            "seconds": step.seconds,
            "evaluations": step.evaluations,
            "groups": " ".join(f"{g.pp}x{g.tp}" for g in step.placement.groups),
            "replicas": sum(len(g.models) for g in step.placement.groups),
            "alternatives": len(step.alternatives),
        }
        for i, step in enumerate(found.steps)
    )


def draw_upload(session: Session) -> None:
    """Load a history that was saved."""
    with st.expander("Load a saved history", expanded=AREA in session.complaints):
        st.file_uploader("History (JSON)", key=_UPLOAD, on_change=_take_upload, args=(session,),
                         max_upload_size=MAX_BYTES // 1024**2)  # fmt: skip
        if AREA in session.complaints:
            st.error(plain_text(session.complaints[AREA]))


def _take_upload(session: Session) -> None:
    file = st.session_state[_UPLOAD]
    session.complaints.pop(AREA, None)
    if file is None:
        return
    try:
        found = read_history(file.getvalue(), file.name)
    except InputError as error:
        session.complaints[AREA] = str(error)
        return
    name = f"{file.name} (loaded)"
    # Only the last few stay, so that a visitor's memory stays bounded.
    view = session.views.replay
    others = {n: f for n, f in view.histories.items() if n != name}
    view.histories = dict([*others.items()][-3:]) | {name: found}
    view.search.value = name


def _toggle(view: ReplayView, name: str, at_end: bool) -> None:
    if view.playing.value == name:
        view.playing.value = None
        return
    view.playing.value = name
    if at_end:
        view.steps[name].value = -1


def _go_to(step: Choice[int], number: int) -> None:
    step.value = number - 1
