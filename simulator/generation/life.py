"""The life of one request: when it waits, which parts of its prompt are computed when, when it decodes."""

from __future__ import annotations

from typing import NamedTuple

from simulator.generation.result import GenerationResult
from simulator.generation.series import EngineSeries

WAITS, PROMPT, DECODES, WAITS_AGAIN = "waits", "prompt", "decodes", "waits again"
MOVES, WAITS_TO_DECODE = "cache moves", "waits to decode"


class LifeStep(NamedTuple):
    """What happens to a request from begin_s to end_s, seconds on the clock of the workload.

    kind: WAITS for its first admission; PROMPT, one iteration that computes a part of its prompt (and, after it was
    preempted, of what it had generated); DECODES; WAITS_AGAIN, without its cache. tokens: computed or generated in it,
    the one that a completed prompt brings left out; for WAITS_AGAIN those that were forgotten. Where another engine
    decodes: MOVES, until its cache of so many tokens is there; WAITS_TO_DECODE, for admission there.
    """

    kind: str
    begin_s: float
    end_s: float
    tokens: int


def request_life(result: GenerationResult, series: EngineSeries, request: int) -> tuple[LifeStep, ...]:
    """The steps of a request in order; empty unless it was served.

    series: recorded of its group, or of both where another decodes, at least from its arrival to its last token.
    """
    if not result.served[request]:
        return ()
    prompt_tokens = int(result.workload.input_tokens[request])
    events = series.events[series.events["request"] == request]
    steps: list[LifeStep] = []
    free_s, kind, forgotten = float(result.workload.arrival_s[request]), WAITS, 0
    decoding_s, generated, computed = None, 0, 0
    ends_s = series.segments["end_s"].to_numpy()
    columns = (events[name].tolist() for name in ("at_s", "kind", "tokens", "segment"))
    for at_s, what, tokens, segment in zip(*columns, strict=True):
        if what == "preempted":
            if decoding_s is not None:
                made = tokens - computed
                steps.append(LifeStep(DECODES, decoding_s, at_s, made))
                generated += made
            free_s, kind, forgotten = at_s, WAITS_AGAIN, tokens
            decoding_s, computed = None, 0
            continue
        if what == "joined":
            assert result.handoff is not None and decoding_s is not None, "it comes from where its prompt was computed"
            arrived_s = float(result.handoff.arrived_s[request])
            steps += [LifeStep(MOVES, decoding_s, arrived_s, tokens), LifeStep(WAITS_TO_DECODE, arrived_s, at_s, 0)]
            decoding_s = at_s
            continue
        if computed == 0:
            steps.append(LifeStep(kind, free_s, at_s, forgotten))
        end_s = float(ends_s[segment])
        steps.append(LifeStep(PROMPT, at_s, end_s, tokens))
        computed += tokens
        if computed == prompt_tokens + generated:
            generated += 1
            decoding_s = end_s
    left = int(result.workload.output_tokens[request]) - generated
    if left:
        assert decoding_s is not None, "a served request has its prompt computed"
        steps.append(LifeStep(DECODES, decoding_s, float(result.last_token_s[request]), left))
    # Between its prompt and a preemption another engine of the group may have had the only turn.
    return tuple(step for step in steps if step.end_s > step.begin_s and (step.kind != DECODES or step.tokens))
