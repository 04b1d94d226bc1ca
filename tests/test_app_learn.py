"""The page Learn: screens, predictions, steps, and every state in its link."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import slot_of
from app.lessons import LESSONS
from app.lessons.frame import SCREENS, Moves, Slider, Trail
from app.lessons.old_address import learn_query
from app.look.style import plain_text
from app.panels.learn import asked_in_short
from app.state.first_scenario import first_scenario
from planner.lessons.own_traffic import bring
from planner.scenario.examples import examples
from planner.scenario.inputs import build_inputs
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


def opened(**parameters):
    at = AppTest.from_file(MAIN, default_timeout=120).switch_page("views/learn.py")
    at.query_params = parameters
    at.run()
    assert not at.exception and not at.error
    return at


def said(at):
    return " ".join(e.proto.body for e in at.get("html"))


def address(at):
    return {key: value for key, value in dict(at.query_params).items() if key != "w"}


def flat(parameters):
    return {key: value[0] if isinstance(value, list) else value for key, value in parameters.items()}


@pytest.mark.parametrize("key", LESSONS)
def test_every_screen_of_a_lesson_opens_from_its_link_in_the_state_it_was_left(key):
    lesson, at = LESSONS[key], opened(lesson=key)
    at.button(key=f"predict:{key}:{list(lesson.predictions)[-1]}").click().run()
    at.segmented_control(key=shown_key(at, "screen")).set_value("experiment").run()
    for control in lesson.controls:
        if isinstance(control, Trail):
            continue
        if isinstance(control, Moves):
            move = next(iter(control.choices(lesson.asked, lesson.run(lesson.asked))))
            at.button(key=f"move:{key}:{move}").click().run()
            continue
        kind, prefix = ("slider", "x") if isinstance(control, Slider) else ("selectbox", "o")
        widget = getattr(at, kind)(key=shown_key(at, f"{prefix}.{key}.{control.field}"))
        value = float(control.high) if isinstance(control, Slider) else control.options[-1]
        widget.set_value(value).run()
    left = flat(address(at))
    assert left[f"guess.{key}"] == list(lesson.predictions)[-1]
    for screen in SCREENS:
        again = opened(**{**left, "screen": screen})
        kept = {name: value for name, value in flat(address(again)).items() if name != "screen"}
        assert kept == {name: value for name, value in left.items() if name != "screen"}, screen


def test_the_way_leads_through_all_screens_and_on_to_the_next_lesson():
    at = opened()
    seen = []
    for _ in range(len(SCREENS)):
        seen.append(at.segmented_control(key=shown_key(at, "screen")).value)
        at.button(key="learn.next").click().run()
    assert seen == [*SCREENS]
    assert flat(address(at)) == {"lesson": list(LESSONS)[1]}
    at.button(key="learn.back").click().run()
    assert flat(address(at)) == {"screen": "paper"}


def test_a_lesson_that_is_taken_from_the_list_begins_with_its_question():
    at = opened(lesson="traffic", screen="paper")
    assert at.segmented_control(key=shown_key(at, "screen")).value == "paper"
    at.selectbox(key=shown_key(at, "lesson")).set_value("regions").run()
    assert at.segmented_control(key=shown_key(at, "screen")).value == "question"
    assert flat(address(at)) == {"lesson": "regions"}


def test_a_prediction_is_shown_beside_what_happened():
    at = opened()
    at.button(key="predict:burst:equal").click().run()
    at.segmented_control(key="screen").set_value("result").run()
    texts = [m.value for m in at.markdown]
    assert LESSONS["burst"].predictions["equal"] in texts and LESSONS["burst"].predictions["shared"] in texts
    assert "**Which way answers them sooner on average?**" in texts
    assert "(1.1 + 1.6 + 2.1 + 2.6) y / 4 = 1.85 y" in said(at)


def test_the_result_repeats_what_was_asked():
    for lesson in LESSONS.values():
        asked = asked_in_short(lesson)
        assert asked.endswith("?") and 10 < len(asked) < 160 and asked in lesson.question.replace("**", "")


def test_the_burst_is_stepped_one_event_at_a_time():
    at = opened(screen="experiment")
    assert "4 requests have come at once and wait." in said(at)
    for number in (1, 2):
        at.button(key="learn.step").click().run()
        assert f"Event {number} of" in said(at) and flat(address(at))["event.burst"] == str(number)
    at.button(key="learn.undo").click().run()
    assert "Event 1 of" in said(at)
    at.button(key="learn.end").click().run()
    assert "Sharing answers 1.35 times faster" in said(at)
    # Whoever is at the end sees the end of the next run too.
    at.slider(key=shown_key(at, "x.burst.requests")).set_value(6.0).run()
    run = LESSONS["burst"].run(replace(LESSONS["burst"].asked, requests=6.0))
    assert f"Event {len(run.events)} of {len(run.events)}" in said(at) and "times faster" in said(at)
    at.button(key="learn.undo").click().run()
    assert f"Event {len(run.events) - 1} of" in said(at)


def test_a_lesson_leaves_nothing_of_itself_in_the_address_of_another():
    at = opened(lesson="traffic", screen="experiment", **{"x.traffic.cv": "2.0", "guess.traffic": "far"})
    assert flat(address(at))["x.traffic.cv"] == "2.0"
    at.selectbox(key=shown_key(at, "lesson")).set_value("theory").run()
    assert not [key for key in address(at) if "traffic" in key]
    at.selectbox(key=shown_key(at, "lesson")).set_value("traffic").run()
    assert flat(address(at))["x.traffic.cv"] == "2.0"


def test_a_solved_exercise_says_so():
    at = opened(lesson="traffic", screen="exercise", **{"x.traffic.cv": "1.0", "x.traffic.share_percent": "20.0"})
    assert at.success[0].value.startswith("Solved.")
    at = opened(lesson="traffic", screen="exercise")
    assert at.info[0].value.startswith("Not yet.")
    at.button(key="learn.solve").click().run()
    assert at.success[0].value.startswith("Solved.") and "x.traffic.cv" in address(at)


def test_for_a_room_the_title_stays():
    at = opened(projector="True", screen="experiment")
    assert at.title[0].value == LESSONS["burst"].title and "for-a-room" in said(at)


def test_a_board_is_played_taken_back_and_begun_again():
    at = opened(lesson="greedy", screen="experiment")
    assert "No score is shown before you have chosen" in said(at)
    at.button(key="move:greedy:D0").click().run()
    assert "You took D on device 0" in said(at) and flat(address(at))["o.greedy.moves"] == "D0"
    at.button(key="move:greedy:B0").click().run()
    at.button(key="learn.takeback").click().run()
    assert flat(address(at))["o.greedy.moves"] == "D0"
    at.button(key="learn.again").click().run()
    assert "o.greedy.moves" not in address(at)


def test_moves_of_a_link_that_do_not_fit_are_not_played():
    at = opened(lesson="greedy", screen="experiment", **{"o.greedy.moves": "A0.B0.xx"})
    assert "You took A on device 0" in said(at) and not at.exception


def test_the_sliders_of_the_hunt_leave_a_trail_that_the_link_keeps():
    at = opened(lesson="hunt", screen="experiment")
    assert "o.hunt.trail" not in address(at)
    at.slider(key=shown_key(at, "x.hunt.cv")).set_value(0.5).run()
    at.slider(key=shown_key(at, "x.hunt.rate_per_s")).set_value(33.0).run()
    left = flat(address(at))
    assert left["o.hunt.trail"] == "18_0.5_5_1.1_2~33_0.5_5_1.1_2"
    assert flat(address(opened(**left))) == left


def test_a_link_to_the_page_before_the_lessons_opens_the_lesson_of_its_settings():
    at = AppTest.from_file(MAIN, default_timeout=120).switch_page("views/why.py")
    at.query_params = {"why_rate": "4.5", "why_cv": "2.0", "hop": "20"}
    at.run()
    assert not at.exception and not at.error
    assert [title.value for title in at.title] == [LESSONS["traffic"].title]
    assert at.slider(key=shown_key(at, "x.traffic.rate_per_s")).value == 4.5
    assert at.slider(key=shown_key(at, "x.traffic.cv")).value == 2.0


def test_every_old_key_names_a_control_of_its_lesson():
    old = ("burst_size", "hop", "burst_for", "why_rate", "why_cv", "why_share", "why_alpha", "why8_rate", "why8_cv",
           "why8_alpha")  # fmt: skip
    for key in old:
        moved = learn_query({key: "1", "w": "abc"})
        lesson = moved.pop("lesson")
        assert moved.pop("screen") == "experiment" and moved.pop("w") == "abc"
        (new,) = moved
        kind, of, field = new.split(".")
        (control,) = [c for c in LESSONS[lesson].controls if c.field == field]
        assert of == lesson and kind == ("x" if isinstance(control, Slider) else "o")
    assert learn_query({"projector": "True"}) == {"projector": "True"}


@pytest.mark.parametrize(("key", "said_there"), [("batching", "Batches "), ("yesterday", " in the thirds B and C: ")])
def test_a_lesson_is_tried_on_ones_own_traffic_and_its_link_opens_it_again(key, said_there):
    at = opened(lesson=key, screen="experiment")
    at.toggle(key=shown_key(at, f"own_traffic.{key}")).set_value(True).run()
    finish(at)
    (slider,) = at.slider
    slider.set_value(3.0).run()
    left = flat(address(finish(at)))
    assert left == {"lesson": key, "screen": "experiment", f"own_traffic.{key}": "True", f"x.{key}.slo_scale": "3.0"}
    problem = build_inputs(first_scenario()).problem
    own = LESSONS[key].own
    chosen = replace(LESSONS[key].asked, slo_scale=3.0)
    run = own.run(chosen, bring(problem))
    first, rest = own.say(chosen, run).sentences.split(". ", 1)
    assert said_there in f"{first}. {rest}" and first in said(at) and rest in said(at)
    assert plain_text(own.bound(run)) in [caption.value for caption in at.caption]
    again = finish(opened(**left))
    assert flat(address(again)) == left and rest in said(again)


def test_a_lesson_says_why_it_does_not_take_ones_traffic():
    at = opened(lesson="batching", screen="experiment")
    at.session_state["session"].scenario = next(e.scenario for e in examples() if e.scenario.generates)
    at.toggle(key=shown_key(at, "own_traffic.batching")).set_value(True).run()
    assert "generate token by token" in at.info[0].value and not at.exception
    large = next(e.scenario for e in examples() if "104B" in e.scenario.name)
    at.session_state["session"].scenario = large
    at.run()
    finish(at, problem=True)
    assert "No pipeline can be tried" in at.error[0].value


def finish(at, problem=False):
    slot_of(at.session_state["session"], "lesson-own").job.wait(60)
    at.run()
    assert not at.exception and bool(at.error) == problem
    return at
