"""Every page for who cannot see it or has no mouse: axe-core finds nothing, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.lessons import LESSONS
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


@pytest.mark.parametrize(("scheme", "first"), [("light", 0), ("dark", 1)])
def test_lessons_have_none(browser, address, scheme, first):
    """Each where it has most on it, every other lesson in the dark: both themes of all screens would take minutes."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200}, color_scheme=scheme)
    page = context.new_page()
    for key in list(LESSONS)[first::2]:
        page.goto(f"{address}/learn?lesson={key}&screen=experiment")
        wait_until_drawn(page)
        assert (key, violations(page)) == (key, [])
    context.close()


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


def test_pages_of_generating_models_have_none(seen, address):
    seen.goto(f"{address}/?{simple_sample()}")
    wait_until_drawn(seen)
    seen.get_by_text("Token by token", exact=True).click()
    seen.get_by_text("Dedicated, shared or replicated").wait_for()
    for name in ("Plan", "Compare", "Capacity", "Trace", "Profile"):
        seen.get_by_role("link", name=name, exact=True).click()
        wait_until_still(seen, 800)
        assert (name, violations(seen)) == (name, [])


_DRAWN_FOR = "t => getComputedStyle(document.querySelector('.stApp')).getPropertyValue('--drawn-for') === t"


def test_an_open_page_turns_light_and_dark_with_the_browser_as_a_whole_and_rests(plan):
    for scheme in ("light", "dark", "light"):
        plan.emulate_media(color_scheme=scheme)
        plan.wait_for_function(_DRAWN_FOR, arg=scheme)
        # Longer than the page waits between two looks at its colours, after each of which it could ask again.
        wait_until_still(plan, 1000)
        assert plan.evaluate(_DRAWN_FOR, scheme)


def test_every_page_is_in_sight_beside_the_sidebar(plan):
    for width in (900, 1024, 1440, 1600):
        plan.set_viewport_size({"width": width, "height": 768})
        # The old address of the lessons is in no menu.
        for name in set(PAGES) - {"why"}:
            expect(plan.get_by_role("link", name=name.capitalize(), exact=True)).to_be_in_viewport()


# What has the focus, and whether it or what is around it looks otherwise without.
_FOCUSED = """() => {
  const focused = document.activeElement;
  const looks = () => { let said = ""; for (let at = focused, i = 0; at && i < 5; at = at.parentElement, i++) {
    const {outline, boxShadow, borderColor, backgroundColor} = getComputedStyle(at);
    said += [outline, boxShadow, borderColor, backgroundColor].join(); } return said; };
  const with_focus = looks();
  focused.blur();
  const without = looks();
  focused.focus({focusVisible: true, preventScroll: true});
  return [focused.ariaLabel || focused.textContent.trim() || focused.outerHTML, with_focus !== without];
}"""


def test_the_keyboard_alone_reaches_the_controls_and_one_sees_where_it_is(plan):
    # Colours that fade in would be read half way.
    plan.add_style_tag(content="* { transition: none !important; }")
    reached = []
    for _ in range(45):
        plan.keyboard.press("Tab")
        name, is_marked = plan.evaluate(_FOCUSED)
        assert is_marked, f"nothing shows that {name} has the focus"
        reached.append(name)
    assert {"Rate, times", "Models", "Devices", "GiB each"} <= {*reached}
