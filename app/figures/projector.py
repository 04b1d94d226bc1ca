"""Figures for a room: no letter smaller than what the last row can read."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

LEAST_PX = 16
# How much wider 16 px is than the size that margins were reserved for.
_WIDER = 1.4


def enlarge(figure: go.Figure) -> None:
    """Set every letter of a figure that nobody else has to LEAST_PX or more, with room for it."""
    layout = figure.layout
    figure.update_layout(
        font_size=LEAST_PX, title_font_size=max(layout.title.font.size or 0, 19), legend_font_size=LEAST_PX,
        hoverlabel_font_size=LEAST_PX, height=(layout.height or 400) + 40,
        margin={"l": _WIDER * (layout.margin.l or 0), "r": _WIDER * (layout.margin.r or 0),
                "t": layout.margin.t + 8, "b": layout.margin.b},
    )  # fmt: skip
    figure.update_xaxes(tickfont_size=LEAST_PX, title_font_size=LEAST_PX)
    figure.update_yaxes(tickfont_size=LEAST_PX, title_font_size=LEAST_PX)
    for annotation in layout.annotations:
        annotation.font.size = max(annotation.font.size or 0, LEAST_PX)
    for trace in figure.data:
        _enlarge_trace(trace)


def _enlarge_trace(trace: Any) -> None:
    for name in ("textfont", "insidetextfont", "outsidetextfont"):
        if name in trace and (getattr(trace, name).size or 0) < LEAST_PX:
            getattr(trace, name).size = LEAST_PX
    if trace.type == "heatmap" and trace.showscale is not False:
        trace.colorbar.tickfont.size = LEAST_PX
        trace.colorbar.title.font.size = LEAST_PX
