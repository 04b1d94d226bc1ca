"""The report answers by itself: it holds its numbers and its scenario, asks for nothing, and escapes every name."""

import ast
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.look import words
from app.report import parts
from app.report.answers import AnswerInReport
from app.report.build import CSP, build_report, scenario_of_report
from planner import Scenario, compare, dump_scenario, load_scenario
from planner.evidence.validate import known_errors
from planner.explain import paired_difference
from planner.scenario.link import repeatable
from planner.what_if.sentences import Sentences
from planner.what_if.unseen import held_out, with_unseen
from simulator import InputError

ROOT = Path(__file__).parent.parent
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)> & 'quoted'",
    "a name of exactly sixty characters, which is the longest one",
    "\u202eبطيء \u05d0\u05d1 🙂 <!-- &lt; -->",
)


def scenario(placements, models=HOSTILE, warmup_s=0.0, name="<b>ours</b> & theirs"):
    return Scenario.model_validate(
        {
            "version": 1,
            "name": name,
            "cluster": {"devices": 4, "devices_per_node": 2, "usd_per_device_hour": 3.06},
            "models": [{"name": model, "profile": "bert-1.3b", "slo_scale": 5} for model in models],
            "workload": {"gamma": {"total_rate_per_s": 25, "cv": 3, "duration_s": 60}, "warmup_s": warmup_s},
            "placements": placements,
        }
    )


BY_HAND = {"name": HOSTILE[0], "groups": [{"pp": 4, "models": list(HOSTILE)}]}
SEARCHED = {"name": HOSTILE[3], "search": {"algorithm": "selective_replication"}}
OVER_TIME = {
    "name": HOSTILE[1],
    "schedule": [
        {"start_s": 0, "groups": [{"pp": 2, "models": list(HOSTILE[:2])}]},
        {"start_s": 30, "groups": [{"models": [HOSTILE[2]]}, {"models": [HOSTILE[3]]}]},
    ],
}


@pytest.fixture(scope="module")
def comparison():
    return compare(scenario([BY_HAND, SEARCHED, OVER_TIME], warmup_s=5.0))


@pytest.fixture(scope="module")
def report(comparison):
    return build_report(comparison, "24 November")


def script(report, script_id):
    return re.search(rf'<script type="[^"]+" id="{script_id}">(.*?)</script>', report, re.DOTALL)[1]


def without_scripts(report):
    return re.sub(r"<script.*?</script>", "", report, flags=re.DOTALL)


def test_the_scenario_of_a_report_gives_the_same_numbers_to_the_last_digit(comparison, report):
    again = compare(scenario_of_report(report))
    # As documents, because a number that is not defined differs from itself.
    assert [o.figures.to_json() for o in again.outcomes] == [o.figures.to_json() for o in comparison.outcomes]
    assert all(outcome.search is None for outcome in again.outcomes)


def test_the_scenario_in_the_report_is_the_repeatable_one(comparison, report):
    assert scenario_of_report(report) == repeatable(comparison)
    assert scenario_of_report(report.encode()) == repeatable(comparison)
    shown = re.search(r'<pre id="yaml">(.*?)</pre>', report, re.DOTALL)[1]
    assert html.unescape(shown) == dump_scenario(repeatable(comparison))


def test_the_figures_stand_in_full_in_the_report(comparison, report):
    document = json.loads(script(report, "figures"))
    assert document == with_unseen(comparison.to_json(), held_out(comparison))
    assert [p["name"] for p in document["placements"]] == [HOSTILE[0], HOSTILE[3], HOSTILE[1]]


def test_the_verdict_names_those_that_the_run_cannot_tell_from_the_best(comparison):
    outcomes = comparison.outcomes
    best = max(outcomes, key=lambda o: o.figures.total.slo_attainment)
    twin = replace(best, name="a twin")
    for others in ([o for o in outcomes if o is not best], [twin]):
        near = [
            o.name
            for o in sorted(others, key=lambda o: -o.figures.total.slo_attainment)
            if not paired_difference(o.result, best.result, comparison.inputs.warmup_s).is_clear
        ]
        _, said = parts.verdict(replace(comparison, outcomes=(best, *others)))
        assert ("no difference that this run can tell" in said) == bool(near)
        assert words.undecided(near) in said
    assert near == ["a twin"]


def test_verdict_tiles_and_table_say_the_numbers_of_the_comparison(comparison, report):
    page = html.unescape(re.sub(r"<[^>]+>", "|", without_scripts(report)))
    best = max(comparison.outcomes, key=lambda o: o.figures.total.slo_attainment)
    verdict = html.unescape(re.search(r'<p class="verdict" role="status">.*?</p>', report)[0])
    assert words.share(best.figures.total.slo_attainment) in verdict
    for outcome in comparison.outcomes:
        total = outcome.figures.total
        for number in (total.requests, total.served, total.rejected, total.unplaced):
            assert f"|{words.count(number)}|" in page
        assert f"|{words.duration(total.latency_s.p99)}|" in page
    for summary in known_errors():
        assert f"|{100 * summary.mean_abs:.2f}|" in page
    assert "recovered from published results" in page or "estimated" in page


