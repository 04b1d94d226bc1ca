"""Prompts and later tokens on different engines, on the page and in the report: labelled, and told as they were."""

import numpy as np
import pytest

from app.figures.generation_life import build_token_life_figure, describe_token_request, names_of_steps
from app.figures.generation_timeline import build_lives_figure, drawn_lives
from app.look import words
from app.panels.generation_placement import describe_engines_held
from app.report.generation import build_token_report
from planner.export.layout import lay_out_engines
from planner.generation.compare import compare
from planner.generation.figures import deadlines_kept
from planner.generation.known_errors import NOT_VALIDATED
from planner.generation.record import life_of
from planner.scenario.file import parse_scenario
from simulator.generation import TokenSlo
from tests.test_app_generation import opened
from tests.test_app_plan import errors

APART = """
version: 1
cluster: {devices: 3, memory_gib: 17, device: RTX PRO 6000}
models: [{name: chat, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.03}]
workload:
  gamma: {total_rate_per_s: 8, cv: 2, duration_s: 60}
  tokens: {input: {lognormal: {median: 500, sigma: 0.7}}, output: {lognormal: {median: 200, sigma: 0.7}}}
generation: {kv_transfer_gb_per_s: 1}
placements:
  - name: apart
    groups:
      - {models: [chat], role: prefill}
      - {models: [chat], role: decode}
      - {models: [chat], role: decode}
  - {name: one, groups: [{models: [chat]}]}
"""


@pytest.fixture(scope="module")
def compared():
    return compare(parse_scenario(APART))


def test_every_page_with_figures_says_that_they_are_not_validated():
    at = opened(parse_scenario(APART))
    for page in ("plan", "compare", "timeline", "placement", "capacity", "search", "scenario"):
        at.switch_page(f"views/{page}.py").run()
        assert not at.exception and not errors(at), page
        if page in ("plan", "compare", "timeline", "placement"):
            said = [box.value.replace("\\", "") for box in at.warning]
            assert any(NOT_VALIDATED in text for text in said), page


def test_the_report_says_it_beside_the_speed_of_the_links(compared):
    html = build_token_report(compared)
    assert NOT_VALIDATED in html and "1 GB/s, not validated" in html


def test_the_way_of_a_request_is_told_as_it_was(compared):
    outcome = compared.outcomes[0]
    result = outcome.result
    waited_s = result.handoff.joined_s - result.handoff.arrived_s
    request = int(np.nanargmax(waited_s))
    assert waited_s[request] > 1e-3
    moved_s = result.handoff.arrived_s[request] - result.first_token_s[request]
    text = describe_token_request(result, TokenSlo(), request)
    assert (
        f"moved to engine {result.handoff.engine[request]} within {words.duration(moved_s)} and waited "
        f"{words.duration(waited_s[request])} there" in text
    )
    life = life_of(outcome, compared.inputs, request, 100_000)
    names = names_of_steps(life)
    assert "its cache moves" in names and "waits for admission to decode" in names
    assert life[-1].end_s == result.last_token_s[request]
    figure = build_token_life_figure(result, life, TokenSlo(), request)
    assert list(figure.layout.yaxis.ticktext) == names
    assert "group 1 computes" not in describe_engines_held(lay_out_engines(outcome.placement, compared.inputs.problem))


def test_the_engines_that_decode_show_the_requests_that_they_decode(compared):
    outcome = compared.outcomes[0]
    result = outcome.result
    met = deadlines_kept(compared.inputs.problem, result)["all"]
    window_s = (10.0, 20.0)
    for engine in outcome.figures.engines:
        requests, total = drawn_lives(result, [engine], window_s)
        at = result.engine == engine.engine if engine.role == "prefill" else result.handoff.engine == engine.engine
        there = at & (result.workload.arrival_s < window_s[1]) & (result.last_token_s > window_s[0])
        assert total == there.sum() > 0 and there[requests].all()
        figure = build_lives_figure(result, requests, total, met, None, window_s)
        (moving,) = (bar for bar in figure.data if bar.name == "moves to the engine that decodes")
        np.testing.assert_allclose(
            moving.x, np.nan_to_num(result.handoff.joined_s - result.first_token_s)[requests], atol=1e-12
        )
