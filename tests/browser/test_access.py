"""Every page for who cannot see it or has no mouse: axe-core finds nothing, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools.screenshots import FIRST_PAGE, PAGES, simple_sample, wait_until_drawn, wait_until_still, whole_page

# Rule, part of a selector's HTML, and why it cannot be mended from here.
NOT_OURS = (
    ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"',
     "Streamlit writes both role and name into the box around an uploader, whose button has a name of its own."),
    ("region", "data-floating-ui-portal",
     "Streamlit hangs what a popover holds on the end of the document, outside the page's landmarks."),
    ("empty-table-header", 'role="columnheader" aria-selected="false" aria-colindex="1"',
     "The column of a table that can be edited where rows are ticked has no name in Streamlit."),
)  # fmt: skip


def violations(page):
    """What axe-core finds on the page as it stands: rule, element and message of each, as text."""
    return [
        f"{rule['id']}: {node['html'][:200]} {[check['message'] for check in node['any'] + node['all']]}"
        for rule in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        for node in rule["nodes"]
        if not any(rule["id"] == theirs and part in node["html"] for theirs, part, _ in NOT_OURS)
    ]


def unfold(page):
    """Open every fold, so that what lies in it is looked at as well."""
    page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(s => s.click())")
    wait_until_still(page)


def visit(page, address, name):
    page.goto(f"{address}/{'' if name == FIRST_PAGE else name}?{simple_sample()}")
    wait_until_drawn(page, has_charts=name == FIRST_PAGE)
    unfold(page)
    whole_page(page, 1440)


@pytest.fixture(params=("light", "dark"))
def seen(request, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_violation(seen, address, name):
    visit(seen, address, name)
    assert violations(seen) == []


def test_what_opens_on_a_click_has_none(seen, address):
    visit(seen, address, FIRST_PAGE)
    seen.get_by_role("button", name="Settings of").first.click()
    wait_until_still(seen)
    assert violations(seen) == []
    seen.keyboard.press("Escape")
    seen.get_by_role("button", name="Share", exact=True).click()
    seen.get_by_role("dialog").wait_for()
    wait_until_still(seen)
    assert violations(seen) == []


@pytest.mark.parametrize("name", ("Plan", "Compare", "Capacity", "Trace", "Profile"))
def test_pages_of_generating_models_have_none(seen, address, name):
    seen.goto(f"{address}/?{simple_sample()}")
    wait_until_drawn(seen)
    seen.get_by_text("Token by token", exact=True).click()
    seen.get_by_text("Dedicated, shared or replicated").wait_for()
    seen.get_by_role("link", name=name, exact=True).click()
    wait_until_still(seen, 800)
    assert violations(seen) == []
