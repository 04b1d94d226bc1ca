"""A click on an iteration of the Timeline of language models chooses the request whose prompt it computes."""

from playwright.sync_api import expect

from planner.scenario.file import parse_scenario
from planner.scenario.link import encode_scenario
from tests.test_app_generation_timeline import TIGHT
from tools.screenshots import wait_until_still

# The middle of the longest iteration with a prompt that another request than the chosen one has, and that request; the
# chart is brought into sight.
_LONGEST_JS = """chosen => {
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const {xaxis, yaxis} = plot._fullLayout;
    const drawn = (plot.calcdata || []).filter(([first]) => /prompts/.test(first.trace.name));
    const bars = drawn.flatMap(all => all.map((bar, i) => ({...bar, request: all[0].trace.customdata[i][0]})));
    const inside = bar => xaxis.range[0] < bar.b + bar.s / 2 && bar.b + bar.s / 2 < xaxis.range[1];
    const others = bars.filter(bar => bar.request >= 0 && bar.request !== chosen && inside(bar));
    if (!others.length) continue;
    const bar = others.reduce((best, other) => (other.s > best.s ? other : best));
    plot.scrollIntoView({block: "center", behavior: "instant"});
    const box = plot.getBoundingClientRect();
    return {request: bar.request, x: box.left + xaxis._offset + xaxis.c2p(bar.b + bar.s / 2),
            y: box.top + yaxis._offset + yaxis.c2p(bar.p)};
  }
  return null;
}"""


def test_a_click_on_an_iteration_chooses_its_request(page, address):
    page.goto(f"{address}/timeline?s={encode_scenario(parse_scenario(TIGHT))}&start=20&end=22&groups=0")
    chosen = page.get_by_role("spinbutton", name="Request", exact=True)
    chosen.wait_for()
    page.locator(".js-plotly-plot .barlayer").first.wait_for()
    wait_until_still(page)
    before = int(chosen.input_value())
    found = page.evaluate(_LONGEST_JS, before)
    assert found["request"] != before
    page.mouse.move(found["x"], found["y"])
    page.locator(".hovertext").first.wait_for()
    page.mouse.click(found["x"], found["y"])
    expect(chosen).to_have_value(str(found["request"]))
    expect(page.get_by_text(f"Request {found['request']} for ").first).to_be_visible()
