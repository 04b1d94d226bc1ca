"""More traffic: what the sentences claim of devices, multiples and days is computed again."""

import datetime
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import compare, parse_scenario
from planner.scenario.schema import PlacementSection
from planner.what_if.capacity import find_capacity
from planner.what_if.growth import MOST_TIMES, Growth, TriedTraffic, find_growth
from planner.what_if.growth_words import DAYS_A_MONTH, MOST_YEARS, dates, growth_sentences
from planner.what_if.plan import Needed
from planner.what_if.variation import vary
from simulator import InputError, words

TODAY = datetime.date(2026, 3, 1)
SECTION = PlacementSection(name="Replication", search={"algorithm": "selective_replication"})


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario("""
version: 1
cluster: {devices: 6, usd_per_device_hour: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 3, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 20, cv: 3, duration_s: 60}}
""")


@pytest.fixture(scope="module", params=[0.9, 0.97, 0.999])
def growth(request, scenario):
    return find_growth(scenario, request.param, SECTION, times=2.0)


def met(scenario, rate_scale, devices):
    """What one search for this traffic on these devices meets."""
    varied = vary(vary(scenario, "rate_scale", rate_scale), "devices", devices)
    (outcome,) = compare(varied.model_copy(update={"placements": [SECTION]}).in_folder(varied.folder)).outcomes
    return outcome.slo_attainment


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def said(growth, percent=5.0, price=0.0):
    return [plain(part.text) for part in growth_sentences(growth, percent, TODAY, price)]


def test_the_devices_stop_sufficing_between_two_multiples_of_the_traffic(growth, scenario):
    borne, fails = growth.at(growth.bears), growth.at(growth.fails)
    assert borne.slo_attainment >= growth.target > met(scenario, growth.fails, 6)
    assert fails.slo_attainment < growth.target
    assert 1 < growth.fails / growth.bears <= 1.05
    below = [tried for tried in growth.tried if tried.rate_scale < growth.fails]
    assert below and all(tried.reaches for tried in below)
    numbers = [float(n) for n in re.findall(r"([\d.]+) times", said(growth)[0])]
    assert set(numbers) <= {float(words.number(growth.bears)), float(words.number(growth.fails))}
    if growth.fails > 1:
        assert f"stop sufficing at {words.times(growth.fails)} the traffic" in said(growth)[0]


def test_twice_the_traffic_needs_as_many_devices_as_a_capacity_plan_of_twice_the_traffic(growth, scenario):
    twice = vary(scenario, "rate_scale", 2.0)
    (plan,) = find_capacity(twice, growth.target, [SECTION], 1, 48).plans
    # It begins with more placements than the plan does, so it may need fewer.
    assert growth.needed.devices <= plan.devices
    assert met(scenario, 2.0, growth.needed.devices - 1) < growth.target
    text = said(growth, price=2.0)[1]
    assert text.startswith(f"Twice the traffic needs {words.plural(growth.needed.devices, 'device')}")
    assert f"$ {2 * growth.needed.devices} / h" in text


def test_nothing_is_searched_where_what_is_known_is_enough(growth):
    assert all(tried.reaches or tried.searched or tried.excluded for tried in growth.tried)
    assert sum(tried.searched for tried in growth.tried) < len(growth.tried)


def grown(**values):
    tried = (TriedTraffic(1.0, 0.995, 0.001, True, True), TriedTraffic(1.3, 0.98, 0.001, False, True))
    first = Growth("A", 0.99, 16, 2.0, tried, 1.28, 1.3, needed=Needed("A", 46, True), complete=True)
    return replace(first, **values)