def test_every_figure_has_its_description(report):
    figures = re.findall(r'<figure role="group" aria-label="([^"]*)">', report)
    drawn = re.findall(r'<div id="figure-([a-z0-9-]+)" class="plotly-graph-div"', report)
    assert drawn == ["attainment", "over-time", "latency", "missers", "paired", "differences", "cluster-0",
                     "cluster-1", "cluster-2"]  # fmt: skip
    assert len(figures) == len(drawn) and all(len(alt) > 20 for alt in figures)


def test_no_name_becomes_markup(report):
    page = without_scripts(report)
    assert "<b>" not in page and "<img" not in page and "onerror=alert(2)>" not in page
    assert "\u202e" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
    # Plotly, one for each of nine figures, the two documents and the small one at the end; nothing of the names.
    assert report.count("</script>") == 13
    assert f"<bdi>{html.escape(HOSTILE[0])}</bdi>" in page


def test_plotly_is_there_once_and_nothing_is_loaded(report):
    assert report.count("plotly.js v") <= 2 and len(report) < 8_000_000
    assert f'<meta http-equiv="Content-Security-Policy" content="{CSP}">' in report
    page = without_scripts(report)
    assert not re.search(r'(src|href)="', page) and "@import" not in page and "url(" not in page


def test_a_report_without_requests_or_groups_says_so():
    quiet = scenario([{"name": "empty", "groups": []}], models=("only",))
    workload = quiet.workload.model_copy(
        update={"gamma": quiet.workload.gamma.model_copy(update={"total_rate_per_s": 1e-6})}
    )
    nothing = compare(quiet.model_copy(update={"workload": workload}))
    report = build_report(nothing)
    assert len(nothing.inputs.problem.workload) == 0
    assert "No request arrives, so there is no deadline to meet." in report
    assert "It has no groups, so no request is served." in report


def test_a_report_of_many_models_stays_bounded():
    names = tuple(f"model {i}" for i in range(300))
    many = compare(scenario([{"name": "one", "groups": [{"models": ["model 0"]}]}], models=names))
    report = build_report(many)
    assert f"The first 200 of {words.count(300)}" in html.unescape(report)


def test_a_local_trace_is_named_without_its_folder(tmp_path):
    (tmp_path / "secret-folder").mkdir()
    (tmp_path / "secret-folder" / "mine.csv").write_text("arrival_s,model\n0.5,m\n1.5,m\n")
    (tmp_path / "s.yaml").write_text(
        "version: 1\ncluster: {devices: 1}\nmodels: [{name: m, profile: bert-1.3b, slo_scale: 5}]\n"
        "workload: {trace: {path: secret-folder/mine.csv}}\nplacements: [{name: one, groups: [{models: [m]}]}]\n"
    )
    report = build_report(compare(load_scenario(tmp_path / "s.yaml")))
    assert scenario_of_report(report).workload.trace.path == "mine.csv"
    assert len(scenario_of_report(report).workload.trace.sha256) == 64
    assert "secret-folder" not in report


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no scenario"),
        ("<script id=other>version: 1</script>", "holds no scenario"),
        ('<script id="scenario">version: 2</script>', "of the report"),
        (b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(InputError, match=sentence):
        scenario_of_report(content)


def test_a_comparison_that_was_stopped_at_once_has_no_report(comparison):
    with pytest.raises(InputError, match="at least one"):
        build_report(type(comparison)(comparison.scenario, comparison.inputs, ()))


def test_answers_stand_beneath_the_headline_and_what_was_not_asked_says_so(comparison):
    given = (
        AnswerInReport("Number of devices", "Target 99 %", (Sentences("Devices", "99 % need 5 <devices>."),)),
        AnswerInReport("When traffic grows", reason="Not asked for."),
    )
    page = without_scripts(build_report(comparison, answers=given))
    for said in ("Target 99 %", "<dt>Devices</dt><dd>99 % need 5 &lt;devices&gt;.</dd>", "When traffic grows"):
        assert said in page
    assert "Not asked for." in page
    assert page.index("Not asked for.") < page.index("figure-attainment")


def test_the_report_needs_no_streamlit():
    for name in ("build.py", "parts.py"):
        tree = ast.parse((ROOT / "app" / "report" / name).read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [module for module in imported if module.startswith(("streamlit", "app.look.style", "app.panels"))]
