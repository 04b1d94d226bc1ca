"""The exercise for a class: the teacher's settings and link, the student's placement, its scores and file."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.controls.views import chosen, kept, write_key
from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.projector import enlarge
from app.look import words
from app.look.style import current_theme, plain_text, verdict_html
from app.panels.keep import draw_chart, draw_table
from app.state import results
from app.state.session import Session
from app.state.views import ClassView
from planner.lessons.class_task import Task, answer_document, check_answer, read_held
from simulator import InputError, Placement

KEY, TITLE = "class", "An exercise for a class"
_DEVICES, _STAGES = ("2", "4", "8"), ("1", "2", "4", "8")
_HUE = 0
# Widget options of the teacher's numbers, by field.
_NUMBERS = {
    "models": ("Models", 2, 8, 1),
    "memory_gib": ("Memory of a device (GiB)", 6, 40, 1),
    "rate_per_s": ("Requests a second", 1, 30, 1),
    "cv": ("Burstiness (CV)", 0.5, 8.0, 0.5),
    "slo_scale": ("Deadline (× alone)", 1, 20, 0.5),
    "seed": ("Seed of the trace", 0, 99, 1),
}


def draw_class(session: Session) -> None:
    """The task, the board, and what came out."""
    view = session.views.classroom
    is_locked = chosen(view.locked, False)
    write_key(session, view.locked.key, True if is_locked else None)
    view.locked.value = is_locked
    task = _read_task(session, view)
    if is_locked:
        st.markdown(task_sentence(task))
    else:
        _draw_teacher(session, view, task)
    stages, held = _draw_board(session, view, task)
    try:
        placement = task.placement(stages, held)
    except InputError as error:
        st.error(plain_text(str(error)))
        return
    score = results.kept(("class", task, placement, False), lambda: task.score(placement, False))
    st.html(verdict_html(_HUE, f"Your placement meets {words.share(score)} of deadlines on the shown trace."))
    figure = build_cluster_figure(placement, task.served(), task.cluster, current_theme(), _HUE,
                                  task.traffic(False).requests_per_model())  # fmt: skip
    if session.views.learn.projector.value:
        enlarge(figure)
    draw_chart(figure, "class-cluster", describe_cluster(placement, task.cluster))
    _draw_handing_in(session, view, task, placement, f"{stages}:{'.'.join(held)}", score)


def task_sentence(task: Task) -> str:
    """The task in words, in Markdown."""
    return (
        f"**{words.plural(task.models, 'model')}** of 5.18 GiB ({task.names[0]} the most popular), "
        f"**{words.plural(task.devices, 'device')}** of {task.memory_gib:g} GiB, {words.rate(task.rate_per_s)} at CV "
        f"{task.cv:g}, deadlines of {task.slo_scale:g} × alone. **Place the models so that most deadlines are met**, "
        f"on "
        "the shown trace and on one that you do not see: another draw of the same traffic."
    )


def hidden_sentence(scores: tuple[float, float], searched: tuple[float, float]) -> str:
    """Both scores of a placement and of the one that was searched, and who is ahead on the hidden trace."""
    gap = words.points_difference(scores[1], searched[1])
    ahead = "You meet as many as" if gap == "same" else f"You are {gap.lstrip(words.MINUS + '+')} " + (
        "ahead of" if scores[1] > searched[1] else "behind")  # fmt: skip
    return (
        f"On the hidden trace your placement meets {words.share(scores[1])}, {words.points_difference(*scores[::-1])} "
        f"against "
        f"the shown one. {ahead} a search that saw the shown trace only: {words.share(searched[0])} shown, "
        f"{words.share(searched[1])} hidden."
    )


def _read_task(session: Session, view: ClassView) -> Task:
    start = Task()
    values = {}
    for field, (_, low, high, _) in _NUMBERS.items():
        default = float(getattr(start, field))
        choice = view.numbers[field]
        value = choice.value = chosen(choice, default, min_value=float(low), max_value=float(high))
        write_key(session, choice.key, value if value != default else None)
        values[field] = int(value) if isinstance(getattr(start, field), int) else value
    value = view.devices.value = chosen(view.devices, str(start.devices), options=list(_DEVICES))
    write_key(session, view.devices.key, value if value != str(start.devices) else None)
    return Task(devices=int(value), **values)


def _draw_teacher(session: Session, view: ClassView, task: Task) -> None:
    st.markdown("**For the teacher:** set the task and give the class the link below. It opens without these controls. "
                "Students place the models by hand, hand in, and save a file with their answer for you.")  # fmt: skip
    start, columns = Task(), st.columns(4)
    for i, (field, (label, low, high, step)) in enumerate(_NUMBERS.items()):
        with columns[i % 4]:
            kept(session, st.slider, label, view.numbers[field], float(getattr(start, field)), min_value=float(low),
                 max_value=float(high), step=float(step))  # fmt: skip
    with columns[2]:
        kept(session, st.selectbox, "Devices", view.devices, str(start.devices), options=list(_DEVICES))
    st.code(class_link(task, st.context.url or ""), language=None, wrap_lines=True)
    _draw_answers()
    st.markdown(task_sentence(task))


def _draw_answers() -> None:
    with st.expander("Answers of the class"):
        files = st.file_uploader("Answers (JSON)", type="json", accept_multiple_files=True, key="class.answers",
                                 max_upload_size=1)  # fmt: skip
        rows = []
        for file in files:
            try:
                rows.append(answer_row(file.getvalue()))
            except InputError as error:
                st.error(plain_text(f"{file.name}: {error}"))
        if rows:
            st.caption("Simulated again from the placement of each file.")
            draw_table(pd.DataFrame(rows), "class-answers", "Deadlines met by the answers of the class")


def answer_row(content: bytes) -> dict[str, object]:
    """An answer as a row of the teacher's table; InputError where it is none."""
    try:
        document = json.loads(content)
    except ValueError:
        raise InputError("This is no JSON; the file that the page Learn saves is wanted.") from None
    shown_score, hidden = check_answer(document)
    return {"student": str(document.get("student", "")), "handed in": document.get("handed_in"),
            "shown": words.share(shown_score), "hidden": words.share(hidden)}  # fmt: skip


