"""The lessons, one screen after the other; all of a lesson is drawn by this module from its description."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import streamlit as st

from app.controls.lessons import END, draw_controls, read_event, read_settings, read_word, take_settings
from app.controls.views import chosen, drop_hidden_keys, kept
from app.lessons import LESSONS
from app.lessons.frame import SCREENS, Lesson, Moves, Trail
from app.look.markup import piece
from app.look.style import current_theme, enlarge_for_a_room, facts_html, guarded
from app.panels import learn_class, learn_own
from app.panels.keep import draw_table
from app.panels.learn_shown import draw_pictures, draw_said
from app.state import results
from app.state.session import Session

FIRST = next(iter(LESSONS))
_SCREENS = list(SCREENS)
_KEYS = [*LESSONS, learn_class.KEY]


@st.fragment
@guarded
def draw_lessons(session: Session) -> None:
    """The chosen screen of the chosen lesson, and the way to the others."""
    # A fragment is drawn alone, so it looks itself after what the address no longer shows.
    session.drawn += 1
    view = session.views.learn
    key = chosen(view.lesson, FIRST, options=_KEYS)
    if view.shown not in (None, key):
        # Taken from the list, a lesson begins with its question, not with what it would give away.
        view.screen.value = _SCREENS[0]
    view.shown = key
    lesson = LESSONS.get(key)
    title, choose, room = st.columns([5, 4, 2], vertical_alignment="center")
    title.title(lesson.title if lesson else learn_class.TITLE, anchor=False)
    with choose:
        kept(session, st.selectbox, "Lesson", view.lesson, FIRST, options=_KEYS, format_func=numbered_title,
             label_visibility="collapsed")  # fmt: skip
    with room:
        projected = kept(session, st.toggle, "Projector", view.projector, False,
                         help="Everything at 16 px or more, for a room.")  # fmt: skip
    if projected:
        enlarge_for_a_room()
    if lesson is None:
        learn_class.draw_class(session)
    else:
        _draw_lesson(session, lesson)
    drop_hidden_keys(session)


def _draw_lesson(session: Session, lesson: Lesson) -> None:
    screen = _draw_way(session, lesson)
    settings = read_settings(session, lesson)
    run = run_of(lesson, settings)
    event = read_event(session, lesson, lesson.events(run))
    guess = read_word(session, session.views.learn.guesses[lesson.key], list(lesson.predictions))
    match screen:
        case "question":
            _draw_question(session, lesson, guess)
        case "experiment":
            _draw_experiment(session, lesson, settings, run, event)
        case "result":
            _draw_result(session, lesson, settings, guess)
        case "exercise":
            _draw_exercise(session, lesson, settings, run)
        case _:
            _draw_paper(session, lesson)


def run_of(lesson: Lesson, settings: Any) -> Any:
    """What a lesson's experiment gives with these settings; computed once for everybody."""
    return results.kept(("lesson", lesson.key, settings), lambda: lesson.run(settings))


def numbered_title(key: str) -> str:
    """A lesson as it stands in the list: "1. One burst (figure 1)"."""
    if key == learn_class.KEY:
        return learn_class.TITLE
    return f"{list(LESSONS).index(key) + 1}. {LESSONS[key].title} ({LESSONS[key].source})"


