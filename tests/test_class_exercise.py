"""The exercise for a class: locked by its link, placed by hand, scored on two traces, answered in a file."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from app.look import words
from app.panels.learn_class import answer_row, class_link, hidden_sentence, task_sentence
from planner.lessons.class_task import Task, answer_document, check_answer, read_held
from simulator import InputError
from tests.cases import shown_key
from tests.test_app_learn import address, flat, opened, said


def test_the_hidden_trace_is_the_same_for_all_and_another_than_the_shown_one():
    task = Task()
    shown, hidden = task.traffic(False), task.traffic(True)
    assert np.array_equal(hidden.arrival_s, Task().traffic(True).arrival_s)
    assert not np.array_equal(shown.arrival_s[:50], hidden.arrival_s[:50])
    assert not np.array_equal(replace(task, seed=1).traffic(True).arrival_s[:50], hidden.arrival_s[:50])
    assert abs(len(shown) - len(hidden)) < 0.5 * len(shown)


def test_an_answer_is_a_file_whose_scores_come_out_again():
    task = Task()
    placement = task.placement(4, ["ABCDEF"])
    scores = task.score(placement, False), task.score(placement, True)
    document = json.loads(json.dumps(answer_document(task, placement, "Ada", 2, scores)))
    assert check_answer(document) == scores == tuple(document["slo_attainment"].values())
    assert document["student"] == "Ada" and document["handed_in"] == 2
    row = answer_row(json.dumps(document).encode())
    assert (row["student"], row["shown"], row["hidden"]) == ("Ada", *map(words.share, scores))


@pytest.mark.parametrize("content", [
    b"x", b"[]", b'{"groups": []}', b'{"exercise": {"rate_per_s": 0}, "groups": []}',
    b'{"exercise": {"models": "x"}, "groups": []}',
    b'{"exercise": {}, "groups": [{"pp": 1, "tp": 1, "models": ["Z"]}]}',
])  # fmt: skip
def test_a_file_that_is_no_answer_says_so(content):
    with pytest.raises(InputError, match=r"no answer to an exercise|no JSON|'Z' is not known|positive number"):
        answer_row(content)


def test_what_does_not_fit_a_device_is_said():
    with pytest.raises(InputError, match="GiB of weights on a device; 13 GiB are allowed"):
        Task().placement(1, ["ABC", "", "", ""])


@pytest.mark.parametrize(("text", "stages", "held"), [
    ("AB.CD", 1, ["AB", "CD", "", ""]), ("BA.xC.D.E.F", 2, ["AB", "C"]), ("", 4, [""]), ("AA", 4, ["A"])])  # fmt: skip
def test_a_placement_of_the_address_is_read_as_far_as_it_makes_sense(text, stages, held):
    assert read_held(text, Task(), stages) == held


def test_the_link_of_the_class_opens_the_same_task_without_its_controls():
    task = Task(models=8, devices=8, rate_per_s=20.0, cv=4.0, seed=7)
    link = class_link(task, "http://planner/learn")
    parameters = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
    at = opened(**parameters)
    assert not at.slider and task_sentence(task) in [m.value for m in at.markdown]
    assert flat(address(at)) == parameters
    assert "meets 0 % of deadlines" in said(at).replace("\u00a0", " ")


def test_a_student_places_hands_in_and_sees_the_hidden_score():
    at = opened(lesson="class", locked="True", stages="4")
    at.pills[0].set_value([*"ABCDEF"]).run()
    task, left = Task(), flat(address(at))
    assert left["held"] == "ABCDEF" and "handed" not in left
    placement = task.placement(4, ["ABCDEF"])
    shown, hidden = (task.score(placement, is_hidden) for is_hidden in (False, True))
    assert words.share(shown) in said(at)
    at.button(key="class.hand_in").click().run()
    searched = task.searched()
    expected = hidden_sentence((shown, hidden), (task.score(searched, False), task.score(searched, True)))
    assert expected in [m.value for m in at.markdown]
    left = flat(address(at))
    assert left["tries"] == "1" and left["handed"] == "4:ABCDEF"
    again = opened(**left)
    assert flat(address(again)) == left and expected in [m.value for m in again.markdown]
    at.pills[0].set_value([*"ABCDE"]).run()
    assert expected not in [m.value for m in at.markdown]


@pytest.mark.parametrize(("mine", "searched"), [((0.9, 0.8), (0.95, 0.7)), ((0.5, 0.6), (0.9, 0.85)), ((1, 1), (1, 1))])
def test_both_scores_are_compared_with_the_search_that_saw_one_trace(mine, searched):
    text = hidden_sentence(mine, searched)
    assert words.points_difference(mine[1], mine[0]) in text
    if mine[1] == searched[1]:
        assert "as many as a search" in text
    else:
        assert ("ahead of a search" in text) == (mine[1] > searched[1])
        assert f"{100 * abs(mine[1] - searched[1]):.1f} points" in text


def test_the_teacher_sets_the_task_and_reads_the_link():
    at = opened(lesson="class")
    at.slider(key=shown_key(at, "class.cv")).set_value(5.0).run()
    assert "locked=True" in at.code[0].value and "class.cv=5.0" in at.code[0].value
