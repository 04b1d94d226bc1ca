"""The comparison as one HTML file: it needs no network, opens anywhere, prints, and can be computed again from."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup, escape
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
from app.look.markup import render
from app.look.theme import FONT_FAMILY, LIGHT
from app.report import parts
from app.report.answers import AnswerInReport
from planner import Comparison, PlacementOutcome, Scenario, dump_scenario, parse_scenario
from planner.compare import attained
from planner.explain import model_differences
from planner.generation.compare import TokenComparison
from planner.scenario.link import repeatable
from planner.scenario.serving_rules import rules_in_words
from planner.what_if.unseen import HeldOut, Unseen, held_out, with_unseen
from planner.what_if.unseen_words import changed_sentence, unseen_sentence
from simulator import InputError, Schedule, build_timeline
from simulator.metrics import counted_arrivals_s
from simulator.pairs import pair_outcomes

TIMELINE_BINS = 240
MOST_IN_FIGURES = 6
MAX_REPORT_BYTES = 64 * 1024**2
# The script of report.html that holds the scenario.
_SCENARIO_ID = "scenario"
# Nothing may be loaded or sent; images that Plotly makes itself are data and blobs.
CSP = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
}


def build_report(comparison: Comparison, made_on: str = "", answers: Sequence[AnswerInReport] = ()) -> str:
    """The whole report as HTML.

    It holds Plotly once, asks for nothing from outside (its content security policy forbids it), and carries the
    scenario (script #scenario, YAML, searched placements filled in) and all figures in full precision (script
    #figures, the document of `simulate --json`). made_on: a date for the head. answers: on numbers of devices, growth
    and losses, which stand beneath the headline.

    Raises InputError if the comparison holds no placement.
    """
    if not comparison.outcomes:
        raise InputError("The comparison holds no placement yet; a report needs at least one.")
    # What is shown is what is inside: a local trace by its name, without its folder.
    unseen = held_out(comparison)
    comparison = replace(comparison, scenario=repeatable(comparison))
    hue, sentences = parts.verdict(comparison)
    best = comparison.outcomes[hue]
    if isinstance(unseen, Unseen):
        sentences = " ".join(filter(None, (changed_sentence(unseen), sentences, unseen_sentence(unseen))))
    return render(
        "report/report.html",
        **frame(comparison, unseen),
        about=parts.about(comparison, made_on),
        best_colour=parts.colour_of(hue),
        best_name=words.shorten(best.name),
        sentences=sentences,
        tiles=parts.tiles(comparison, best),
        comparison_table=parts.comparison_table(comparison, unseen),
        answers=answers,
        not_held_out=unseen if isinstance(unseen, str) else "",
        overview=_overview(comparison, best),
        pair=_one_against_another(comparison, best),
        placements=[_placement(comparison, number) for number in range(len(comparison.outcomes))],
        traffic_facts=parts.traffic_facts(comparison),
        notices=comparison.notices,
        serving_facts=parts.serving_facts(comparison.inputs.problem.serving),
        known_error_table=parts.known_error_table(),
        profile_table=parts.profile_table(comparison),
    )


def frame(comparison: Comparison | TokenComparison, unseen: HeldOut = None) -> dict[str, Any]:
    """What base.html needs: looks, Plotly, the scenario and the figures of the comparison."""
    yaml = dump_scenario(comparison.scenario)
    return {
        "csp": CSP,
        "theme": LIGHT,
        "font": FONT_FAMILY,
        "plotly": Markup(get_plotlyjs()),
        "title": comparison.scenario.name,
        # Exactly as it will be read again, signs that turn the direction of text included.
        "yaml": escape(yaml),
        "yaml_lines": yaml.count("\n"),
        # JSON may write "<" as an escape, so nothing in it can end the script.
        "figures": Markup(json.dumps(with_unseen(comparison.to_json(), unseen)).replace("<", "\\u003c")),
    }


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


@dataclass(frozen=True)
class Drawn:
    """A figure's drawing, and its description for who cannot see it."""

    drawing: Markup
    alt: str


def _overview(comparison: Comparison, best: PlacementOutcome) -> dict[str, Drawn | None]:
    outcomes = comparison.outcomes
    figures = [o.figures for o in outcomes]
    shown = outcomes[:MOST_IN_FIGURES]
    results, warmup_s = [o.result for o in shown], comparison.inputs.warmup_s
    missers = build_missers_figure(best.figures, hue=outcomes.index(best))
    return {
        "attainment": drawn("attainment", build_attainment_figure(figures), describe_attainment(figures)),
        "over_time": _over_time(shown, warmup_s) if len(comparison.inputs.problem.workload) else None,
        "latency": drawn(
            "latency", build_latency_figure(results, warmup_s=warmup_s), describe_latency(results, warmup_s)
        ),
        "missers": drawn("missers", missers, describe_missers(best.figures)),
    }


def _over_time(outcomes: Sequence[PlacementOutcome], warmup_s: float) -> Drawn:
    span_s = counted_arrivals_s(outcomes[0].result.workload, warmup_s)
    timelines = [build_timeline(o.result, TIMELINE_BINS, *span_s) for o in outcomes]
    names = [o.name for o in outcomes]
    return drawn("over-time", build_over_time_figure(names, timelines), describe_over_time(names, timelines))


def _one_against_another(comparison: Comparison, best: PlacementOutcome) -> dict[str, Any] | None:
    """The best placement against the next best, model by model and request by request; None where it is alone."""
    outcomes = comparison.outcomes
    others = [o for o in outcomes if o is not best]
    if not others:
        return None
    rival = max(others, key=attained)
    hues, names = (outcomes.index(rival), outcomes.index(best)), (rival.name, best.name)
    warmup_s = comparison.inputs.warmup_s
    paired = pair_outcomes(rival.result, best.result, warmup_s)
    gaps = model_differences(rival.result, best.result, warmup_s)
    differences = build_differences_figure(gaps, names, hues=hues)
    return {
        "colour": parts.colour_of(hues[0]),
        "name": words.shorten(rival.name),
        "paired": drawn("paired", build_paired_figure(paired, names, hues=hues), describe_paired(paired, names)),
        "differences": drawn("differences", differences, describe_differences(gaps, names)),
    }


def _placement(comparison: Comparison, hue: int) -> dict[str, Any]:
    outcome, problem = comparison.outcomes[hue], comparison.inputs.problem
    placement, epochs = outcome.placement, 1
    if isinstance(placement, Schedule):
        epochs, placement = len(placement.epochs), placement.epochs[0][1]
    picture = None
    if placement.groups:
        figure = build_cluster_figure(
            placement, problem.models, problem.cluster, hue=hue, requests=problem.workload.requests_per_model()
        )
        picture = drawn(f"cluster-{hue}", figure, describe_cluster(placement, problem.cluster))
    return {
        "colour": parts.colour_of(hue),
        "name": outcome.name,
        "how_found": f"{parts.how_found(outcome.search)}{_own_rules(comparison, outcome.name)}",
        "epochs": epochs,
        "picture": picture,
        "models": parts.model_table(outcome),
        "groups": parts.group_table(outcome),
    }


def _own_rules(comparison: Comparison, name: str) -> str:
    rules = next((section.serving_rules for section in comparison.scenario.placements if section.name == name), {})
    return f" Served under its own rules: {rules_in_words(rules)}." if rules else ""


def drawn(key: str, figure: go.Figure, alt: str) -> Drawn:
    """A figure and its description; `key` becomes the id of its drawing."""
    drawing = figure.to_html(
        full_html=False, include_plotlyjs=False, include_mathjax=False, config=_CONFIG, div_id=f"figure-{key}"
    )
    return Drawn(Markup(drawing), alt)
