"""Why one placement meets more deadlines than the other, in a few counted sentences."""

from __future__ import annotations

import math

import streamlit as st

from app.look import words
from app.look.style import plain_text
from app.state.compute import Answer, Entry, kept
from planner.explain import Reasons, explain_difference


def draw_reasons(entry: Entry, answer: Answer) -> None:
    """What happened at the one placement to the requests that only the other one answered in time."""
    others = [other for other in answer.shown if other is not entry]
    rival = max(others, key=lambda other: other.outcome.figures.total.slo_attainment, default=None)
    if rival is None or not answer.is_current:
        return
    key = ("reasons", entry.outcome_key, rival.outcome_key)
    first, second, warmup_s = entry.outcome.result, rival.outcome.result, answer.inputs.warmup_s
    reasons = kept(key, lambda: explain_difference(first, second, warmup_s))
    st.markdown(f"**Why?** {plain_text(describe_reasons(reasons))}")


def describe_reasons(reasons: Reasons) -> str:
    """The facts as sentences, the weightiest first."""
    only = reasons.paired.only_first
    better, worse = words.shorten(reasons.better, 40), words.shorten(reasons.worse, 40)
    if not only:
        return f"No request meets its deadline with only one of {better} and {worse}."
    ended = [f"{words.share(count / only)} were {fate}" for fate, count in reasons.fates if count]
    sentences = [
        f"{words.plural(only, 'request')} met the deadline only with {better}, "
        f"{words.count(reasons.paired.only_second)} only with {worse}.",
        f"Of the former, with {worse}, {words.join(ended)}.",
    ]
    if math.isfinite(reasons.idle):
        sentences.append(f"When they came, {words.share(reasons.idle)} of its devices had nothing to do.")
    if math.isfinite(reasons.in_bursts) and reasons.in_bursts > 2 * reasons.burst_time:
        sentences.append(
            f"{words.share(reasons.in_bursts)} of them came in bursts of their model, "
            f"which last {words.share(reasons.burst_time)} of the time."
        )
    if math.isfinite(reasons.hopeless) and reasons.hopeless > 0:
        sentences.append(f"For {words.share(reasons.hopeless)} of them even an idle group would have been too slow.")
    return " ".join(sentences)
