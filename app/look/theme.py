"""Colours, type and the Plotly template: one look for every figure, once for light and once for dark.

Colour means one thing each (the look guide): hue is the placement, red is a missed deadline, the neutral ramp is
models, the sequential ramp is magnitude. Tabular figures come from the page's CSS (`font-variant-numeric`), which
the figures inherit; Plotly itself has no setting for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import plotly.graph_objects as go

FONT_FAMILY = "Source Sans, Inter, Segoe UI, Helvetica Neue, Arial, sans-serif"
AXIS_SIZE, BODY_SIZE, TITLE_SIZE = 12, 13, 15
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star")


@dataclass(frozen=True)
class Theme:
    """One set of colours, all as "#RRGGBB".

    Attributes:
        name: "light" or "dark".
        background, text, muted, grid: of the page, its writing, its side remarks, its rules.
        hues: of the placements, in the order of the basket.
        missed: a missed deadline, and nothing else.
        unplaced: requests for models that no group holds.
        models: ends of the neutral ramp for models, most loaded first.
        ramp: the sequential ramp for magnitude, evenly light, from the background on.
    """

    name: str
    background: str
    text: str
    muted: str
    grid: str
    hues: tuple[str, ...]
    missed: str
    unplaced: str
    models: tuple[str, str]
    ramp: tuple[str, ...]


LIGHT = Theme(
    name="light",
    background="#FFFFFF",
    text="#101828",
    muted="#667085",
    grid="#E4E7EC",
    hues=("#2563EB", "#D97706", "#0D9488", "#7C3AED", "#DB2777", "#475569"),
    missed="#D92D20",
    unplaced="#98A2B3",
    models=("#475467", "#DDE1E7"),
    ramp=("#FFFFFF", "#DCE5C5", "#B5CD93", "#8DB36C", "#669952", "#457D43", "#30603A", "#19452B", "#002D18"),
)
# The same hues, lifted until they stand out from a dark page as much as the others from a white one.
DARK = Theme(
    name="dark",
    background="#0F141B",
    text="#F2F4F7",
    muted="#98A2B3",
    grid="#2A323D",
    hues=("#6B9BFF", "#F2A33A", "#2CC4B4", "#AC86FA", "#F273AE", "#B4C0D0"),
    missed="#F97066",
    unplaced="#667085",
    models=("#CDD3DC", "#3A4452"),
    ramp=("#0F141B", "#162F1F", "#1D4D28", "#326A31", "#548640", "#7BA15A", "#A3BB82", "#C9D6A5", "#ECF5C1"),
)
# The hue of sentences about no placement.
NEUTRAL_HUE = 5
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


@dataclass(frozen=True)
class PlacementStyle:
    """How one placement is drawn everywhere: hue, light tint of it, dash of lines, shape of points."""

    colour: str
    tint: str
    dash: str
    symbol: str


def placement_style(hue: int, theme: Theme) -> PlacementStyle:
    """The style of the placement with this hue, 0 first; after six they come round again."""
    colour = theme.hues[hue % len(theme.hues)]
    return PlacementStyle(
        colour, mix(colour, theme.background, 0.55), DASHES[hue % len(DASHES)], SYMBOLS[hue % len(SYMBOLS)]
    )


def neutral_style(hue: int, theme: Theme, count: int = 3) -> PlacementStyle:
    """The style of one of `count` series that are no placements: greys, told apart by dash and shape as well."""
    colour = mix(theme.text, theme.background, 0.55 * hue / max(count - 1, 1))
    return PlacementStyle(
        colour, mix(colour, theme.background, 0.55), DASHES[hue % len(DASHES)], SYMBOLS[hue % len(SYMBOLS)]
    )


def tints(colour: str, count: int, theme: Theme) -> list[str]:
    """`count` tints of one hue, the full colour first, for the groups of one placement."""
    return [mix(colour, theme.background, 0.5 * i / max(count - 1, 1)) for i in range(count)]


def colour_scale(theme: Theme) -> list[list]:
    """The sequential ramp as Plotly wants it: [share, colour] pairs."""
    last = len(theme.ramp) - 1
    return [[i / last, colour] for i, colour in enumerate(theme.ramp)]


def mix(colour: str, other: str, share: float) -> str:
    """The colour with `share` (0..1) of the other one mixed in, "#RRGGBB"."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def see_through(colour: str, opacity: float) -> str:
    """The colour "#RRGGBB" with an opacity 0..1, as "rgba(...)"."""
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


@cache
def plotly_template(theme: Theme) -> go.layout.Template:
    """The template that every figure uses: no frame, light horizontal rules only, the page's colours and font."""
    axis = {
        "showline": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": AXIS_SIZE, "color": theme.muted},
        "title": {"font": {"size": AXIS_SIZE, "color": theme.muted}, "standoff": 8},
        "automargin": True,
        "exponentformat": "none",
    }
    layout = go.Layout(
        paper_bgcolor=theme.background,
        plot_bgcolor=theme.background,
        colorway=theme.hues,
        font={"family": FONT_FAMILY, "size": BODY_SIZE, "color": theme.text},
        title={"font": {"size": TITLE_SIZE, "color": theme.text}, "x": 0, "xref": "container", "xanchor": "left"},
        xaxis=axis | {"showgrid": False},
        yaxis=axis | {"showgrid": True, "gridcolor": theme.grid, "gridwidth": 1},
        hoverlabel={
            "bgcolor": mix(theme.background, theme.text, 0.06),
            "bordercolor": theme.grid,
            "font": {"family": FONT_FAMILY, "size": AXIS_SIZE, "color": theme.text},
            "align": "left",
        },
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        # The point is the decimal sign; thousands are set apart by a thin space.
        separators=".\u202f",
        annotationdefaults={"font": {"size": AXIS_SIZE, "color": theme.muted}, "showarrow": False},
        bargap=0.35,
        dragmode="zoom",
    )
    # Plotly looks for the colour of a text in every bar, and measures the text, unless it is told that there is none.
    return go.layout.Template(layout=layout, data={"bar": [{"textposition": "none"}]})


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
