"""The report in a real browser: it opens by itself, asks for nothing, and has its numbers."""

import json

import pytest

from app.report.build import build_report
from planner import compare
from planner.what_if.unseen import held_out, with_unseen
from tests.test_report import BY_HAND, OVER_TIME, SEARCHED, scenario


@pytest.fixture(scope="module")
def comparison():
    return compare(scenario([BY_HAND, SEARCHED, OVER_TIME], warmup_s=5.0))


@pytest.mark.parametrize("width", [1440, 900])
def test_the_report_opens_without_error_or_request(comparison, tmp_path, page, width):
    file = tmp_path / "report.html"
    file.write_text(build_report(comparison), encoding="utf-8")
    errors, requests = [], []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("dialog", lambda d: (errors.append("dialog"), d.dismiss()))
    page.on("request", lambda r: requests.append(r.url))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 9")
    page.wait_for_load_state("networkidle")
    drawn = page.evaluate("[...document.getElementById('figure-attainment')._fullData].map((t) => t.x[0])")
    assert drawn == pytest.approx([100 * o.figures.total.slo_attainment for o in comparison.outcomes])
    document = json.loads(page.evaluate("document.getElementById('figures').textContent"))
    assert document == with_unseen(comparison.to_json(), held_out(comparison))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


def test_the_printed_report_fits_the_sheet_and_opens_what_is_folded(comparison, tmp_path, page):
    file = tmp_path / "report.html"
    file.write_text(build_report(comparison), encoding="utf-8")
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 9")
    page.evaluate("document.querySelector('details').open = false")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    widths = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map((plot) => plot._fullLayout.width)")
    assert set(widths) == {680}
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == 1
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullLayout.width > 680")
