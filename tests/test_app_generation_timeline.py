"""The page Timeline of models that generate: what it says is counted again on the whole recorded run."""

import re

import numpy as np
import pytest

from app.figures.generation_life import build_token_life_figure, describe_token_request, names_of_steps
from app.figures.generation_timeline import MOST_LIVES, build_iterations_figure, describe_iterations, drawn_lives
from app.look import words
from app.panels import generation_timeline_view
from app.panels.generation_timeline_view import MOST_ROWS
from planner.generation.compare import compare
from planner.generation.figures import deadlines_kept
from planner.generation.record import life_of, record_group
from planner.scenario.file import parse_scenario
from planner.scenario.schema import PlacementSection
from simulator.generation import STATUS, TokenSlo, record_engines
from tests.cases import shown_key
from tests.test_app_generation import EXAMPLE, opened
from tests.test_app_plan import errors, session

# Little memory beside the weights, so that requests are preempted; two engines share devices.
TIGHT = """
version: 1
cluster: {devices: 3, memory_gib: 15.7, device: RTX PRO 6000}
models:
  - {name: chat, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}
  - {name: code, generation: llama-3.1-8b, slo_e2e_s: 20}
workload:
  gamma: {total_rate_per_s: 5, cv: 2, duration_s: 60}
  tokens: {input: {lognormal: {median: 500, sigma: 0.7}}, output: {lognormal: {median: 300, sigma: 0.7}}}
placements:
  - {name: own, groups: [{models: [chat]}, {models: [code]}, {models: [chat]}]}
"""


def seen(at):
    texts = [e.proto.body for e in at.get("html")] + [e.value for e in (*at.markdown, *at.caption, *at.info)]
    return re.sub(r"\\(.)", r"\1", "\n".join(texts))


def timeline(scenario, **address):
    at = opened(scenario)
    for key, value in address.items():
        at.query_params[key] = value
    at.switch_page("views/timeline.py").run()
    assert not at.exception and not errors(at)
    return at


@pytest.fixture(scope="module")
def tight():
    compared = compare(parse_scenario(TIGHT))
    (outcome,) = compared.outcomes
    assert outcome.figures.total.preemptions > 20
    return compared.inputs, outcome


def test_it_begins_where_requests_wait_and_says_what_the_recorded_run_says(tight):
    inputs, outcome = tight
    at = timeline(parse_scenario(TIGHT))
    start_s = at.number_input(key=shown_key(at, "timeline.start")).value
    end_s = start_s + at.number_input(key=shown_key(at, "timeline.length")).value
    group = at.selectbox(key=shown_key(at, "timeline.engines")).value
    whole = record_engines(
        inputs.problem.engine_groups(outcome.placement.groups, "own"), inputs.problem.workload,
        inputs.problem.section.dispatch,
    )  # fmt: skip
    rows = whole.segments[(whole.segments.engine == group) & (whole.segments.end_s > start_s)
                          & (whole.segments.begin_s < end_s)]  # fmt: skip
    assert rows.waiting.max() > 0
    inside_s = rows.end_s.clip(upper=end_s) - rows.begin_s.clip(lower=start_s)
    share = words.share(inside_s[rows.prefilling > 0].sum() / inside_s.sum())
    gone = whole.events[(whole.events.kind == "preempted") & whole.events.at_s.between(start_s, end_s, "left")]
    gone = (outcome.result.engine[gone["request"]] == group).sum()
    expected = (
        f"own: {words.plural(rows.iterations.sum(), 'iteration')}, {share} of their time with prompts; up to "
        f"{words.count(rows.waiting.max())} requests wait for admission, {words.plural(gone, 'preemption')}"
    )
    assert expected in seen(at)
    request = at.number_input(key=shown_key(at, "timeline.request")).value
    met = deadlines_kept(inputs.problem, outcome.result)["all"]
    assert not met[request] and outcome.result.engine[request] == group
    assert start_s <= inputs.problem.workload.arrival_s[request] <= end_s
    slo = inputs.problem.models[inputs.problem.workload.model[request]].slo
    assert describe_token_request(outcome.result, slo, request) in seen(at)


def test_the_address_says_what_is_looked_at_and_a_long_stretch_is_drawn_in_parts(monkeypatch):
    monkeypatch.setattr(generation_timeline_view, "MOST_ROWS", 500)
    at = timeline(EXAMPLE, start="0", end="290", groups="1", request="7")
    assert at.number_input(key=shown_key(at, "timeline.request")).value == 7
    assert at.selectbox(key=shown_key(at, "timeline.engines")).value == 1
    assert "Request 7 for " in seen(at) and "drawn in 240 equal parts" in seen(at)
    for _ in range(5):
        at.button(key="timeline.Closer").click().run()
    assert not at.exception and not errors(at) and "equal parts" not in seen(at)
    assert at.number_input(key=shown_key(at, "timeline.length")).value == pytest.approx(290 / 32, abs=1e-3)
    at.number_input(key=shown_key(at, "timeline.length")).set_value(0.0).run()
    assert errors(at) == ["A stretch of 0 s has nothing in it; more than 0 s are allowed."]
    at.button(key="timeline.busiest").click().run()
    figures = next(e for e in session(at).answer.shown if e.section.name == "Dedicated").outcome.figures
    waiting = figures.over_time.most_waiting
    engine, column = np.unravel_index(waiting.argmax(), waiting.shape)
    start_s = at.number_input(key=shown_key(at, "timeline.start")).value
    middle_s = start_s + at.number_input(key=shown_key(at, "timeline.length")).value / 2
    assert middle_s == pytest.approx(figures.over_time.edges_s[column : column + 2].mean(), abs=1e-3)
    assert at.selectbox(key=shown_key(at, "timeline.engines")).value == figures.engines[engine].group


