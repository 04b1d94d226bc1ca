"""From a trace to a plan: the sample's is there without a click, one's own after one, as the planner says it."""

import pytest
from playwright.sync_api import expect

from app.look import words
from app.settings import ADVICE
from app.state.first_scenario import first_scenario
from planner.scenario.inputs import build_inputs
from planner.search import upper_bound
from simulator.words import typed
from tests.browser.test_plan_page import printed_by, upload
from tests.lookalikes import CODE, CONVERSATION, rows
from tools.screenshots import running_app

# A plan tries some twenty placements, and lets all else on the machine go before.
PLANNED_MS = 500_000


def advice(page):
    """Topics and sentences of the plan, once all are known."""
    expect(page.locator(".advice dt")).to_have_count(6, timeout=PLANNED_MS)
    expect(page.locator(".advice .unknown")).to_have_count(0, timeout=PLANNED_MS)
    expect(page.get_by_role("button", name="Recommend a plan")).to_be_enabled(timeout=PLANNED_MS)
    topics, said = page.locator(".advice dt").all_inner_texts(), page.locator(".advice dd").all_inner_texts()
    return dict(zip(topics, said, strict=True))


def test_the_plan_of_the_sample_begins_without_a_click_and_says_first_what_it_knows(page):
    with running_app(**{ADVICE: "at once"}) as address:
        page.goto(address)
        first = page.locator(".advice dd").first
        expect(first).not_to_have_class("unknown", timeout=PLANNED_MS)
        expect(page.get_by_text("Working on the plan")).to_be_visible()
        expect(page.get_by_role("button", name="Recommend a plan")).to_be_disabled()
        bound = upper_bound(build_inputs(first_scenario()).problem)
        expect(first).to_contain_text(f"Better possible: at most {words.share(bound.attainment)}.", timeout=PLANNED_MS)


@pytest.mark.timeout(600)
def test_a_plan_for_ones_own_trace_is_that_of_the_command_line(plan, traces, tmp_path):
    files = [traces / CODE, traces / CONVERSATION]
    upload(plan, *files)
    expect(plan.get_by_text(f"{words.count(sum(map(rows, files)))} requests").first).to_be_visible()
    assert plan.locator(".advice").count() == 0
    plan.get_by_role("button", name="Recommend a plan").click()
    shown = advice(plan)
    printed = printed_by("recommend", plan, tmp_path, *files)
    assert list(map(typed, shown.values())) == [part["text"] for part in printed["sentences"]]