def class_link(task: Task, address: str) -> str:
    """The address of the page with this task, locked."""
    start, view = Task(), ClassView()
    said: dict[str, object] = {"lesson": KEY, view.locked.key: True}
    for field in _NUMBERS:
        if getattr(task, field) != getattr(start, field):
            said[view.numbers[field].key] = float(getattr(task, field))
    if task.devices != start.devices:
        said[view.devices.key] = task.devices
    return f"{address}?{urlencode(said)}"


def _draw_board(session: Session, view: ClassView, task: Task) -> tuple[int, list[str]]:
    options = [stages for stages in _STAGES if int(stages) <= task.devices]
    stages = int(kept(session, st.segmented_control, "Devices that work together (stages of a group)", view.stages, "1",
                      options=options, required=True))  # fmt: skip
    text = chosen(view.held, "")
    held = read_held(text, task, stages)
    groups = len(held)
    for g, column in zip(range(groups), st.columns(min(groups, 4)) * groups, strict=False):

        def take(names: list[str], g: int = g) -> None:
            view.held.value = ".".join("".join(names) if i == g else old for i, old in enumerate(held))

        with column:
            name = words.numbered("group", g).capitalize()
            shown(session, st.pills, name, f"class.group:{stages}:{g}", list(held[g]), take, tuple,
                  options=list(task.names), selection_mode="multi")  # fmt: skip
    view.held.value = ".".join(held) if any(held) else ""
    write_key(session, view.held.key, view.held.value or None)
    return stages, held


def _draw_handing_in(
    session: Session, view: ClassView, task: Task, placement: Placement, answer: str, score: float
) -> None:
    handed, tries = chosen(view.handed, ""), chosen(view.tries, 0, min_value=0, max_value=9_999)

    def hand_in() -> None:
        view.handed.value, view.tries.value = answer, tries + (handed != answer)

    st.button("Hand in", type="primary", key="class.hand_in", on_click=hand_in, disabled=handed == answer,
              help="Shows the score on the hidden trace; how often you hand in stands in your file.")  # fmt: skip
    view.handed.value, view.tries.value = handed, tries
    write_key(session, view.handed.key, handed or None)
    write_key(session, view.tries.key, tries or None)
    if handed != answer:
        return
    hidden = results.kept(("class", task, placement, True), lambda: task.score(placement, True))
    searched = results.kept(("class", task, "searched"), lambda: _searched(task))
    st.markdown(hidden_sentence((score, hidden), searched))
    student = kept(session, st.text_input, "Your name, for the file", view.student, "", max_chars=60)
    document = answer_document(task, placement, student, tries, (score, hidden))
    st.download_button("Answer (JSON)", lambda: json.dumps(document, indent=1), "answer.json", "application/json",
                       key="class.answer", on_click="ignore", icon=":material/download:")  # fmt: skip


def _searched(task: Task) -> tuple[float, float]:
    placement = task.searched()
    return task.score(placement, False), task.score(placement, True)