@given(st.floats(0.1, 200), st.floats(1, 8), st.floats(1, 1.1))
def test_the_traffic_of_a_day_is_on_the_right_side_of_the_multiple(percent, bears, wider):
    growth = grown(bears=bears, fails=bears * wider * 1.001, times=2.0)
    found = dates(growth, percent, TODAY)

    def traffic(day, later=0):
        return (1 + percent / 100) ** (((day - TODAY).days + later) / DAYS_A_MONTH)

    latest = TODAY + datetime.timedelta(days=366 * MOST_YEARS)
    for day, factor in ((found.short, growth.fails), (found.grown, growth.times)):
        if day is None:
            assert traffic(latest) < factor * 1.2
        else:
            assert traffic(day) >= factor * (1 - 1e-9) and traffic(day, -1) <= factor * (1 + 1e-9)
    if found.lasts is not None:
        assert traffic(found.lasts) <= bears * (1 + 1e-9) and traffic(found.lasts, 1) >= bears * (1 - 1e-9)


def test_the_sentence_of_the_growth_quotes_its_days():
    found = dates(grown(), 5.0, TODAY)
    text = said(grown())[2]
    assert text.startswith("At 5 % more a month, from 1 March 2026 on, 16 devices no longer reach 99 % from ")
    assert [f"{d.day} {d:%B %Y}" for d in (TODAY, found.short, found.lasts, found.grown)] == re.findall(
        r"\d+ [A-Z]\w+ \d{4}", text
    )


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ({"fails": 1.0, "bears": 0.8}, 5.0, "there is no day on which 16 devices reach 99 %: they do not today."),
        ({"fails": None, "reasons": {"fails": "More is not tried."}}, 5.0, "reach 99 % until"),
        ({}, 0.001, f"reach 99 % for {MOST_YEARS} years at least"),
        ({}, 0.0, "Without growth there is no such day"),
        ({"fails": None, "bears": None, "tried": (), "reasons": {"bears": "It was stopped."}}, 5.0, "It was stopped."),
    ],
)
def test_a_day_that_is_not_there_has_its_reason(values, percent, expected):
    assert expected in said(grown(**values), percent)[2]


def test_the_targets_of_single_models_count_too(scenario):
    models = [*scenario.models, scenario.models[0].model_copy(update={"name": "picky", "count": 1, "target": 0.995})]
    strict = scenario.model_copy(update={"models": models})
    loose = scenario.model_copy(update={"models": [*models[:-1], models[-1].model_copy(update={"target": None})]})
    free, asked = (find_growth(s, 0.9, SECTION) for s in (loose, strict))
    assert asked.bears < free.bears and asked.needed.devices >= free.needed.devices
    failed = asked.at(asked.fails)
    assert failed.slo_attainment >= 0.9 and "picky" in failed.reason and "picky" in said(asked)[0] or asked.fails <= 1


def test_to_be_sure_the_lower_end_of_the_interval_counts(scenario):
    free, sure = (find_growth(scenario, 0.9, SECTION, confident=c) for c in (False, True))
    assert sure.bears < free.bears and sure.needed.devices > free.needed.devices
    at = sure.at(sure.fails)
    assert ("interval begins below" in said(sure)[0]) == (at.slo_attainment >= 0.9 and sure.fails > 1)


def test_what_was_not_searched_is_absent_with_its_reason(scenario):
    asked = []

    def stop(told):
        asked.append(told)
        return len(asked) < 3

    stopped = find_growth(scenario, 0.97, SECTION, on_progress=stop)
    assert not stopped.complete and stopped.needed is None
    for part in growth_sentences(stopped, 5.0, TODAY):
        assert part.is_known or "stopped" in part.text


def test_more_traffic_than_is_tried_is_said_not_guessed(scenario):
    calm = vary(scenario, "rate_scale", 0.01)
    growth = find_growth(calm, 0.5, SECTION)
    assert growth.fails is None and growth.bears == MOST_TIMES
    assert "16 times the traffic is not tried" in said(growth)[0]


@pytest.mark.parametrize("times", [0.0, 0.01, 17.0, float("nan")])
def test_a_multiple_that_cannot_be_is_refused(scenario, times):
    with pytest.raises(InputError, match="times the traffic is asked about"):
        find_growth(scenario, 0.9, SECTION, times=times)
    with pytest.raises(InputError, match="is no search"):
        find_growth(scenario, 0.9, PlacementSection(name="x", groups=[]))