@pytest.mark.parametrize("kind", ["in time", "late", "preempted"])
def test_the_next_request_of_a_kind_is_found_with_its_engine(tight, kind):
    inputs, outcome = tight
    result, met = outcome.result, deadlines_kept(inputs.problem, outcome.result)["all"]
    holds = {"in time": met, "late": ~met & result.served, "preempted": result.preemptions > 0}[kind]
    at = timeline(parse_scenario(TIGHT), request="0")
    at.button(key=f"timeline.next.{kind}").click().run()
    found = at.number_input(key=shown_key(at, "timeline.request")).value
    assert holds[found] and not holds[1:found].any()
    assert at.selectbox(key=shown_key(at, "timeline.engines")).value == result.engine[found]
    assert not at.exception and not errors(at)


def test_the_sentence_about_a_request_is_that_of_its_times(tight):
    inputs, outcome = tight
    result = outcome.result
    for request in (*np.flatnonzero(result.preemptions)[:3], 0, 5):
        slo = inputs.problem.models[result.workload.model[request]].slo
        said = describe_token_request(result, slo, int(request))
        e2e_s = result.last_token_s[request] - result.workload.arrival_s[request]
        assert f"last token {words.duration(e2e_s)} after its arrival" in said
        assert ("was preempted" in said) == bool(result.preemptions[request])
        for limit, value in ((slo.ttft_s, result.first_token_s[request] - result.workload.arrival_s[request]),
                             (slo.e2e_s, e2e_s)):  # fmt: skip
            if limit is not None:
                verdict = "met" if value <= limit else "missed"
                assert f"{words.duration(value)} of {words.duration(limit)} ({verdict})" in said
        life = life_of(outcome, inputs, int(request), 10**6)
        figure = build_token_life_figure(result, life, slo, int(request))
        assert figure.data[0].base[0] == pytest.approx(life[0].begin_s - result.workload.arrival_s[request])
        tokens = sum(step.tokens for step in life if step.kind in ("prompt", "decodes"))
        lost = sum(step.tokens for step in life if step.kind == "waits again")
        assert tokens - lost == result.workload.input_tokens[request] + result.workload.output_tokens[request] - 1
        assert len(names_of_steps(life)) == len(life)


def test_requests_that_nobody_served_are_told_of_in_words(tight):
    inputs, outcome = tight
    result = outcome.result
    too_long = int(np.flatnonzero(result.status == STATUS.index("too_long"))[0]) if (result.status == 1).any() else None
    if too_long is not None:
        assert "longer than the cache" in describe_token_request(result, TokenSlo(ttft_s=1), too_long)
        assert life_of(outcome, inputs, too_long, 100) == ()
    scenario = parse_scenario(TIGHT).model_copy(
        update={"placements": [PlacementSection(name="chat only", groups=[{"models": ["chat"]}])]}
    )
    (alone,) = compare(scenario).outcomes
    unplaced = int(np.flatnonzero(alone.result.status == STATUS.index("unplaced"))[0])
    assert "no engine has this model" in describe_token_request(alone.result, TokenSlo(ttft_s=1), unplaced)


def test_the_picture_of_a_stretch_holds_all_its_iterations_and_requests(tight):
    inputs, outcome = tight
    window_s, engines = (20.0, 40.0), outcome.figures.engines[1:2]
    series = record_group(outcome, inputs, 1, window_s, MOST_ROWS)
    figure = build_iterations_figure("own", engines, series, window_s)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(len(trace.x) for trace in bars) == len(series.segments) > 50
    drawn = {trace.meta: trace for trace in figure.data if trace.meta}
    tokens = (series.segments.decoding + series.segments.prefill_tokens).max()
    assert drawn["tokens"].y.max() == tokens <= 2048
    assert drawn["cache"].y.max() == pytest.approx(100 * series.segments.pool_used.max())
    crosses = [len(trace.x) for trace in figure.data if trace.name == "preempted"]
    assert sum(crosses) == (series.events.kind == "preempted").sum()
    empty = record_group(outcome, inputs, 0, (1e4, 1e4 + 1), MOST_ROWS)
    assert "compute nothing" in describe_iterations("own", empty, (1e4, 1e4 + 1))
    requests, total = drawn_lives(outcome.result, engines, window_s)
    result = outcome.result
    there = [r for r in range(len(result.workload)) if result.engine[r] == 1
             and result.workload.arrival_s[r] < window_s[1] and result.last_token_s[r] > window_s[0]]  # fmt: skip
    assert total == len(there) and set(requests.tolist()) <= set(there) and requests.size == min(total, MOST_LIVES)
    running = [r for r in there if result.scheduled_s[r] < window_s[1]]
    assert set(running) <= set(requests.tolist()) and len(running) < MOST_LIVES
    assert all(r in drawn_lives(result, engines, window_s, r)[0] for r in there)
