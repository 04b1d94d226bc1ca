"""The address of every page: what is chosen stands in it, a link shows it again, and nothing stale stays behind."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.scenario.examples import FOLDER
from planner.scenario.file import parse_scenario
from planner.scenario.link import encode_scenario
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
PAGES = (
    "plan",
    "compare",
    "timeline",
    "placement",
    "capacity",
    "search",
    "trace",
    "profile",
    "learn",
    "scenario",
    "library",
)
KINDS = (
    "number_input",
    "slider",
    "selectbox",
    "segmented_control",
    "checkbox",
    "multiselect",
    "text_input",
    "text_area",
)
# Options that are shown in other words than they are kept in.
OTHERS = {"axis": "devices", "token_axis": "devices", "replay_over": "seconds", "edit_group": 1, "screen": "experiment"}
# What the pages show that stands in the address beside the choices of their widgets.
ALWAYS = {"s", "w", "look", "first", "second", "at", "start", "end", "request", "o.hunt.trail"}


def _scenario():
    trace = first_scenario().workload.trace.model_dump() | {"duration_s": 60.0}
    few = with_values(first_scenario(), "", workload={"trace": trace}, models=[
        {"name": "m-{i}", "profile": "bert-2.6b", "count": 4, "slo_scale": 5}])  # fmt: skip
    searched = {"name": "searched", "search": {"algorithm": "selective_replication"}}
    return with_values(few, "", placements=[*few.model_dump()["placements"], searched])


LINK = encode_scenario(_scenario())
TOKENS = encode_scenario(parse_scenario((FOLDER / "6-language-models.yaml").read_text(encoding="utf-8")))


def opened(page, **parameters):
    """A page as somebody sees it who opens a link to it."""
    at = AppTest.from_file(MAIN, default_timeout=120).switch_page(f"views/{page}.py")
    at.query_params = parameters
    at.run()
    for job in session(at).jobs.unfinished():
        job.wait(60)
    # Also where there is none: it may have ended since the page was drawn.
    at.run()
    assert not at.exception
    return at


def session(at):
    return at.session_state["session"]


def controls(at):
    """The widgets on the page whose choices are kept, by key."""
    choices = session(at).views.saved()
    found = {widget.key: widget for kind in KINDS for widget in getattr(at, kind) if widget.key}
    return {key: found[shown_key(at, key)] for key in choices if shown_key(at, key) in found}


def values(at):
    return {key: widget.value for key, widget in controls(at).items()}


def move(widget):
    """Another value than the one that a widget shows."""
    kind, value = widget.type, widget.value
    if kind == "checkbox":
        widget.set_value(not value)
    elif kind == "text_input":
        widget.set_value(f"{value}x")
    elif kind == "multiselect":
        widget.set_value(value[:-1])
    elif widget.key in OTHERS:
        widget.set_value(OTHERS[widget.key])
    elif kind == "selectbox":
        last = len(widget.options) - 1
        widget.select_index(last if widget.index != last else 0)
    elif kind == "button_group":
        widget.set_value(next(option for option in widget.options if option != value))
    else:
        step = widget.step or 1
        widget.set_value(value + step if widget.max is None or value + step <= widget.max else value - step)


def move_all(at):
    """Move every control on a page, and those that come to light by it; gives what each showed first."""
    first = {}
    while unmoved := {key: widget for key, widget in controls(at).items() if key not in first}:
        first |= {key: widget.value for key, widget in unmoved.items()}
        for widget in unmoved.values():
            move(widget)
        at.run()
    return first


def move_back(at, first):
    """Take every control back to what it showed first, and those that come to light by it."""
    for _ in range(4):
        moved = {key: widget for key, widget in controls(at).items() if widget.value != first.get(key, widget.value)}
        if not moved:
            return
        for key, widget in moved.items():
            widget.set_value(first[key])
        at.run()


@pytest.mark.parametrize(("name", "link"), [*((name, LINK) for name in PAGES), ("capacity", TOKENS)])
def test_every_choice_stands_in_the_address_and_leaves_it_with_its_default(name, link):
    at = opened(name, s=link)
    first = move_all(at)
    assert not at.exception
    shown, address = values(at), dict(at.query_params)
    moved = {key for key, value in shown.items() if value != first[key]}
    assert bool(moved) == bool(shown) and moved <= {*address} <= moved | ALWAYS
    if not shown:
        return
    again = opened(name, **{key: value for key, value in address.items() if key != "w"})
    found = values(again)
    assert found == {key: shown[key] for key in found}
    # Where the moved values are refused, the page keeps an earlier result with its controls; a link cannot.
    assert found == shown or [e.value for e in again.error] == [e.value for e in at.error] != []
    move_back(at, first)
    back = values(at)
    assert back == {key: first.get(key, value) for key, value in back.items()}
    assert {*at.query_params} <= ALWAYS


# What is looked at on these pages: of the widgets one value each, and those keys that go with the choice.
LOOKS = {
    "compare": ({"compare.first": "searched", "compare.model": "m-1", "compare.from": 5.0, "compare.to": 50.0,
                 "compare.at": 20.0}, {"first", "second", "model", "from", "to", "at"}),
    "timeline": ({"timeline.start": 5.0, "timeline.length": 4.0, "timeline.groups": [1], "timeline.request": 7},
                 {"start", "end", "groups", "request"}),
    "search": ({"replay_step:Single-device replication": 2}, {"step"}),
}  # fmt: skip


def looks(at, keys):
    found = {widget.key: widget for kind in KINDS for widget in getattr(at, kind)}
    return {key: found[shown_key(at, key)] for key in keys}


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_looked_at_stands_in_the_address_and_leaves_it(name):
    wanted, keys = LOOKS[name]
    at = opened(name, s=LINK)
    first = {key: widget.value for key, widget in looks(at, wanted).items()}
    for key, value in wanted.items():
        looks(at, wanted)[key].set_value(value).run()
    address = dict(at.query_params)
    assert keys <= {*address}
    again = opened(name, **{key: value for key, value in address.items() if key != "w"})
    assert {key: widget.value for key, widget in looks(again, wanted).items()} == wanted
    for key in ("compare.from", "compare.to", "replay_step:Single-device replication"):
        if key in wanted:
            looks(at, wanted)[key].set_value(first[key]).run()
    if name == "compare":
        at.button(key="compare.clear").click().run()
    if name == "timeline":
        looks(at, wanted)["timeline.groups"].set_value([]).run()
    assert {*at.query_params} <= ALWAYS
    # Another page begins without what this one wrote.
    again.switch_page("views/library.py").run()
    assert {*again.query_params} <= {"s", "w"}


def test_the_bursts_of_a_link_are_those_of_the_picture_too(monkeypatch):
    heights = []
    monkeypatch.setattr("app.panels.arrivals.find_bursts", lambda trace, times: heights.append(times) or ())
    at = opened("trace", s=LINK, burst_times="3.5")
    assert controls(at)["burst_times"].value == 3.5 and {*heights} == {3.5}
