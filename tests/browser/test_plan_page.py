"""The Plan page as a person uses it: upload a real trace, move a control, believe the number."""

import json
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from app.look import words
from app.panels.progress import EARLIER
from tests.lookalikes import CODE, CONVERSATION, DURATIONS, INVOCATIONS, rows
from tools.screenshots import simple_sample, wait_until_drawn, wait_until_still

ROOT = Path(__file__).parents[2]
LATER_MS = 30_000


def upload(page, *files):
    """Give files to the uploader of traces; each is a path, or (name, bytes)."""
    given = [{"name": f[0], "mimeType": "text/csv", "buffer": f[1]} if isinstance(f, tuple) else str(f) for f in files]
    uploader = page.get_by_test_id("stSidebar").get_by_test_id("stFileUploader").first
    if not uploader.is_visible():
        page.get_by_text("Upload your own", exact=True).click()
    expect(uploader).to_be_visible()
    uploader.locator("input[type=file]").set_input_files(given)


def attainment(page):
    # On a busy machine the page may be still between two looks at what is under way.
    expect(page.get_by_text(EARLIER)).to_have_count(0)
    return page.locator(".tile-value").first.inner_text().split("±")[0].strip()


def printed_by(command, page, folder, *traces):
    """The document that a command prints for the scenario that the page gives; traces lie beside it."""
    # The file of a page that is drawn anew is another one: a click on the earlier one is lost.
    wait_until_still(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Scenario (YAML)").click()
    scenario = folder / "scenario.yaml"
    download.value.save_as(scenario)
    for trace in traces:
        (folder / trace.name).write_bytes(trace.read_bytes())
    line = [sys.executable, "-m", "planner", command, str(scenario), "--json"]
    return json.loads(subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def command_line(page, folder, *traces):
    """What the command line says of the placements of that scenario, by name."""
    return {p["name"]: p for p in printed_by("simulate", page, folder, *traces)["placements"]}


def choose(page, label, option):
    control = page.get_by_label(label, exact=True).first
    # A list that has just opened closes when what it hangs on is still being scrolled.
    control.scroll_into_view_if_needed()
    wait_until_still(page)
    control.click()
    page.get_by_role("option", name=option).click()


def test_a_group_size_changes_a_real_traces_attainment_to_what_the_command_line_prints(plan, traces, tmp_path):
    files = [traces / CODE, traces / CONVERSATION]
    upload(plan, *files)
    expect(plan.get_by_text(f"{words.count(sum(map(rows, files)))} requests").first).to_be_visible(timeout=LATER_MS)
    plan.get_by_label("Rate, times", exact=True).fill("6")
    plan.get_by_label("Rate, times", exact=True).press("Enter")
    # A click on what is about to be replaced would be lost.
    expect(plan.get_by_text(EARLIER)).to_have_count(0)
    wait_until_still(plan, 1500)
    look = plan.get_by_test_id("stMain").get_by_test_id("stButtonGroup").first
    look.get_by_text("8-stage groups").click()
    expect(look.get_by_role("radio", name="8-stage groups")).to_be_checked()
    wait_until_still(plan)
    axis = plan.locator(".st-key-over-time .xtitle")
    expect(axis).to_have_text("UTC on 16 November 2023, and time (s)")
    before = attainment(plan)
    assert before == words.share(command_line(plan, tmp_path, *files)["8-stage groups"]["slo_attainment"])
    choose(plan, "Group size", re.compile(r"^2 stages of 1 device"))
    look.get_by_text("2-stage groups").click()
    expect(look.get_by_role("radio", name="2-stage groups")).to_be_checked()
    wait_until_still(plan)
    printed = command_line(plan, tmp_path, *files)
    assert attainment(plan) == words.share(printed["2-stage groups"]["slo_attainment"]) != before
    assert f"of {words.count(printed['2-stage groups']['requests'])}" in plan.locator(".tiles").inner_text()


def test_functions_of_a_real_trace_upload_and_agree_with_the_command_line(plan, traces, tmp_path):
    file = traces / INVOCATIONS
    upload(plan, file)
    expect(plan.get_by_text(f"{words.count(rows(file))} requests").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(plan)
    printed = command_line(plan, tmp_path, file)
    # Where every deadline is met, the tile says behind it how many at least.
    assert attainment(plan).startswith(words.share(max(p["slo_attainment"] for p in printed.values())))
    # Such a remark is long; it may not run into the next tile.
    assert plan.evaluate("[...document.querySelectorAll('.tiles > div')].every(t => t.scrollWidth <= t.clientWidth)")


WRONG = {
    "photo.png": (b"\x89PNG\r\n\x1a\n" + bytes(200), "photo.png"),
    "header.csv": (b"arrival_s,model\n", "header.csv"),
    "words.csv": (b"arrival_s,model\n1,a\nsoon,b\n", "line 3"),
}


def test_a_wrong_file_shows_its_sentence_and_the_earlier_result_stays(plan):
    before = attainment(plan)
    for name, (data, said) in WRONG.items():
        upload(plan, (name, data))
        sentence = plan.get_by_test_id("stSidebar").get_by_role("alert")
        expect(sentence).to_contain_text(said, timeout=LATER_MS)
        expect(sentence).to_contain_text(name)
        assert "Traceback" not in plan.content()
        assert attainment(plan) == before
    # The file cannot be used, and what the button would say can still be read.
    use = plan.get_by_role("button", name="Use it", exact=True)
    expect(use).to_be_disabled()
    assert len({use.evaluate(f"b => getComputedStyle(b).{part}") for part in ("color", "backgroundColor")}) == 2
    assert use.evaluate("b => getComputedStyle(b).color") not in ("rgb(255, 255, 255)", "rgb(15, 20, 27)")
    upload(plan, ("good.csv", b"arrival_s,model\n" + b"".join(b"%d,m%d\n" % (i, i % 3) for i in range(100))))
    expect(plan.get_by_text("100 requests").first).to_be_visible(timeout=LATER_MS)
    expect(plan.get_by_test_id("stSidebar").get_by_role("alert")).to_have_count(0)


def test_a_real_durations_file_is_told_from_a_trace(plan, traces):
    before = attainment(plan)
    upload(plan, traces / DURATIONS)
    sentence = plan.get_by_test_id("stSidebar").get_by_role("alert")
    expect(sentence).to_contain_text("duration", timeout=LATER_MS)
    assert attainment(plan) == before


def test_dragging_zooms_all_rows_over_time_because_they_share_an_axis(plan):
    chart = plan.locator('[class*="st-key-over-time"] .js-plotly-plot')
    chart.scroll_into_view_if_needed()
    ranges = "(g) => Object.keys(g._fullLayout).filter(k => /^xaxis\\d*$/.test(k)).map(k => g._fullLayout[k].range)"
    (before,) = chart.evaluate(ranges)
    area = chart.locator(".nsewdrag").first.bounding_box()
    y = area["y"] + area["height"] / 2
    plan.mouse.move(area["x"] + 0.3 * area["width"], y)
    plan.mouse.down()
    plan.mouse.move(area["x"] + 0.6 * area["width"], y, steps=8)
    plan.mouse.up()
    zoomed = f"([g, before]) => {{ const r = ({ranges})(g)[0]; return r[0] > before[0] && r[1] < before[1]; }}"
    plan.wait_for_function(zoomed, arg=[chart.element_handle(), before])


def test_two_visitors_do_not_see_each_other(plan, browser, address):
    plan.get_by_label("Devices", exact=True).fill("12")
    plan.get_by_label("Devices", exact=True).press("Enter")
    expect(plan.locator(".verdict")).to_contain_text("12 devices", timeout=LATER_MS)
    other = browser.new_context().new_page()
    other.goto(f"{address}/?{simple_sample()}")
    wait_until_drawn(other)
    assert "16 devices" in other.locator(".verdict").inner_text()
    other.context.close()


def test_everything_in_the_page_fits_its_width(browser, address):
    for width in (900, 1440, 1920):
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.goto(f"{address}/?{simple_sample()}")
        wait_until_drawn(page)
        overflow = "(e) => e.scrollWidth - e.clientWidth"
        assert page.locator('[data-testid="stMain"]').evaluate(overflow) <= 0
        page.context.close()


def test_charts_and_controls_have_names_for_who_cannot_see_them(plan):
    unnamed = plan.evaluate(
        """[...document.querySelectorAll('input, button, [role=slider]')].filter(e => e.offsetParent !== null
            && !e.labels?.length && !e.ariaLabel && !e.getAttribute('aria-labelledby') && !e.textContent.trim()
            && !e.title && e.type !== 'file').map(e => e.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    assert plan.locator('[data-testid="stPlotlyChart"]').count() >= 4


def sizes_px(chart):
    texts = chart.locator("svg text").filter(has_text=re.compile(r"\S"))
    return set(texts.evaluate_all("all => all.map(text => parseFloat(getComputedStyle(text).fontSize))"))


def test_a_chart_is_saved_in_three_formats_and_keeps_its_title_in_full_screen(plan, tmp_path):
    title = plan.locator(".chart-title").filter(has_text="99 of 100").inner_text()
    chart = plan.locator(".st-key-latency .js-plotly-plot")
    chart.hover()
    for form, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with plan.expect_download() as download:
            chart.get_by_label(f"Save as {form}").click()
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        assert saved.name == f"latency.{form.lower()}" and saved.read_bytes().startswith(begins)
    assert title[:40] in saved.read_text(encoding="utf-8")
    with plan.expect_download() as download:
        chart.get_by_label("Save as a page of its own").click()
    assert download.value.suggested_filename == "latency.html"
    assert "plotly" in download.value.path().read_text(encoding="utf-8")
    assert min(sizes_px(chart)) < 16
    chart.get_by_label("Fullscreen").click()
    expect(chart.locator(".gtitle")).to_have_text(title)
    assert min(sizes_px(chart)) >= 16
    chart.hover()
    chart.get_by_label("Close fullscreen").click()
    expect(chart.locator(".gtitle")).to_have_count(0)
    assert min(sizes_px(chart)) < 16
