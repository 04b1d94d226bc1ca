"""The page's look: type, tiles and the verdict as small pieces of HTML; every name in them is escaped."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from markupsafe import Markup
from streamlit.components.v2 import component

from app.background.jobs import OUR_FAULT
from app.look import words
from app.look.markup import piece, render
from app.look.theme import THEMES, Theme, placement_style

log = logging.getLogger(__name__)

# What the front end reads as an icon or a link when Markdown's signs are gone: a joiner without width parts it.
_APART = re.compile(r"(?<=:)(?=material[/_]|streamlit:)|(?<=:/)(?=/)|(?<=www)(?=\.)|(?<=\w@)(?=\w)", re.IGNORECASE)
# What begins a list, a heading or code at the beginning of a line only.
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_BEGINNING = re.compile(r"^(\d*)([-+=]|(?<=\d)[.)])(?=\s|=|-|$)", re.MULTILINE)
# Figures reserve this much for each line of their title.
_TITLE_LINE_PX = 28
_WATCH = component("theme_watch", js=Path(__file__).with_name("theme_watch.js").read_text(encoding="utf-8"))
_CHART_TOOLS = component("chart_tools", js=Path(__file__).with_name("chart_tools.js").read_text(encoding="utf-8"))
_PAGE_TOP = component("page_top", js=Path(__file__).with_name("page_top.js").read_text(encoding="utf-8"))


def current_theme() -> Theme:
    """The figures' colours for the browser's light or dark page."""
    return THEMES.get(st.context.theme.type or "light", THEMES["light"])


def draw_style(page: str) -> None:
    """Put the styles of the page in place, and what its charts, a change of page and one from light to dark need."""
    theme = current_theme()
    st.html(render("look/page.html", theme=theme))
    with st.container(key="page-scripts"):
        _WATCH(key="theme_watch", data=theme.name, on_turned_change=lambda: None)
        _CHART_TOOLS(key="chart-tools")
        _PAGE_TOP(key="page-top", data=page)


def dim_earlier() -> None:
    """Dim the numbers and pictures of this page: they are those of earlier settings."""
    st.html(render("look/earlier.html"))


def enlarge_for_a_room() -> None:
    """Nothing on this page smaller than 16 px."""
    st.html(render("look/room.html"))


def colour_of(hue: int) -> str:
    """The colour of a placement on this page."""
    return placement_style(hue, current_theme()).colour


def verdict_html(hue: int, sentences: str) -> Markup:
    """The answer in large type: its first sentence, and the others in smaller type beneath."""
    return piece("verdict", colour_of(hue), sentences)


def tile_html(label: str, value: str, side: str = "", differences: Sequence[tuple[int, str]] = ()) -> Markup:
    """A headline number: its label, the value with a smaller side remark, and differences with their placements."""
    return piece("tile", label, value, side, [(colour_of(hue), text) for hue, text in differences])


def facts_html(facts: Sequence[tuple[str, str]]) -> Markup:
    """Small facts in a row: a name and a value each."""
    return piece("facts", facts)


def plain(name: str) -> str:
    """A name for Markdown texts and labels, short and without Markdown's signs."""
    return plain_text(words.shorten(name, 40))


def plain_text(sentence: str) -> str:
    """A sentence with names in it for Markdown, its signs kept as they are."""
    apart = _INDENT.sub("", _APART.sub("\u2060", sentence))
    signs = "".join("\\" + c if c in "\\`*_[]<>#|$~:&" else c for c in apart)
    return _BEGINNING.sub(r"\1\\\2", signs)


def title_apart(figure: go.Figure) -> str:
    """Take the title out of a figure that nobody else has, so that it can stand above it and wrap with the page.

    The figure keeps it in its meta data for full screen and saved pictures.
    """
    title = figure.layout.title.text or ""
    layout = figure.layout
    freed_px = min(_TITLE_LINE_PX * (1 + title.count("<br>")), layout.margin.t)
    figure.update_layout(title_text="", height=layout.height - freed_px, margin_t=layout.margin.t - freed_px)
    if layout.showlegend and layout.legend.y is None:
        # Beside the plot Plotly sometimes leaves a legend where an earlier margin was, over the bars.
        figure.update_layout(legend={"yref": "container", "y": 1, "yanchor": "top"})
    title = title.replace("<br>", " ")
    figure.update_layout(meta={**(figure.layout.meta or {}), "title": title})
    return title


def _page_of(figure: go.Figure) -> str:
    """A page with nothing but a figure, whose title was taken apart."""
    layout = figure.layout
    title = (layout.meta or {}).get("title", "")
    room_px = _TITLE_LINE_PX if title else 0
    whole = go.Figure(figure).update_layout(title_text=title, height=layout.height + room_px,
                                            margin_t=layout.margin.t + room_px)  # fmt: skip
    if layout.legend.yref == "container":
        whole.update_layout(legend_y=1 - room_px / whole.layout.height)
    return whole.to_html(include_plotlyjs=True, full_html=True)


def draw_figure(title: str, figure: go.Figure, key: str, alt: str, **options: Any) -> Any:
    """A chart with its title (Plotly text, already escaped) above it, and its description for who cannot see it.

    Its toolbar (chart_tools.js) saves it as PNG, SVG, and as a page of its own, in which one can zoom. options: of
    st.plotly_chart, where a chart is also a control; gives what that gives.
    """
    if title:
        st.html(f'<div class="chart-title">{title}</div>')
    # Not seen: the toolbar clicks it.
    st.download_button("Chart (HTML)", partial(_page_of, figure), f"{key}.html", "text/html", key=f"html:{key}",
                       on_click="ignore")  # fmt: skip
    return st.plotly_chart(
        figure, theme=None, key=key, alt=alt,
        config={"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
                "toImageButtonOptions": {"filename": key}},
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
