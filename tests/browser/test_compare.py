"""Compare and Timeline as a person uses them: drag, click, zoom, follow a link."""

import re
from urllib.parse import parse_qs, parse_qsl, urlencode, urlparse

import pytest
from playwright.sync_api import expect

from app.figures.gantt import describe_request
from app.look import words
from app.panels.compare_moment import describe_moment
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner import build_inputs, compare, parse_scenario
from planner.explain import model_differences, paired_difference
from planner.scenario.link import encode_scenario
from simulator.moment import moment
from tests.browser.test_plan_page import upload
from tests.conftest import REAL_TRACES
from tests.lookalikes import WINDOW
from tools.screenshots import simple_sample, wait_until_drawn, wait_until_still

LATER_MS = 30_000
RANGES = "e => Object.keys(e._fullLayout).filter(k => /^xaxis/.test(k)).map(k => e._fullLayout[k].range.map(Number))"


def opened(page, address, path):
    page.goto(f"{address}/{path}?{simple_sample()}")
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
                   const at = (t.base ? t.base[{number}] : 0) + t.x[{number}] / 2;
                   return [x._offset + x.l2p(at), y._offset + y.l2p(t.y[{number}])]; }}"""
    )


def choose(page, label, option):
    """Choose an option of a select box."""
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    wait_until_still(page)


def address_of(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


# Six placements of sixty models on 64 devices under a published trace, Clockwork++ with its many epochs among them.
SIX = """
version: 1
name: six placements
cluster: {devices: 64, devices_per_node: 8, memory_gib: 13, usd_per_device_hour: 3.06}
models: [{name: "a-model-with-a-rather-long-name-{i}", profile: bert-1.3b, count: 60, slo_scale: 5}]
workload: {trace: {path: WINDOW, duration_s: 120, rate_scale: 2.4, cv_scale: 4, resample: gamma}}
placements:
  - {name: 8-stage groups, search: {algorithm: uniform, pp: 8, tp: 1}}
  - {name: 4-stage groups, search: {algorithm: uniform, pp: 4, tp: 1}}
  - {name: 2-stage groups, search: {algorithm: uniform, pp: 2, tp: 1}}
  - {name: Single-device replication, search: {algorithm: selective_replication}}
  - {name: Clockwork++, search: {algorithm: clockwork, window_s: 20}}
  - {name: Dealt out in turn, search: {algorithm: round_robin, pp: 1, tp: 1}}
""".replace("WINDOW", WINDOW.rsplit("/", 1)[1])


@pytest.fixture(scope="module")
def results():
    return {result.name: result for result in compare(first_scenario()).results}


@pytest.fixture(scope="module")
def six(traces):
    scenario = parse_scenario(SIX).in_folder((traces / WINDOW).parent)
    digest = build_inputs(scenario).trace.digest
    return compare(with_values(scenario, "workload.trace", sha256=digest).in_folder(scenario.folder))


def compared_six(page, address, six, traces, view=""):
    """The page Compare with all six placements, for somebody who was given the link and the file."""
    page.goto(f"{address}/compare?s={encode_scenario(six.scenario)}{view}")
    upload(page, traces / WINDOW)
    expect(page.locator(".ranked tbody tr")).to_have_count(6, timeout=120_000)
    wait_until_still(page)


def test_compare_six(page, address, context, six, traces, tmp_path):
    compared_six(page, address, six, traces)
    by_name = {outcome.name: outcome for outcome in six.outcomes}
    ranked = sorted(by_name.values(), key=lambda o: -o.figures.total.slo_attainment)
    names = page.locator(".ranked tbody th").all_inner_texts()
    assert [by_name[n].figures.total.slo_attainment for n in names] == [
        o.figures.total.slo_attainment for o in ranked
    ]  # fmt: skip
    # All of the page is three figures, and nothing scrolls sideways.
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    choose(page, "against", "Single-device replication")
    choose(page, "Gains and losses of", "Clockwork++")
    first, second = (by_name[n].result for n in ("Single-device replication", "Clockwork++"))
    gap = paired_difference(first, second)
    row = page.locator(".ranked tbody tr").filter(has_text="Clockwork++")
    expect(row).to_contain_text(words.points_difference(gap.difference, 0), timeout=LATER_MS)
    assert row.get_by_text("within noise").count() == (not gap.is_clear)
    found = model_differences(first, second)
    bars = chart(page, "compare-differences").evaluate(
        "e => { const t = e._fullData.find(t => t.name == 'difference'); return [...t.x]; }"
    )
    assert bars[0] == pytest.approx(100 * found[0].gap.difference)
    assert bars[-1] == pytest.approx(100 * found[-1].gap.difference)
    assert bars[0] > 0 > bars[-1] or traces != REAL_TRACES

    plot = chart(page, "compare-over-time")
    drag(page, plot, 0.4, 0.6, 200)
    page.wait_for_function("e => e._fullLayout.xaxis.range[1] < 100", arg=plot.element_handle())
    (zoomed,) = plot.evaluate(RANGES)
    click(page, plot, 300, 200)
    at_s = float(address_of(page)["at"])
    assert zoomed[0] <= at_s <= zoomed[1] and plot.evaluate(RANGES) == [zoomed]
    expect(page.get_by_text(f"What happened at {words.clock(at_s, 2)}?")).to_be_visible()
    told = page.locator(".moment").all_inner_texts()
    for name, text in zip(names, told, strict=True):
        assert describe_moment(moment(by_name[name].result, at_s)) in text
    beside, drawn = page.locator(".moment").first.bounding_box(), plot.bounding_box()
    assert beside["x"] > drawn["x"] + drawn["width"] and beside["y"] < drawn["y"] + 100

    page.get_by_role("button", name="Closer").click()
    page.wait_for_url(re.compile("[?&]to="))
    wait_until_still(page)
    given = address_of(page)
    window_s = [float(given["from"]), float(given["to"])]
    assert window_s[0] <= at_s <= window_s[1] and window_s[1] - window_s[0] < 31
    assert chart(page, "compare-over-time").evaluate(RANGES) == [pytest.approx(window_s, abs=0.01)]
    link = page.url
    page.set_viewport_size({"width": 900, "height": 900})
    overflow = "e => e.scrollWidth - e.clientWidth"
    assert page.locator('[data-testid="stMain"]').evaluate(overflow) <= 0
    assert page.locator(".ranked").evaluate("e => e.getBoundingClientRect().right") <= 900
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").first.click()
    download.value.save_as(tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert {"placement", "met", "missed"} <= set(lines[0].split(","))
    assert [line.split(",")[0] for line in lines[1:]] == names
    # Another visitor, who has the scenario and the view but not the workspace.
    view = urlencode({k: v for k, v in parse_qsl(urlparse(link).query) if k not in ("s", "w")})
    other = context.browser.new_context().new_page()
    compared_six(other, address, six, traces, f"&{view}")
    assert other.locator(".moment").all_inner_texts() == told
    other.context.close()


def test_a_click_on_a_model_filters_everything_and_can_be_taken_back(page, address, results):
    opened(page, address, "compare")
    plot = chart(page, "compare-differences")
    click(page, plot, *hue_of(plot, 't => t.name == "difference"', 3))
    name = address_of(page)["model"]
    result = results["8-stage groups"]
    mine = result.workload.model == [model.name for model in result.models].index(name)
    share = words.share(float(result.in_slo[mine].mean()))
    row = page.locator(".ranked tbody tr").filter(has_text="8-stage groups")
    expect(row).to_contain_text(share, timeout=LATER_MS)
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
