"""What iterations of a generating model cost: prompts by their tokens, decoding by batch and context."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, neutral_style
from simulator.generation import GenerationProfile

PROMPTS = np.unique(np.geomspace(16, 16_384, 60).astype(int))
BATCHES = np.unique(np.geomspace(1, 256, 40).astype(int))
CONTEXTS = (500, 2_000, 8_000)


def build_iterations_figure(profile: GenerationProfile, theme: Theme = LIGHT) -> go.Figure:
    """Left: a whole prompt in one iteration. Right: decoding by the requests in the batch, a line a context."""
    figure = make_subplots(1, 2, horizontal_spacing=0.1)
    new_figure(theme, describe_iterations(profile), 250, "iterations", figure)
    prefill_ms = [1e3 * profile.iteration_s(0, 0, [(0, int(tokens))]) for tokens in PROMPTS]
    figure.add_scatter(
        x=PROMPTS, y=np.array(prefill_ms), mode="lines", line={"color": theme.text, "width": 2}, showlegend=False,
        hovertemplate="%{x:,} tokens: %{y:,.1f} ms<extra>prompt</extra>", row=1, col=1,
    )  # fmt: skip
    for number, context in enumerate(CONTEXTS):
        style = neutral_style(number, theme, len(CONTEXTS))
        decode_ms = [1e3 * profile.iteration_s(int(batch), int(batch) * context) for batch in BATCHES]
        figure.add_scatter(
            x=BATCHES, y=np.array(decode_ms), mode="lines", name=f"{words.count(context)} tokens of context each",
            line={"color": style.colour, "dash": style.dash, "width": 2}, row=1, col=2,
            hovertemplate="%{x:,} requests: %{y:,.1f} ms<extra>" + f"context {words.count(context)}</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="tokens of one prompt", type="log", dtick=1, tickformat=",~r", row=1, col=1)
    figure.update_xaxes(title_text="requests that decode", row=1, col=2)
    figure.update_yaxes(title_text="prefill, ms", type="log", dtick=1, tickformat=",~r", row=1, col=1)
    figure.update_yaxes(title_text="an iteration, ms", rangemode="tozero", row=1, col=2)
    show_legend(figure)
    return figure


def describe_iterations(profile: GenerationProfile) -> str:
    """A prompt of 1,000 tokens, and one token of a request alone."""
    prompt, token = profile.iteration_s(0, 0, [(0, 1000)]), profile.iteration_s(1, 1000)
    return (
        f"A prompt of {words.count(1000)} tokens takes {words.duration(prompt)}, "
        f"each later token of a request alone {words.duration(token)}"
    )
