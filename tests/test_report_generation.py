"""The report of models that generate: its numbers are those of the comparison, its scenario gives them again."""

import ast
import html
import json
import re

import pytest

from app.look import words
from app.look.causes import causes_in_words
from app.look.markup import calm
from app.report.build import CSP, scenario_of_report
from app.report.generation import build_token_report, comparison_table, mixed_in_words, verdict
from app.state.sharing import report_of
from planner.generation.causes import missed_by_cause
from planner.generation.compare import compare
from planner.generation.known_errors import NOT_MODELLED
from planner.scenario.file import parse_scenario
from simulator import InputError
from tests.test_app_generation import EXAMPLE, opened
from tests.test_app_generation_placement import MIXED
from tests.test_app_generation_timeline import TIGHT
from tests.test_app_plan import session
from tests.test_report import ROOT, script, without_scripts

HOSTILE = "</script><b>it</b> & \\u202e"
MORE = "  - {name: empty, groups: []}\n  - {name: shared, search: {algorithm: shared}}\n"
SCENARIO = TIGHT.replace("{name: own,", f'{{name: "{HOSTILE}",') + MORE


@pytest.fixture(scope="module")
def comparison():
    return compare(parse_scenario(SCENARIO))


@pytest.fixture(scope="module")
def report(comparison):
    return build_token_report(comparison, "24 November")


def test_the_scenario_of_the_report_gives_its_numbers_again(comparison, report):
    again = compare(scenario_of_report(report))
    assert [o.figures.to_json() for o in again.outcomes] == [o.figures.to_json() for o in comparison.outcomes]
    assert all(outcome.search is None for outcome in again.outcomes)
    document = json.loads(script(report, "figures"))
    assert document == json.loads(json.dumps(comparison.to_json()))


def test_verdict_and_table_say_the_numbers_of_the_comparison(comparison, report):
    page = html.unescape(re.sub(r"<[^>]+>", "|", without_scripts(report)))
    ranked = sorted(comparison.outcomes, key=lambda o: -o.slo_attainment)
    assert calm(verdict(comparison, ranked))[:60] in page.replace("|", "")
    assert words.share(ranked[0].slo_attainment) in verdict(comparison, ranked)
    table = comparison_table(comparison)
    for row, outcome in zip(table.rows, comparison.outcomes, strict=True):
        total, cells = outcome.figures.total, dict(zip(table.header, row, strict=True))
        assert cells["all deadlines met"].startswith(words.share(total.attainment["all"]))
        assert cells["preempted"] == words.count(total.preemptions)
        assert cells["unplaced"] == words.count(total.unplaced)
        assert cells["TTFT p99"] == (words.duration(total.ttft_s.p99) if total.ttft_s else words.NOTHING)
        assert all(str(cell) in page for cell in row[1:])
        assert causes_in_words(missed_by_cause(outcome, comparison.inputs)) in page
    assert NOT_MODELLED in page and "layer times of LLMServingSim" in page
    assert "It has no engines, so nothing is generated." in page


def test_every_figure_has_its_description_and_nothing_is_loaded(comparison, report):
    figures = re.findall(r'<figure role="group" aria-label="([^"]*)">', report)
    drawn = re.findall(r'<div id="figure-([a-z0-9-]+)" class="plotly-graph-div"', report)
    assert drawn == ["deadlines", "latency", "differences", "memory-0", "engines-0", "memory-2", "engines-2"]
    assert len(figures) == len(drawn) and all(len(alt) > 20 for alt in figures)
    assert f'<meta http-equiv="Content-Security-Policy" content="{CSP}">' in report
    page = without_scripts(report)
    assert not re.search(r'(src|href)="', page) and "@import" not in page and "url(" not in page
    assert "<b>" not in page and "\u202e" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)


def test_the_page_offers_the_report_of_what_it_shows():
    at = opened(EXAMPLE)
    (button,) = [b for b in at.get("download_button") if b.proto.label == "Report"]
    assert not button.proto.disabled
    answer = session(at).answer
    document = json.loads(script(report_of(session(at), answer), "figures"))
    assert [p["slo_attainment"] for p in document["placements"]] == [e.outcome.slo_attainment for e in answer.shown]


def test_a_comparison_without_placements_has_no_report(comparison):
    with pytest.raises(InputError, match="at least one"):
        build_token_report(type(comparison)(comparison.scenario, comparison.inputs, ()))


def test_the_report_needs_no_streamlit():
    tree = ast.parse((ROOT / "app" / "report" / "generation.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(module.startswith(("streamlit", "app.panels", "app.state", "app.controls")) for module in modules)


def test_a_report_on_models_of_both_kinds_says_what_counts_where(comparison):
    both = compare(parse_scenario(MIXED))
    sentence = mixed_in_words(both.inputs)
    assert f"{words.plural(len(both.inputs.fixed.workload), 'request')} to models with fixed latencies" in sentence
    assert verdict(both, list(both.outcomes)).endswith(sentence)
    total, fixed = both.outcomes[0].figures.total, both.outcomes[0].fixed_figures.total
    assert comparison_table(both).rows[0][both_column(both)] == words.count(total.requests)
    assert fixed.requests == len(both.inputs.fixed.workload)
    assert "fixed latencies" not in verdict(comparison, list(comparison.outcomes))


def both_column(comparison):
    """Where the table counts requests."""
    return comparison_table(comparison).header.index("requests")
