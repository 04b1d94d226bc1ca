"""The comparison as one HTML file: it needs no network, opens anywhere, prints, and can be computed again from."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.compare import (
    build_differences_figure,
    build_paired_figure,
    describe_differences,
    describe_paired,
)
from app.figures.over_time import build_over_time_figure, describe_over_time
from app.figures.plan import (
    build_attainment_figure,
    build_latency_figure,
    build_missers_figure,
    describe_attainment,
    describe_latency,
    describe_missers,
)
from app.look import words
from app.report import parts
from app.report.look import CSP, CSS, SCRIPT
from app.report.parts import dot, text
from planner import Comparison, PlacementOutcome, Scenario, dump_scenario, parse_scenario
from planner.explain import model_differences
from planner.scenario.link import repeatable
from simulator import InputError, Schedule, build_timeline
from simulator.metrics import counted_arrivals_s
from simulator.pairs import pair_outcomes

TIMELINE_BINS = 240
MOST_IN_FIGURES = 6
MAX_REPORT_BYTES = 64 * 1024**2
_SCENARIO_ID, _FIGURES_ID = "scenario", "figures"
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
}


def build_report(comparison: Comparison, made_on: str = "") -> str:
    """The whole report as HTML.

    It holds Plotly once, asks for nothing from outside (its content security policy forbids it), and carries the
    scenario (script #scenario, YAML, searched placements filled in) and all figures in full precision (script
    #figures, the document of `simulate --json`). made_on: a date for the head.

    Raises InputError if the comparison holds no placement.
    """
    if not comparison.outcomes:
        raise InputError("The comparison holds no placement yet; a report needs at least one.")
    # What is shown is what is inside: a local trace by its name, without its folder.
    comparison = replace(comparison, scenario=repeatable(comparison))
    yaml = dump_scenario(comparison.scenario)
    best = max(comparison.outcomes, key=lambda o: parts.attainment(o.figures))
    body = [
        parts.head(comparison, made_on),
        parts.verdict(comparison),
        parts.tiles(comparison, best),
        parts.comparison_table(comparison),
        *_overview(comparison, best),
        *_one_against_another(comparison, best),
        "<h2>Placement by placement</h2>",
        *(_placement(comparison, hue) for hue in range(len(comparison.outcomes))),
        parts.sources(comparison),
        parts.reopening(yaml),
        _data(_SCENARIO_ID, "application/yaml", html.escape(yaml, quote=False)),
        # JSON may write "<" as an escape, so nothing in it can end the script.
        _data(_FIGURES_ID, "application/json", json.dumps(comparison.to_json()).replace("<", "\\u003c")),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(comparison.scenario.name)}</title>\n<style>{CSS}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + f"\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def scenario_of_report(content: str | bytes) -> Scenario:
    """The scenario inside a report of build_report; raises InputError if there is none or it is wrong."""
    if len(content) > MAX_REPORT_BYTES:
        raise InputError(
            f"The report has {words.count(len(content))} bytes; at most {words.count(MAX_REPORT_BYTES)} are allowed."
        )
    try:
        page = content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError:
        raise InputError("The report is not text in UTF-8; an HTML report of this planner is allowed.") from None
    reader = _ScriptReader(_SCENARIO_ID)
    reader.feed(page)
    reader.close()
    if not reader.found:
        raise InputError("The file holds no scenario; an HTML report of this planner is allowed.")
    return parse_scenario(html.unescape("".join(reader.pieces)), "of the report")


class _ScriptReader(HTMLParser):
    """Collects the text of the script with an id."""

    def __init__(self, script_id: str) -> None:
        super().__init__(convert_charrefs=False)
        self.script_id = script_id
        self.found = self._inside = False
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "script" and dict(attributes).get("id") == self.script_id and not self.found:
            self.found = self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.pieces.append(data)


def _overview(comparison: Comparison, best: PlacementOutcome) -> list[str]:
    outcomes = comparison.outcomes
    figures = [o.figures for o in outcomes]
    shown = outcomes[:MOST_IN_FIGURES]
    results, warmup_s = [o.result for o in shown], comparison.inputs.warmup_s
    drawn = [_figure("attainment", build_attainment_figure(figures), describe_attainment(figures))]
    drawn.append("<h2>What happens over time</h2>")
    if len(comparison.inputs.problem.workload):
        drawn.append(_over_time(shown, warmup_s))
    drawn.append(
        _figure("latency", build_latency_figure(results, warmup_s=warmup_s), describe_latency(results, warmup_s))
    )
    hue = outcomes.index(best)
    drawn.append(
        f"<h2>Who misses with {dot(hue)}{text(words.shorten(best.name))}</h2>"
        + _figure("missers", build_missers_figure(best.figures, hue=hue), describe_missers(best.figures))
    )
    return drawn


def _over_time(outcomes: Sequence[PlacementOutcome], warmup_s: float) -> str:
    span_s = counted_arrivals_s(outcomes[0].result.workload, warmup_s)
    timelines = [build_timeline(o.result, TIMELINE_BINS, *span_s) for o in outcomes]
    names = [o.name for o in outcomes]
    return _figure("over-time", build_over_time_figure(names, timelines), describe_over_time(names, timelines))


def _one_against_another(comparison: Comparison, best: PlacementOutcome) -> list[str]:
    """The best placement against the next best, model by model and request by request."""
    outcomes = comparison.outcomes
    others = [o for o in outcomes if o is not best]
    if not others:
        return []
    rival = max(others, key=lambda o: parts.attainment(o.figures))
    hues = outcomes.index(rival), outcomes.index(best)
    names = rival.name, best.name
    warmup_s = comparison.inputs.warmup_s
    paired = pair_outcomes(rival.result, best.result, warmup_s)
    differences = model_differences(rival.result, best.result, warmup_s)
    return [
        f"<h2>{dot(hues[1])}{text(words.shorten(best.name))} against "
        f"{dot(hues[0])}{text(words.shorten(rival.name))}</h2>",
        _figure("paired", build_paired_figure(paired, names, hues=hues), describe_paired(paired, names)),
        _figure(
            "differences",
            build_differences_figure(differences, names, hues=hues),
            describe_differences(differences, names),
        ),
    ]


def _placement(comparison: Comparison, hue: int) -> str:
    outcome, problem = comparison.outcomes[hue], comparison.inputs.problem
    placement, remark = outcome.placement, ""
    if isinstance(placement, Schedule):
        remark = f"<p>It changes over time: {len(placement.epochs)} placements, the first is drawn.</p>"
        placement = placement.epochs[0][1]
    picture = "<p>It has no groups, so no request is served.</p>"
    if placement.groups:
        figure = build_cluster_figure(
            placement, problem.models, problem.cluster, hue=hue, requests=problem.workload.requests_per_model()
        )
        picture = _figure(f"cluster-{hue}", figure, describe_cluster(placement, problem.cluster))
    return (
        f"<h3>{dot(hue)}<bdi>{text(outcome.name)}</bdi></h3>"
        + parts.how_found(outcome)
        + remark
        + picture
        + parts.model_table(outcome)
        + parts.group_table(outcome)
    )


def _figure(key: str, figure: go.Figure, alt: str) -> str:
    """A figure with its description; `key` becomes the id of its drawing."""
    drawing = figure.to_html(
        full_html=False, include_plotlyjs=False, include_mathjax=False, config=_CONFIG, div_id=f"figure-{key}"
    )
    return f'<figure role="group" aria-label="{text(alt)}">{drawing}</figure>'


def _data(script_id: str, kind: str, content: str) -> str:
    return f'<script type="{kind}" id="{script_id}">{content}</script>'
