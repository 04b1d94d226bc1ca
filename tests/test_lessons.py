"""What every lesson keeps to, whatever it is about."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from app.figures.projector import LEAST_PX, enlarge
from app.lessons import LESSONS
from app.lessons.frame import Moves, Slider, Trail
from app.look.theme import DARK, LIGHT

EVERY = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)


@EVERY
def test_a_lesson_moves_each_of_its_settings_within_its_ends(lesson):
    values = asdict(lesson.asked)
    assert {control.field for control in lesson.controls} == {*values}
    for settings in (lesson.asked, lesson.exercise.solution, *lesson.presets.values()):
        for control in lesson.controls:
            value = asdict(settings)[control.field]
            if isinstance(control, Moves | Trail):
                continue
            if isinstance(control, Slider):
                assert control.low <= value <= control.high
                steps = (value - control.low) / control.step
                assert steps == pytest.approx(round(steps), abs=1e-6)
            else:
                assert value in control.options


@EVERY
def test_one_of_the_predictions_comes_true(lesson):
    assert lesson.outcome(lesson.run(lesson.asked)) in lesson.predictions
    assert 2 <= len(lesson.predictions) <= 4


@EVERY
def test_the_exercise_is_not_solved_by_doing_nothing_and_has_a_solution(lesson):
    exercise = lesson.exercise
    assert not exercise.check(lesson.asked, lesson.run(lesson.asked))[0]
    assert exercise.check(exercise.solution, lesson.run(exercise.solution))[0]


@EVERY
def test_the_same_settings_give_the_same_words(lesson):
    first, second = (lesson.say(lesson.asked, lesson.run(lesson.asked)) for _ in range(2))
    assert first == second and first.sentences.endswith(".")


@EVERY
def test_every_end_of_every_control_has_an_answer_and_pictures(lesson):
    for control in (control for control in lesson.controls if not isinstance(control, Moves | Trail)):
        ends = (control.low, control.high) if isinstance(control, Slider) else control.options
        for value in ends:
            settings = replace(lesson.asked, **{control.field: float(value) if isinstance(control, Slider) else value})
            run = lesson.run(settings)
            assert lesson.outcome(run) in lesson.predictions
            said = lesson.say(settings, run)
            assert "nan" not in said.sentences + lesson.why(settings, run) and "inf" not in said.sentences.split()
            for picture in lesson.pictures(settings, run, DARK, lesson.events(run)):
                assert picture.alt and "nan" not in picture.alt


@EVERY
def test_published_stands_beside_ours(lesson):
    paper = lesson.paper(LIGHT)
    assert len(paper.table) and not paper.table.isna().any(axis=None)
    assert any(what in paper.note for what in ("Figure", "section", "Section")) and "of the paper" in paper.note
    keys = [picture.key for picture in paper.pictures]
    assert len({*keys}) == len(keys)


@EVERY
def test_for_a_room_no_letter_of_a_picture_is_small(lesson):
    run = lesson.run(lesson.asked)
    for picture in [*lesson.pictures(lesson.asked, run, LIGHT, 0), *lesson.paper(LIGHT).pictures]:
        enlarge(picture.figure)
        layout = picture.figure.layout
        sizes = [layout.font.size, layout.legend.font.size, layout.hoverlabel.font.size,
                 layout.xaxis.tickfont.size, layout.xaxis.title.font.size, layout.yaxis.tickfont.size,
                 *(note.font.size for note in layout.annotations)]  # fmt: skip
        sizes += [trace.textfont.size for trace in picture.figure.data
                  if "textfont" in trace and getattr(trace, "text", None) is not None]  # fmt: skip
        assert min(sizes) >= LEAST_PX and layout.title.font.size > LEAST_PX


def test_every_event_of_the_burst_moves_one_request():
    from planner.lessons.burst import places

    lesson = LESSONS["burst"]
    run = lesson.run(lesson.asked)
    before = places((), len(run.models))
    for event in range(1, lesson.events(run) + 1):
        after = places(run.events[:event], len(run.models))
        assert np.count_nonzero(after != before) == 1
        assert f"request {run.events[event - 1].request + 1} " in lesson.event_words(run, event)
        before = after
