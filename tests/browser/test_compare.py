"""Compare and Timeline as a person uses them: drag, click, zoom, follow a link."""

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect

from app.figures.gantt import describe_request
from app.look import words
from app.state.first_scenario import first_scenario
from planner import compare
from planner.explain import paired_difference
from simulator.moment import moment
from tools.screenshots import wait_until_drawn, wait_until_still

LATER_MS = 30_000
RANGES = "e => Object.keys(e._fullLayout).filter(k => /^xaxis/.test(k)).map(k => e._fullLayout[k].range.map(Number))"


def opened(page, address, path):
    page.goto(f"{address}/{path}")
    wait_until_drawn(page)
    wait_until_still(page)
    return page


def chart(page, key):
    found = page.locator(f".st-key-{key} .js-plotly-plot")
    found.wait_for(timeout=LATER_MS)
    # The bar at the top of the page lies over the first 56 pixels.
    found.evaluate("e => e.scrollIntoView({block: 'start'})")
    wait_until_still(page)
    return found


def drag(page, plot, low, high, down_px):
    """Drag over a part of a chart, from and to shares of its width."""
    box = plot.bounding_box()
    y = box["y"] + down_px
    page.mouse.move(box["x"] + low * box["width"], y)
    page.mouse.down()
    for share in (0.3, 0.7, 1.0):
        page.mouse.move(box["x"] + (low + share * (high - low)) * box["width"], y, steps=3)
    page.mouse.up()


def click(page, plot, right_px, down_px):
    box = plot.bounding_box()
    page.mouse.move(box["x"] + right_px, box["y"] + down_px, steps=3)
    wait_until_still(page)
    page.mouse.click(box["x"] + right_px, box["y"] + down_px)
    wait_until_still(page)


def hue_of(plot, find, number):
    """Where a point of a trace is, in pixels from the chart's corner."""
    return plot.evaluate(
        f"""e => {{ const t = e._fullData.find({find}), x = e._fullLayout.xaxis, y = e._fullLayout.yaxis;
                   const at = t.type == "bar" ? t.base[{number}] + t.x[{number}] / 2 : t.x[{number}];
                   return [x._offset + x.l2p(at), y._offset + y.l2p(t.y[{number}])]; }}"""
    )


def address_of(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


@pytest.fixture(scope="module")
def results():
    return {result.name: result for result in compare(first_scenario()).results}


def test_the_difference_is_the_one_that_the_planner_computes(page, address, results):
    opened(page, address, "compare")
    gap = paired_difference(results["Single-device replication"], results["8-stage groups"])
    expect(page.get_by_text(f"meets {100 * gap.difference:.1f} points").first).to_be_visible(timeout=LATER_MS)


def test_zoom_on_one_row_moves_all_and_outlasts_a_click(page, address, results):
    opened(page, address, "compare")
    plot = chart(page, "compare-over-time")
    before = plot.evaluate(RANGES)
    drag(page, plot, 0.3, 0.5, 100)
    wait_until_still(page)
    zoomed = plot.evaluate(RANGES)
    assert len(zoomed) == 7 and all(r == pytest.approx(zoomed[0]) for r in zoomed)
    assert zoomed[0][1] - zoomed[0][0] < 0.5 * (before[0][1] - before[0][0])
    click(page, plot, 420, 100)
    at_s = float(address_of(page)["at"])
    assert zoomed[0][0] <= at_s <= zoomed[0][1]
    assert plot.evaluate(RANGES)[0] == pytest.approx(zoomed[0])
    groups = moment(results["8-stage groups"], at_s).groups
    waiting, busy = sum(len(g.waiting) for g in groups), sum(g.busy for g in groups)
    sentence = re.compile(rf"{busy} of 16\sstages? of 8-stage groups compute, {words.count(waiting)}\srequests? wait")
    expect(page.get_by_text(sentence).first).to_be_visible(timeout=LATER_MS)


def test_dragging_over_the_whole_run_looks_closer_and_a_link_shows_the_same(page, address, context):
    opened(page, address, "compare")
    drag(page, chart(page, "compare-overview"), 0.4, 0.5, 65)
    wait_until_still(page)
    given = address_of(page)
    window_s = [float(given["from"]), float(given["to"])]
    assert 100 < window_s[1] - window_s[0] < 400
    assert chart(page, "compare-over-time").evaluate(RANGES)[0] == pytest.approx(window_s, abs=0.01)
    other = opened(context.browser.new_context().new_page(), address, page.url.removeprefix(address + "/"))
    assert chart(other, "compare-over-time").evaluate(RANGES)[0] == pytest.approx(window_s, abs=0.01)
    other.context.close()


def test_a_click_on_a_model_filters_everything_and_can_be_taken_back(page, address, results):
    opened(page, address, "compare")
    plot = chart(page, "compare-differences")
    click(page, plot, *hue_of(plot, 't => t.mode == "markers"', 3))
    name = address_of(page)["model"]
    result = results["8-stage groups"]
    mine = result.workload.model == [model.name for model in result.models].index(name)
    share = words.share(float(result.in_slo[mine].mean()))
    expect(page.get_by_text(f"8-stage groups meets {share} of deadlines").first).to_be_visible(timeout=LATER_MS)
    page.get_by_role("button", name=f"only model {name}").click()
    wait_until_still(page)
    assert "model" not in address_of(page)


def test_a_click_on_a_bar_of_the_execution_tells_the_life_of_its_request(page, address, results):
    opened(page, address, "timeline")
    plot = chart(page, "timeline-gantt")
    request = plot.evaluate("e => e._fullData.find(t => t.type == 'bar').customdata[40][0]")
    click(page, plot, *hue_of(plot, 't => t.type == "bar"', 40))
    assert address_of(page)["request"] == str(request)
    told = describe_request(results["8-stage groups"], int(request))
    expect(page.get_by_text(told.split(",")[0]).first).to_be_visible(timeout=LATER_MS)
    expect(page.locator(".st-key-timeline-life .js-plotly-plot")).to_be_visible(timeout=LATER_MS)


def test_a_table_can_be_taken_along(page, address, tmp_path):
    opened(page, address, "compare")
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").last.click()
    download.value.save_as(tmp_path / "groups.csv")
    lines = (tmp_path / "groups.csv").read_text().splitlines()
    assert lines[0].startswith("placement,group,size") and len(lines) == 1 + 2 + 16
