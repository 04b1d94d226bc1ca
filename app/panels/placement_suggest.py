"""The best next single change, looked for in the background."""

from __future__ import annotations

import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.look import words
from app.look.style import plain_text
from app.state.answer import Answer
from app.state.drafting import Draft, edit_draft
from app.state.session import Session
from planner.by_hand.suggest import MOST_CHANGES, ChangeHeadway, Suggestion, Suggestions, suggest_changes

_SLOT = "draft.suggestions"
# So many losers are named at least, and of those that lose noticeably so many at most.
_LEAST_LOSERS, _MOST_LOSERS = 3, 8
NOTICED = 0.01


def draw_suggestions(session: Session, answer: Answer, draft: Draft) -> None:
    """A button that looks for the best next change, and the changes found for the draft as it stands."""
    st.header("Best next change", anchor=False)
    rules = answer.entry(draft.start_name).section.serving_rules
    key = f"{answer.inputs_key}:{rules}:{[(g.pp, g.tp, g.models) for g in draft.now.groups]}"
    slot = slot_of(session, _SLOT)
    st.button(
        "Find the best next change", icon=":material/lightbulb:", key="draft.suggest", on_click=_begin,
        args=(session, key, draft, answer), disabled=slot.is_working,
        help=f"Tries up to {MOST_CHANGES} single edits, replays all requests on each, and shows the five best.",
    )  # fmt: skip
    draw_job(session, _SLOT, "Trying single changes")
    found: Suggestions | None = slot.result
    if found is None or slot.result_key != key:
        if found is not None and not slot.is_working:
            st.caption("The placement or the scenario has changed since the last look.")
        return
    count = f"{words.count(found.tried)} of {words.plural(found.possible, 'change')}"
    if not found.best:
        st.info(f"None of {count} tried meets more deadlines.")
        return
    weighed = " Requests count by the weights of their models." if answer.inputs.problem.weights else ""
    st.caption(f"The best of {count} tried, each with all requests.{weighed} Click one to apply it.")
    for number, suggestion in enumerate(found.best):
        st.button(
            plain_text(suggestion_sentence(suggestion)),
            key=f"draft.apply.{number}", on_click=_apply, args=(session, suggestion), width="stretch",
        )  # fmt: skip


def suggestion_sentence(suggestion: Suggestion) -> str:
    """What the change does, what it brings, whether that is more than chance, and which models lose by it."""
    gain = words.points_difference(suggestion.slo_attainment, suggestion.slo_attainment - suggestion.gain)
    sure = "" if suggestion.is_clear else ", no difference that this run can tell"
    sentence = f"{gain}: {suggestion.what}, then {words.share(suggestion.slo_attainment)}{sure}"
    if not suggestion.losers:
        return sentence
    noticed = sum(fall >= NOTICED for _, fall in suggestion.losers)
    most = max(_LEAST_LOSERS, min(noticed, _MOST_LOSERS))
    named, rest = suggestion.losers[:most], len(suggestion.losers) - most
    parts = [f"{words.shorten(name, 30)} {words.points_difference(-fall, 0.0)}" for name, fall in named]
    more = [words.plural(rest, "other model")] if rest > 0 else []
    sentence = f"{sentence}; at the expense of {words.join(parts + more)}"
    if not suggestion.pushed:
        return sentence
    below = [f"{words.shorten(m.model, 30)} below its target of {words.goal(m.target)}" for m in suggestion.pushed]
    return f"{sentence}; it pushes {words.join(below)}"


def _begin(session: Session, key: str, draft: Draft, answer: Answer) -> None:
    start_job(session, _SLOT, key, lambda job: _look(job, draft, answer))


def _look(job: Job, draft: Draft, answer: Answer) -> Suggestions:
    def report(told: ChangeHeadway) -> bool:
        job.best = words.share(told.best)
        return job.report(told)

    inputs = answer.inputs.under(answer.entry(draft.start_name).section)
    return suggest_changes(draft.now, inputs, report)


def _apply(session: Session, suggestion: Suggestion) -> None:
    edit_draft(session, suggestion.what, lambda _: suggestion.placement)
