"""How far predictions of models that generate are to be trusted: measured systems, and what is assumed."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.look import words
from app.look.style import verdict_html
from app.look.theme import NEUTRAL_HUE
from app.panels.accuracy import draw_assumptions
from app.panels.generation_facts import error_table, profile_table
from app.panels.keep import draw_table
from app.state.answer import TokenAnswer
from planner.generation.known_errors import NOT_MODELLED, NOT_VALIDATED, known_generation_errors

NO_RANKING = "Whether a ranking survives errors in the profiles is not tried for models that generate token by token."
OTHER_KIND = "From here on it is about models with fixed latencies, which are simulated by other rules."
_VLLM, _FACTOR, _LOOPS, _MUX = (
    "vLLM run, no calibration",
    "vLLM run, one factor",
    "closed loops, half fitted",
    "MuxServe",
)
_ESTIMATED = "estimated, nothing fitted"


def draw(answer: TokenAnswer) -> None:
    """What was measured, every comparison, and the profiles in use."""
    st.header("Predicted against measured", anchor=False)
    st.html(verdict_html(NEUTRAL_HUE, measured_sentence()))
    st.caption(NO_RANKING)
    draw_table(error_table(), "accuracy-generation", "Every comparison with something measured", height=300)
    if answer.shown:
        st.header("Profiles in use", anchor=False)
        draw_table(profile_table(answer.inputs.problem.models), "accuracy-profiles", "Profiles and their errors")
    draw_assumptions(assumptions(answer), "accuracy-token-assumptions")
    st.caption(NOT_MODELLED)


def measured_sentence() -> str:
    """How far off the times of whole requests, and times per output token, were."""
    within = words.join([words.share(error) for error in sorted(_errors(_FACTOR, "e2e of a request, median |error|"))])
    loops = _share(_LOOPS, "all", "tpot, median of medians")
    return (
        f"In measured runs of vLLM the mean time of a request is {_spread(_VLLM, 'e2e_mean')} off. With one factor "
        f"fitted to the run, half of the requests are within {within}. Times per output token of other deployments are "
        f"{loops} off (median), where half of their points are fitted."
    )


def assumptions(answer: TokenAnswer) -> list[tuple[str, str, str]]:
    """What is assumed of models that generate, which way it errs, and because of what or by how much."""
    off, ttft = _spread(_VLLM, "e2e_mean"), _spread(_VLLM, "ttft_mean")
    turns, alone = (_share(_MUX, case, "throughput of an LLM, median |error|")
                    for case in ("in turns, switching free", "own devices"))  # fmt: skip
    estimated = [e.error for e in known_generation_errors() if e.check == _ESTIMATED]
    placements = [entry.outcome.placement for entry in answer.shown]
    apart = any(group.role for placement in placements for group in placement.groups)
    return [
        ("An iteration costs what the profile's formula gives, the same every time", "either way",
         f"{off} of the mean time of a request and {ttft} of that to the first token in measured runs"),
        ("A profile of one's architecture and device alone is as good as a fitted one", "either way",
         f"median errors of {words.share(min(estimated))} to {words.share(max(estimated))}"),
        ("Every prompt is computed in full: no prefix cache", "too bad where prompts begin alike",
         "servers keep what was computed for the same beginning"),
        ("Every token takes an iteration: no speculative decoding", "too bad where it is used",
         "several tokens may come at once"),
        ("The host of an engine takes no time of its own", "too good for busy models",
         f"throughput of an LLM on its own devices is {alone} off (median)"),
        ("Models that share devices take turns by iteration; switching costs what is set, nothing at first",
         "too good where switching costs", f"throughput of an LLM in turns is {turns} off (median), if it is free"),
        ("Dispatch by tokens (fewest tokens) knows how long outputs will be", "too good with that rule",
         "a router can only guess"),
        ("No activations: memory_gib is for weights and cache alone", "too good if memory_gib is not lowered by them",
         "less room is left for the cache"),
        ("No failures during a run", "too good", "Capacity shows what a lost device or node costs"),
        ("Placements are scored on the traffic that they were planned for", "too good",
         "see the score on unseen traffic"),
        *([("Prompts and later tokens on different engines", "not known", NOT_VALIDATED)] if apart else []),
    ]  # fmt: skip


def _errors(check: str, quantity: str) -> np.ndarray:
    return np.array([e.error for e in known_generation_errors() if (e.check, e.quantity) == (check, quantity)])


def _spread(check: str, quantity: str) -> str:
    """The least and the most of signed errors."""
    errors = _errors(check, quantity)
    return f"{words.signed(100 * errors.min(), 1)} to {words.signed(100 * errors.max(), 1)} %"


def _share(check: str, case: str, quantity: str) -> str:
    errors = known_generation_errors()
    return words.share(next(e.error for e in errors if (e.check, e.case, e.quantity) == (check, case, quantity)))
