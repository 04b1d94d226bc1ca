"""Mean latency of replicas and pipelines over the memory of a device, in steps (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import label_ends, line_of, new_figure
from app.figures.lesson import DEDICATED, SHARED
from app.figures.lesson_regions import PIPELINES, REPLICAS
from app.look.theme import LIGHT, Theme, placement_style


def build_memory_figure(
    from_gib: Sequence[float], means_s: np.ndarray, most_gib: float, here_gib: float | None, title: str,
    theme: Theme = LIGHT,
) -> go.Figure:  # fmt: skip
    """Steps that begin at from_gib. means_s: float64 (2, steps), replicas and pipelines. here_gib: what is chosen."""
    figure = new_figure(theme, title, 290, "lesson-memory")
    x = np.append(from_gib, most_gib)
    for way, name in ((DEDICATED, REPLICAS), (SHARED, PIPELINES)):
        figure.add_scatter(
            x=x, y=np.append(means_s[way], means_s[way][-1]), mode="lines", name=name,
            line={**line_of(way, theme), "shape": "hv"},
            hovertemplate="from %{x:.1f} GiB: %{y:.3~r} s<extra>" + name + "</extra>",
        )  # fmt: skip
    if here_gib is not None:
        figure.add_vline(x=here_gib, line={"color": theme.text, "width": 1, "dash": "dot"})
    top = 1.05 * float(means_s.max())
    figure.update_xaxes(title_text="memory of a device for weights (GiB)", range=[from_gib[0] - 1, most_gib])
    figure.update_yaxes(title_text="mean latency (s)", range=[0, top], tickformat=",~r")
    label_ends(figure, (REPLICAS, PIPELINES), [placement_style(way, theme).colour for way in (DEDICATED, SHARED)],
               means_s[:, -1], (0, top), 290)  # fmt: skip
    return figure
