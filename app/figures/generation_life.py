"""The life of one request that generates, in words and as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, reserve_left
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, mix, placement_style
from simulator.generation import STATUS, GenerationResult, LifeStep, TokenSlo

_ROW_PX = 22
MOST_STEPS = 40
_NAMES = {"waits": "waits for admission", "waits again": "preempted, waits again", "cache moves": "its cache moves",
          "waits to decode": "waits for admission to decode"}  # fmt: skip


def describe_token_request(result: GenerationResult, slo: TokenSlo, request: int) -> str:
    """What happened to one request, and each deadline it met or missed, in words."""
    workload = result.workload
    arrival_s = float(workload.arrival_s[request])
    lengths = (int(workload.input_tokens[request]), int(workload.output_tokens[request]))
    name = words.shorten(workload.models[int(workload.model[request])])
    head = (
        f"Request {words.count(request)} for {name} arrived at {words.clock(arrival_s, 3)} with "
        f"{words.plural(lengths[0], 'prompt token')} and {words.plural(lengths[1], 'token')} to generate"
    )
    fate = STATUS[result.status[request]]
    if fate == "unplaced":
        return f"{head}; no engine has this model, so it was not served."
    if fate == "too_long":
        return f"{head}; that is longer than the cache of any engine of the model, so it was not served."
    if fate == "rejected":
        return f"{head}; its first token was predicted after its deadline, so it was turned away at once."
    waited_s = float(result.scheduled_s[request]) - arrival_s
    waited = f"waited {words.duration(waited_s)} for admission" if waited_s > 1e-9 else "was admitted at once"
    times = int(result.preemptions[request])
    again = f", was preempted {words.plural(times, 'time')}" if times else ""
    deadlines = _deadlines(result, slo, request)
    verdicts = f". {words.join(deadlines)[0].upper()}{words.join(deadlines)[1:]}" if deadlines else ""
    moved = _moved(result, request)
    return (
        f"{head}. At engine {int(result.engine[request])} it {waited}{moved}{again}, and had its last token "
        f"{words.duration(float(result.e2e_s[request]))} after its arrival{verdicts}."
    )


def _moved(result: GenerationResult, request: int) -> str:
    """Which other engine decoded it, and what that took before it began; empty where none did."""
    if result.handoff is None or result.handoff.engine[request] < 0:
        return ""
    moved_s = float(result.handoff.arrived_s[request] - result.first_token_s[request])
    waited_s = float(result.handoff.joined_s[request] - result.handoff.arrived_s[request])
    waited = f" and waited {words.duration(waited_s)} there" if waited_s > 1e-9 else ""
    return f", moved to engine {int(result.handoff.engine[request])} within {words.duration(moved_s)}{waited}"


def _deadlines(result: GenerationResult, slo: TokenSlo, request: int) -> list[str]:
    """Each quantity of a served request beside its deadline."""
    found = []
    for what, value, limit in (
        ("first token", result.ttft_s[request], slo.ttft_s),
        ("each later token", result.tpot_s[request], slo.tpot_s),
        ("last token", result.e2e_s[request], slo.e2e_s),
    ):
        # An output of one token has no later ones.
        if np.isnan(value):
            continue
        text = f"{what} after {words.duration(float(value))}"
        if limit is not None:
            text += f" of {words.duration(limit)} ({'met' if value <= limit else 'missed'})"
        found.append(text)
    return found


def build_token_life_figure(
    result: GenerationResult, life: Sequence[LifeStep], slo: TokenSlo, request: int, theme: Theme = LIGHT, hue: int = 0
) -> go.Figure:
    """The steps of one request after its arrival, one row each, beside its deadlines on first and last token.

    Of more than MOST_STEPS steps the first are drawn, and the title says how many are not.
    """
    if not life:
        raise LookupError(f"request {request} was never served")
    arrival_s = float(result.workload.arrival_s[request])
    drawn = life[:MOST_STEPS]
    figure = new_figure(theme, _title(result, life, request), 56 + _ROW_PX * len(drawn), "token-life")
    colour = placement_style(hue, theme).colour
    shades = {"prompt": colour, "decodes": mix(colour, theme.background, 0.5)}
    waits = mix(theme.background, theme.text, 0.3)
    names = names_of_steps(drawn)
    begins, lengths = (np.array([1.0 * value for value in values]) for values in zip(
        *((step.begin_s - arrival_s, step.end_s - step.begin_s) for step in drawn), strict=True))  # fmt: skip
    figure.add_bar(
        x=lengths, y=np.arange(len(drawn)), base=begins, orientation="h", width=0.7,
        marker={"color": [shades.get(step.kind, waits) for step in drawn]},
        customdata=np.array(names, dtype=object)[:, None],
        hovertemplate="%{customdata[0]}: from %{base:,.4f} s for %{x:,.4f} s<extra></extra>",
    )  # fmt: skip
    longest_s = max(float((begins + lengths).max()), slo.ttft_s or 0.0)
    for what, limit, value in (("first token", slo.ttft_s, result.ttft_s), ("last token", slo.e2e_s, result.e2e_s)):
        if limit is not None:
            shade = theme.text if value[request] <= limit else theme.missed
            figure.add_vline(x=limit, line={"color": shade, "width": 1.5})
            figure.add_annotation(
                x=limit, y=1, yref="paper", yanchor="bottom", xanchor="right" if limit > longest_s / 2 else "left",
                text=f"deadline of the {what} {words.duration(limit)}", showarrow=False,
                font={"color": shade, "size": AXIS_SIZE},
            )  # fmt: skip
    figure.update_xaxes(title_text="after its arrival (s)", range=[0, 1.04 * longest_s], tickformat=",~r")
    figure.update_yaxes(
        tickvals=np.arange(len(drawn)), ticktext=names, range=[len(drawn) - 0.4, -0.6], showgrid=False, ticksuffix=" "
    )
    reserve_left(figure, names)
    return figure.update_layout(margin_t=figure.layout.margin.t + 18)


def names_of_steps(life: Sequence[LifeStep]) -> list[str]:
    """What every step is, with its tokens."""
    names, chunk = [], 0
    for step in life:
        if step.kind == "prompt":
            chunk += 1
            names.append(f"prompt, part {chunk}: {words.plural(step.tokens, 'token')}")
        elif step.kind == "decodes":
            names.append(f"decodes {words.plural(step.tokens, 'token')}")
        else:
            chunk = 0
            names.append(_NAMES[step.kind])
    return names


def _title(result: GenerationResult, life: Sequence[LifeStep], request: int) -> str:
    more = len(life) - MOST_STEPS
    rest = f"; {words.plural(more, 'later step')} not drawn" if more > 0 else ""
    prompts = sum(step.end_s - step.begin_s for step in life if step.kind == "prompt")
    waits = sum(step.end_s - step.begin_s for step in life if step.kind.startswith("waits"))
    return (
        f"Request {words.count(request)} takes {words.duration(float(result.e2e_s[request]))}: "
        f"{words.duration(waits)} waiting, {words.duration(prompts)} in iterations with its prompt{rest}"
    )