def move_screen(session: Session, by: int) -> None:
    """To another screen; beyond the last one to the next lesson, before the first one to the one before."""
    view = session.views.learn
    lesson, screen = view.lesson.value or FIRST, view.screen.value or _SCREENS[0]
    at = max(_KEYS.index(lesson) * len(_SCREENS) + _SCREENS.index(screen) + by, 0)
    view.lesson.value = view.shown = _KEYS[at // len(_SCREENS)]
    view.screen.value = _SCREENS[at % len(_SCREENS)]


def _draw_way(session: Session, lesson: Lesson) -> str:
    view = session.views.learn
    with st.container(horizontal=True, vertical_alignment="center", key="learn-way"):
        screen = kept(session, st.segmented_control, "Screen", view.screen, _SCREENS[0], options=_SCREENS,
                      format_func=SCREENS.get, required=True, label_visibility="collapsed")  # fmt: skip
        at = list(LESSONS).index(lesson.key), _SCREENS.index(screen)
        st.button("Back", icon=":material/arrow_back:", key="learn.back", shortcut="PageUp", on_click=move_screen,
                  args=(session, -1), disabled=at == (0, 0))  # fmt: skip
        st.button("Next", icon=":material/arrow_forward:", key="learn.next", shortcut="PageDown",
                  on_click=move_screen, args=(session, 1), type="primary")  # fmt: skip
    return screen


def _draw_question(session: Session, lesson: Lesson, guess: str) -> None:
    st.markdown(lesson.question)
    st.markdown("**Your prediction:**")
    choice = session.views.learn.guesses[lesson.key]

    def predict(key: str) -> None:
        choice.value = key

    for number, (key, answer) in enumerate(lesson.predictions.items(), 1):
        st.button(answer, key=f"predict:{lesson.key}:{key}", on_click=predict, args=(key,), shortcut=str(number),
                  type="primary" if key == guess else "secondary")  # fmt: skip
    if guess:
        st.caption("Noted. Next: try it.")


def _draw_experiment(session: Session, lesson: Lesson, settings: Any, run: Any, event: int) -> None:
    if lesson.own is not None and kept(session, st.toggle, "On my traffic", session.views.learn.own[lesson.key], False,
                                       help="The same experiment with the requests, models and devices of your "
                                       "scenario."):  # fmt: skip
        learn_own.draw_own(session, lesson, lesson.own, settings)
        return
    draw_controls(session, lesson, settings, run)
    if lesson.events(run):
        _draw_steps(session, lesson, run, event)
    said = lesson.say(settings, run)
    if not lesson.events(run) or event == lesson.events(run):
        draw_said(said)
    draw_pictures(session, lesson.pictures(settings, run, current_theme(), event))


def _draw_steps(session: Session, lesson: Lesson, run: Any, event: int) -> None:
    choice, most = session.views.learn.events[lesson.key], lesson.events(run)

    def go(to: int) -> None:
        choice.value = END if to >= most else max(to, 0)

    with st.container(horizontal=True, vertical_alignment="center", key="learn-steps"):
        st.button("To the start", key="learn.start", on_click=go, args=(0,), disabled=event == 0)
        st.button("One event back", key="learn.undo", shortcut="b", on_click=go, args=(event - 1,), disabled=event == 0)
        st.button("Next event", key="learn.step", shortcut="n", on_click=go, args=(event + 1,), type="primary",
                  disabled=event == most)  # fmt: skip
        st.button("To the end", key="learn.end", on_click=go, args=(most,), disabled=event == most)
        st.html(piece("event", f"Event {event} of {most}", lesson.event_words(run, event)))


def asked_in_short(lesson: Lesson) -> str:
    """The last sentence of the question, to which the predictions are answers; without marks of its own."""
    return re.split(r"(?<=[.?!])\s+", lesson.question.strip())[-1].replace("**", "")


def _draw_result(session: Session, lesson: Lesson, settings: Any, guess: str) -> None:
    asked = run_of(lesson, lesson.asked)
    true = lesson.outcome(asked)
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.markdown(f"**{asked_in_short(lesson)}**")
        st.markdown("**Your prediction**")
        st.markdown(
            lesson.predictions[guess] if guess else "You made none. It is not too late: go back to the question."
        )
        st.markdown("**What happened**")
        st.markdown(lesson.predictions[true])
        if guess:
            st.caption("As you predicted." if guess == true else "Not as you predicted. Why?")
    with right:
        draw_said((lesson.answer or lesson.say)(lesson.asked, asked))
        st.markdown(lesson.why(lesson.asked, asked))
        if settings != lesson.asked:
            st.markdown("**With your own settings**")
            draw_said(lesson.say(settings, run_of(lesson, settings)))
    if lesson.shown is not None:
        draw_pictures(session, lesson.shown(lesson.asked, asked, current_theme()))
    else:
        draw_pictures(session, lesson.pictures(lesson.asked, asked, current_theme(), lesson.events(asked))[:1])


def _draw_exercise(session: Session, lesson: Lesson, settings: Any, run: Any) -> None:
    st.markdown(lesson.exercise.task)
    draw_controls(session, lesson, settings, run)
    is_solved, sentence = lesson.exercise.check(settings, run)
    (st.success if is_solved else st.info)(("Solved. " if is_solved else "Not yet. ") + sentence)
    shown = lesson.pictures(settings, run, current_theme(), lesson.events(run))
    # At the end of what is stepped everybody has left the first picture.
    draw_pictures(session, shown[-1:] if lesson.events(run) else shown[:1])
    with st.expander("One solution"):
        values = asdict(lesson.exercise.solution)
        said = [(c.label, c.told(values[c.field]) if isinstance(c, Moves) else values[c.field])
                for c in lesson.controls if not isinstance(c, Trail)]  # fmt: skip
        st.html(facts_html([(name, v if isinstance(v, str) else f"{v:g}") for name, v in said]))
        st.button("Set it", key="learn.solve", on_click=take_settings, args=(session, lesson, lesson.exercise.solution))


def _draw_paper(session: Session, lesson: Lesson) -> None:
    theme = current_theme()
    paper = lesson.paper(theme)
    st.markdown(paper.note)
    if session.views.learn.projector.value:
        # Letters of the other kind of table cannot be enlarged.
        st.table(paper.table.set_index(paper.table.columns[0]))
    else:
        draw_table(paper.table, f"paper-{lesson.key}", f"{lesson.source} of the paper, published and ours")
    draw_pictures(session, paper.pictures)
