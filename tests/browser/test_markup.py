"""Names that are markup are shown as the text they are, on every page, in its files, and run nothing."""

import re
from urllib.parse import urlsplit

import pytest

from app.look.markup import calm
from app.state.sharing import report_of
from tests.hostile.conftest import IS_SIEGE, serving
from tests.hostile.names import SAYINGS, hostile_session, keep_hostile_workspace
from tests.test_app_workspace import finished
from tools.screenshots import FIRST_PAGE, PAGES, wait_until_drawn

FOUND = """() => ({
  pwned: typeof window.pwned,
  // An attribute of its own, an element that a name has made, or a place that one leads to.
  made: [...document.querySelectorAll('[onerror],[onload],[onclick],[onmouseover]')].map(e => e.outerHTML),
  led: [...document.querySelectorAll('a[href],[src]')].map(e => e.getAttribute('href') || e.getAttribute('src'))
    .filter(to => /^\\s*(javascript|data:x)|evil\\.example/.test(to)),
  signs: [...document.querySelectorAll('.katex, [role=img], [data-testid=stIconMaterial]')].map(e => e.textContent)
    .filter(text => /frac|rocket/.test(text)),
  // What Plotly would read as its own kind of HTML, on hover too; data that no hover text asks for are not drawn.
  drawn: [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
    const asked = drawn => /customdata/.test(drawn.hovertemplate || '');
    const data = plot.data.map(drawn => asked(drawn) ? drawn : {...drawn, customdata: 0});
    const whole = (key, value) => ArrayBuffer.isView(value) ? [...value] : value;
    return JSON.stringify([data, plot.layout], whole).match(/zq(a<img|b<script|f<b|o<a|g%\\{|e\\$).{0,40}/g) || [];
  }),
  // The scenario's file, which quotes names as YAML does, is code.
  text: (copy => {
    copy.querySelectorAll('pre, code, textarea, .cm-editor, script').forEach(e => e.remove());
    return copy.textContent;
  })(document.body.cloneNode(true)),
})"""
NOTHING = {"pwned": "undefined", "made": [], "led": [], "signs": [], "drawn": []}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("markup")
    with serving(folder) as server:
        server.workspace = keep_hostile_workspace(server.folder)
        yield server


def told_otherwise(text):
    """What is shown of a name that is not what the name says; names that are cut say so."""
    said = []
    for letter, found in re.findall(r"zq(\w)(.*?)zz\1", text, re.DOTALL):
        plain = calm(found).replace("\u2060", "")
        if "…" not in found and plain.split() != calm(SAYINGS[letter]).split():
            said.append((letter, found[:300]))
    return said


def test_markup_in_names_is_shown_as_text_and_runs_nothing_on_any_page(page, shown):
    asked, dialogs, wrong = [], [], {}
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    with_charts = (FIRST_PAGE, "compare", "placement", "timeline")
    for name in PAGES if IS_SIEGE else (FIRST_PAGE, "placement", "library"):
        page.goto(f"{shown.address}/{'' if name == FIRST_PAGE else name}?w={shown.workspace}")
        wait_until_drawn(page, has_charts=name in with_charts)
        found = page.evaluate(FOUND)
        text = found.pop("text")
        if name in with_charts:
            assert len(re.findall(r"zq\w", text)) > 5
        if found != NOTHING or told_otherwise(text):
            wrong[name] = {key: found[key] for key in found if found[key] != NOTHING[key]}, told_otherwise(text)
    assert not wrong and not dialogs
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_markup_in_names_runs_nothing_in_the_report(page, tmp_path):
    session = hostile_session()
    file, asked = tmp_path / "report.html", []
    page.on("request", lambda request: asked.append(request.url))
    file.write_text(report_of(session, finished(session)), encoding="utf-8")
    page.goto(file.as_uri())
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    found = page.evaluate(FOUND)
    text = found.pop("text")
    assert found == NOTHING and not told_otherwise(text) and len(re.findall(r"zq\w", text)) > 5
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
