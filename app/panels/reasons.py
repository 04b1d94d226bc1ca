"""Why one placement meets more deadlines than the other, in a few counted sentences."""

from __future__ import annotations

import math

import streamlit as st

from app.look import words
from app.look.style import plain_text
from app.state.answer import Answer, Answered
from app.state.results import kept
from planner.causes import Cause
from planner.explain import Reasons, explain_difference


def draw_reasons(entry: Answered, answer: Answer) -> None:
    """What happened at the one placement to the requests that only the other one answered in time."""
    others = [other for other in answer.shown if other is not entry]
    rival = max(others, key=lambda other: other.outcome.figures.total.slo_attainment, default=None)
    if rival is None or not answer.is_current:
        return
    key = ("reasons", entry.outcome_key, rival.outcome_key)
    first, second, inputs = entry.outcome.result, rival.outcome.result, answer.inputs
    reasons = kept(key, lambda: explain_difference(first, second, inputs.warmup_s, cluster=inputs.problem.cluster))
    st.markdown(f"**Why?** {plain_text(describe_reasons(reasons))}")


def describe_reasons(reasons: Reasons) -> str:
    """The main reason and the facts as sentences, the weightiest first."""
    only = reasons.paired.only_first
    better, worse = words.shorten(reasons.better, 40), words.shorten(reasons.worse, 40)
    if not only:
        return f"No request meets its deadline with only one of {better} and {worse}."
    counts = (
        f"{words.plural(only, 'request')} met the deadline only with {better}, "
        f"{words.count(reasons.paired.only_second)} only with {worse}."
    )
    if math.isfinite(reasons.difference.half_width) and not reasons.difference.is_clear:
        return f"{counts} That is no difference that this run can tell."
    ended = [f"{words.share(count / only)} were {fate}" for fate, count in reasons.fates if count]
    sentences = [
        counts,
        *_main_reason(reasons, worse),
        f"Of the former, with {worse}, {words.join(ended)}.",
        *_other_causes(reasons, better, worse),
    ]
    if math.isfinite(reasons.idle):
        sentences.append(
            f"When they came, {words.share(reasons.idle)} of its devices had nothing to do; "
            f"{words.share(reasons.all_idle)} when any request came."
        )
    burst, all_burst = words.share(reasons.in_bursts), words.share(reasons.all_in_bursts)
    if reasons.in_bursts > reasons.all_in_bursts and burst != all_burst:
        sentences.append(f"{burst} of them came in bursts of their model, {all_burst} of all requests did.")
    return " ".join(sentences)


def _main_reason(reasons: Reasons, worse: str) -> list[str]:
    cause, only = reasons.main_cause, reasons.paired.only_first
    if cause is None:
        if len(reasons.causes) > 1:
            return ["No difference that was measured accounts for half of them by itself."]
        return []
    part = words.share(cause.requests / only)
    if cause.kind == "too slow alone":
        return [f"Main reason: for {part} of them even an idle group of {worse} is too slow."]
    if cause.kind == "overhead":
        return [
            f"Main reason: overhead of cutting models over devices. Without it {worse} would have met {part} of them."
        ]
    room = _room(reasons, worse)
    unplaced = dict(reasons.fates)["unplaced"]
    if room and reasons.no_room == unplaced and 2 * unplaced >= only:
        return [f"Main reason: memory. {room} With every model on every group, {part} would have been met."]
    first = f"Main reason: too few replicas. With every model on every group {worse} would have met {part} of them."
    return [first, room] if room else [first]


def _room(reasons: Reasons, worse: str) -> str:
    """How many of them found no replica, and whether memory is why."""
    unplaced, only = dict(reasons.fates)["unplaced"], reasons.paired.only_first
    if not unplaced:
        return ""
    first = f"{words.share(unplaced / only)} of them ask for a model that no group of {worse} holds"
    if reasons.no_room is None:
        return first + "."
    if reasons.no_room == unplaced:
        return first + ", and there is no memory left for it."
    if not reasons.no_room:
        return first + ", although there is memory left for it."
    return first + f"; {words.share(reasons.no_room / only)} for want of memory."


_WITHOUT = {
    "too slow alone": "",
    "replicas": "every model on every group",
    "overhead": "no overhead of cutting",
    "uneven arrivals": "evenly spaced requests",
}


# What both placements have, so that it does not set them apart.
_SHARED = {
    "replicas": "{better} holds their models on no more devices",
    "overhead": "{better} has no less of it",
    "uneven arrivals": "that is the traffic, which both get",
}


def _other_causes(reasons: Reasons, better: str, worse: str) -> list[str]:
    """What else would have helped, one thing at a time: first what sets the placements apart, then what does not."""
    only, main = reasons.paired.only_first, reasons.main_cause
    met = {
        cause: f"{words.share(cause.requests / only)} with {_WITHOUT[cause.kind]}"
        for cause in reasons.causes
        if cause.requests and _WITHOUT[cause.kind] and cause is not main
    }
    sentences: list[str] = []
    if apart := [said for cause, said in met.items() if cause.is_difference]:
        sentences.append(f"One thing changed at a time, {worse} would {_also(main)}have met {words.join(apart)}.")
    if reasons.hopeless > 0 and (main is None or main.kind != "too slow alone"):
        sentences.append(f"For {words.share(reasons.hopeless)} of them even an idle group would have been too slow.")
    shared = [
        f"{said} ({_SHARED[cause.kind].format(better=better)})"
        for cause, said in met.items()
        if not cause.is_difference
    ]
    if shared:
        sentences.append(f"What does not set the two apart: {worse} would {_also(main)}have met {words.join(shared)}.")
    return sentences


def _also(main: Cause | None) -> str:
    return "" if main is None or main.kind == "too slow alone" else "also "
