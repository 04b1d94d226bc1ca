"""The page's look: type, tiles and the verdict as small pieces of HTML; every name in them is escaped."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.background.jobs import OUR_FAULT
from app.look import words
from app.look.theme import THEMES, Theme, placement_style

log = logging.getLogger(__name__)

# Figures reserve this much for each line of their title.
_TITLE_LINE_PX = 28
_CSS = """
<style>
  .stApp {{ font-variant-numeric: tabular-nums; }}
  .stMainBlockContainer {{ padding: 4rem 3rem 3rem; max-width: 1560px; }}
  [data-testid="stSidebarContent"] [data-testid="stVerticalBlock"] {{ gap: 0.55rem; }}
  [data-testid="stSidebarContent"] [data-testid="stHorizontalBlock"] {{ gap: 0.6rem; }}
  [data-testid="stSidebarHeader"] {{ padding-bottom: 0; height: 2.5rem; }}
  @media (max-width: 1100px) {{
    .stMainBlockContainer {{ padding: 4rem 1.5rem 2rem; }}
    .stMainBlockContainer [data-testid="stColumn"]:has(
      .js-plotly-plot, [data-testid="stDataFrame"], [class*="st-key-wide-"]) {{ min-width: 100%; }}
  }}
  .verdict {{ font-size: 25px; line-height: 1.35; font-weight: 600; margin: 8px 0 4px; max-width: 62ch; }}
  .verdict-more {{ font-size: 17px; line-height: 1.45; color: {muted}; margin: 0 0 16px; max-width: 80ch; }}
  .tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 8px 32px;
            border-top: 1px solid {grid}; border-bottom: 1px solid {grid}; padding: 16px 0; margin: 0 0 8px; }}
  .tile-label {{ font-size: 13px; color: {muted}; line-height: 1.3; }}
  .tile-value {{ font-size: 28px; font-weight: 600; line-height: 1.3; white-space: nowrap;
    display: flex; flex-wrap: wrap; align-items: baseline; column-gap: 6px; }}
  .tile-value small {{ font-size: 15px; font-weight: 400; color: {muted}; white-space: normal; }}
  .tile-more {{ font-size: 13px; line-height: 1.4; }}
  .chart-title {{ font-size: 15px; font-weight: 600; line-height: 1.35; margin: 12px 0 0; }}
  .dot {{ display: inline-block; width: 0.62em; height: 0.62em; border-radius: 50%; margin-right: 0.4em; }}
  .quiet {{ font-size: 13px; color: {muted}; line-height: 1.45; }}
  .facts {{ display: flex; flex-wrap: wrap; gap: 4px 28px; font-size: 15px; margin: 0; }}
  [data-testid="stMultiSelect"] [data-tag] *, [data-testid^="stBaseButton-primary"]:enabled,
  [data-testid^="stBaseButton-primary"]:enabled * {{ color: {background}; }}
  .stApp:has(.is-earlier) .stMainBlockContainer :is(.verdict, .verdict-more, .tiles, .facts, .chart-title,
    [data-testid="stPlotlyChart"], [data-testid="stDataFrame"]) {{ opacity: 0.4; }}
  .facts span {{ color: {muted}; margin-right: 6px; }}
</style>
"""


def current_theme() -> Theme:
    """The figures' colours for the browser's light or dark page."""
    return THEMES.get(st.context.theme.type or "light", THEMES["light"])


def draw_style() -> None:
    """Put the page's styles in place."""
    theme = current_theme()
    st.html(_CSS.format(background=theme.background, muted=theme.muted, grid=theme.grid))


def dim_earlier() -> None:
    """Dim the numbers and pictures of this page: they are those of earlier settings."""
    st.html('<span class="is-earlier"></span>')


def dot(hue: int) -> str:
    """A dot in the hue of a placement."""
    return f'<span class="dot" style="background:{placement_style(hue, current_theme()).colour}"></span>'


def verdict_html(hue: int, sentences: str) -> str:
    """The answer in large type: its first sentence, and the others in smaller type beneath."""
    first, _, rest = sentences.partition(". ")
    more = f'<p class="verdict-more">{html.escape(rest)}</p>' if rest else ""
    first = first if first.endswith(".") else first + "."
    return f'<p class="verdict" role="status">{dot(hue)}{html.escape(first)}</p>{more}'


def tile_html(label: str, value: str, side: str = "", differences: Sequence[tuple[int, str]] = ()) -> str:
    """A headline number: its label, the value with a smaller side remark, and differences with their placements."""
    lines = "".join(f'<div class="tile-more">{dot(hue)}{html.escape(text)}</div>' for hue, text in differences)
    small = f" <small>{html.escape(side)}</small>" if side else ""
    return (
        f'<div><div class="tile-label">{html.escape(label)}</div>'
        f'<div class="tile-value">{html.escape(value)}{small}</div>{lines}</div>'
    )


def facts_html(facts: Sequence[tuple[str, str]]) -> str:
    """Small facts in a row: a name and a value each."""
    cells = "".join(f"<div><span>{html.escape(name)}</span>{html.escape(value)}</div>" for name, value in facts)
    return f'<div class="facts">{cells}</div>'


def plain(name: str) -> str:
    """A name for Markdown texts and labels, short and without Markdown's signs."""
    return plain_text(words.shorten(name, 40))


def plain_text(sentence: str) -> str:
    """A sentence with names in it for Markdown, its signs kept as they are."""
    return "".join("\\" + c if c in "\\`*_[]<>#|$~:" else c for c in sentence)


def title_apart(figure: go.Figure) -> str:
    """Take the title out of a figure that nobody else has, so that it can stand above it and wrap with the page."""
    title = figure.layout.title.text or ""
    layout = figure.layout
    freed_px = min(_TITLE_LINE_PX * (1 + title.count("<br>")), layout.margin.t)
    figure.update_layout(title_text="", height=layout.height - freed_px, margin_t=layout.margin.t - freed_px)
    if layout.showlegend and layout.legend.y is None:
        # Beside the plot Plotly sometimes leaves a legend where an earlier margin was, over the bars.
        figure.update_layout(legend={"yref": "container", "y": 1, "yanchor": "top"})
    return title.replace("<br>", " ")


def draw_figure(title: str, figure: go.Figure, key: str, alt: str, **options: Any) -> None:
    """A chart with its title (Plotly text, already escaped) above it, and its description for who cannot see it.

    options: of st.plotly_chart, where a chart is also a control.
    """
    st.html(f'<div class="chart-title">{title}</div>')
    st.plotly_chart(
        figure, theme=None, key=key, alt=alt,
        config={"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
                "toImageButtonOptions": {"format": "svg", "filename": key}},
        **options,
    )  # fmt: skip


def guarded(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A part of a page whose failure costs one sentence, not the page."""

    @wraps(draw)
    def safely(*args: Any, **kwargs: Any) -> Any:
        try:
            return draw(*args, **kwargs)
        except Exception:
            log.exception("a part of the page failed")
            st.error(OUR_FAULT)
            return None

    return safely
