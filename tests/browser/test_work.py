"""Long work and its visitor: an upload during a search, Stop and again, and a tab that is closed."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.look import words
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.scenario.link import encode_scenario
from tests.browser.test_plan_page import upload
from tools.screenshots import beside

UPLOADS = 5
SEARCHING = re.compile(r"AlpaServe: .*placements tried")


@pytest.fixture
def searching(page, address):
    """The Plan page of a scenario with AlpaServe, which has begun to search and will for minutes."""
    found = {"name": "AlpaServe", "search": {"algorithm": "alpaserve", "time_limit_s": 600}}
    plain = first_scenario()
    scenario = with_values(
        plain, "", placements=[*(s.model_dump() for s in plain.placements if s.name != "AlpaServe"), found]
    )
    page.goto(f"{address}?s={encode_scenario(scenario)}")
    expect(page.get_by_text(SEARCHING).first).to_be_visible()
    return page


def busy_trace(requests):
    """A good trace of 200 requests a second, more than any placement answers in time."""
    return b"arrival_s,model\n" + b"".join(b"%.3f,m%d\n" % (i / 200, i % 24) for i in range(requests))


def test_an_upload_during_a_search_stays(searching):
    source = searching.get_by_label("What arrives", exact=True).first
    names, total = [], 0
    for number in range(UPLOADS):
        names, total = [*names, f"{number}.csv"], total + 4000 + number
        upload(searching, (names[-1], busy_trace(4000 + number)))
        # The uploader keeps its earlier files.
        expect(source).to_have_value(f"Yours: {', '.join(names)}")
        expect(searching.get_by_text(f"{words.count(total)} requests").first).to_be_visible()
        # The page was drawn again and again when the search of this trace tells how far it is.
        expect(searching.get_by_text(SEARCHING).first).to_be_visible()
        expect(source).to_have_value(f"Yours: {', '.join(names)}")


def stop_of(page):
    """Stop of the last work under way; while a page is drawn its header has a Stop too."""
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True)
    expect(stop).to_have_count(1)
    return stop


def number(text):
    return int(re.sub(r"\D", "", text))


def test_a_stopped_search_runs_again_and_each_run_has_its_own_reasons(searching):
    for _ in range(2):
        expect(searching.get_by_text(SEARCHING).first).to_be_visible()
        stop_of(searching).click()
        expect(searching.get_by_text("AlpaServe was stopped; its best placement so far is shown.")).to_be_visible()
        said = searching.get_by_text(re.compile("met the deadline only with"))
        expect(said).to_be_visible()
        found = re.search(r"([\d\u202f]+) requests? met the deadline only with (.*?), ([\d\u202f]+) only with (.*?)\. ",
                          said.inner_text())  # fmt: skip
        against = searching.locator(".tile-more").filter(has_text=f"against {found[4]}").nth(1).inner_text()
        assert number(found[1]) - number(found[3]) == number(against.partition("against")[0])
        searching.get_by_role("button", name="Search AlpaServe again").click()


def share_at_work(process):
    """The share of looks, 50 ms apart, at which a thread of the process, or of one beside it, computes or waits to."""

    def computes(task):
        try:
            return (task / "stat").read_text().rpartition(") ")[2].startswith("R")
        except FileNotFoundError:
            return False

    looks = []
    for _ in range(30):
        tasks = [task for pid in (process, *beside(process)) for task in Path("/proc").glob(f"{pid}/task/*")]
        looks.append(any(map(computes, tasks)))
        time.sleep(0.05)
    return sum(looks) / len(looks)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="there is no /proc to look at threads in")
def test_the_search_of_a_closed_tab_ends(searching, server):
    assert share_at_work(server[1]) > 0.8
    searching.close()
    until_s = time.monotonic() + 120
    while share_at_work(server[1]) > 0.3:
        assert time.monotonic() < until_s, "the search of a closed tab goes on"
