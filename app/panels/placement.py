"""The placement under one's hands: where it began, what it meets, its picture, and who gains."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.compare import build_differences_figure, describe_differences
from app.figures.placement import build_change_figure, describe_change
from app.look import words
from app.look.style import current_theme, draw_figure, plain, plain_text, title_apart, verdict_html
from app.panels import verdict
from app.panels.keep import draw_chart, draw_table
from app.state.answer import Answer, Answered
from app.state.drafting import AREA, Draft, draft_of, edit_draft, free_name, replace_draft, saved
from app.state.results import trial
from app.state.session import Session
from app.state.views import PlacementView
from planner.by_hand.editing import EditContext, placement_problems
from planner.explain import model_differences
from simulator import Group, InputError, Placement, Schedule
from simulator.schema import MAX_NAME

_START, _PICTURE, _NAME = "draft.start", "draft.picture", "draft.name"


def bench_of(answer: Answer) -> EditContext:
    """What placements are edited for."""
    problem = answer.inputs.problem
    return EditContext(problem.models, problem.cluster, problem.rules)


def draw_start(session: Session, answer: Answer) -> None:
    """The choice of the placement of the basket that the draft begins as."""
    draft = draft_of(session, answer)
    shown(
        session, st.segmented_control, "Begin with", _START, draft.start_name, lambda name: _begin(session, name),
        options=[entry.section.name for entry in answer.shown], required=True,
        format_func=plain,
        help="The placement whose copy is edited here. Edits of the others are kept meanwhile.",
    )  # fmt: skip
    if isinstance(answer.entry(draft.start_name).outcome.placement, Schedule):
        st.caption("This one changes over time; its first placement is edited.")


def draw_steps(session: Session, answer: Answer) -> Draft:
    """Undo, redo, begin again and save; gives the draft as it stands."""
    draft = draft_of(session, answer)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Undo",
            icon=":material/undo:",
            key="draft.undo",
            disabled=draft.at == 0,
            on_click=replace_draft,
            args=(session, draft.back()),
            help=f"Take back: {plain_text(draft.last or 'nothing yet')}",
        )
        st.button("Redo", icon=":material/redo:", key="draft.redo", disabled=not draft.undone, on_click=replace_draft,
                  args=(session, draft.forth()), help=f"Do again: {plain_text(draft.undone or 'nothing')}")  # fmt: skip
        st.button("Begin again", icon=":material/restart_alt:", key="draft.again", disabled=not draft.is_changed,
                  on_click=edit_draft, args=(session, "began again", lambda _: draft.start),
                  help="Back to the start; Undo brings the edits back.")  # fmt: skip
        with st.popover("Save", icon=":material/save:", type="primary" if draft.is_changed else "secondary"):
            _draw_save(session, draft)
        if draft.last:
            st.markdown(f"Last edit: {plain_text(draft.last)}.")
    return draft


def try_draft(session: Session, answer: Answer, draft: Draft) -> Answered | None:
    """The draft simulated; None where it does not fit."""
    try:
        return trial(draft.now, answer.entry(draft.start_name).section, session.hue_of(""), answer)
    except InputError:
        return None


def draw_verdict(session: Session, answer: Answer, draft: Draft, tried: Answered | None) -> None:
    """What the draft meets and how that differs from its start, or what keeps it from being simulated."""
    start = answer.entry(draft.start_name)
    name = words.shorten(draft.start_name, 40)
    if session.complaints.get(AREA):
        st.error(plain_text(session.complaints[AREA]))
    if tried is None:
        st.warning("The placement no longer fits the scenario, so it is not simulated until this is mended:")
        for problem in placement_problems(draft.now, bench_of(answer)):
            st.error(plain_text(problem))
        return
    figures, before = tried.outcome.figures, start.outcome.figures
    meets = f"meets {words.share(figures.total.slo_attainment)} of deadlines"
    interval = words.uncertainty(figures.total.slo_attainment, figures.half_width)
    meets += f" ({interval})" if interval else ""
    if not draft.is_changed:
        st.html(verdict_html(start.hue, f"{name} {meets}. Change something below and see what it does."))
        verdict.draw_tiles(start, replace(answer, shown=(start,)))
        return
    difference = words.points_difference(figures.total.slo_attainment, before.total.slo_attainment)
    edits = describe_change(draft.start, draft.now)
    change = "the same as before" if difference == "same" else f"{difference} against {name} as it was"
    if difference != "same" and not verdict.paired(start, tried, answer).is_clear:
        change += ", no difference that this run can tell"
    st.html(
        verdict_html(
            tried.hue,
            f"As edited it {meets}, {change}. {edits}.",
        )
    )
    verdict.draw_wishes((tried,), answer.inputs)
    verdict.draw_tiles(tried, replace(answer, shown=(start, tried)))


def draw_picture(
    session: Session, answer: Answer, draft: Draft, bench: EditContext, tried: Answered | None
) -> None:  # fmt: skip
    """Nodes, devices and their memory; a click on a model chooses it and its group."""
    placement = _drawable(draft.now, bench)
    if not placement.groups:
        st.info("The placement has no groups; add one below.")
        return
    requests = answer.inputs.problem.workload.requests_per_model()
    hue = session.hue_of("") if draft.is_changed else answer.entry(draft.start_name).hue
    loads = [group.utilization for group in tried.outcome.figures.groups] if tried is not None else []
    busy = loads if len(loads) == len(placement.groups) else None
    figure = build_cluster_figure(placement, bench.models, bench.cluster, current_theme(), hue, requests, busy)
    figure.update_layout(clickmode="event+select")
    draw_figure(
        title_apart(figure), figure, _PICTURE, describe_cluster(placement, bench.cluster),
        on_select=lambda: _picked(session.views.placement), selection_mode="points",
    )  # fmt: skip
    st.caption("Click a model on its device to choose its group below.")


def draw_differences(answer: Answer, draft: Draft, tried: Answered | None) -> None:
    """Which replicas came and went, and which models gain and lose by it."""
    if not draft.is_changed or tried is None:
        return
    start, models = answer.entry(draft.start_name), answer.inputs.problem.models
    differences = model_differences(start.outcome.result, tried.outcome.result, answer.inputs.warmup_s)
    names = start.section.name, tried.section.name
    left, right = st.columns([1, 1], gap="large")
    with left:
        figure = build_differences_figure(differences, names, current_theme(), (start.hue, tried.hue))
        draw_chart(figure, "draft-differences", describe_differences(differences, names))
    if all(_known(draft.start, models)):
        figure = build_change_figure(draft.start, draft.now, models, current_theme(), tried.hue)
        with right:
            draw_chart(figure, "draft-change", describe_change(draft.start, draft.now))


def draw_groups(draft: Draft, bench: EditContext, tried: Answered | None) -> None:
    """One row a group: its shape, memory and load."""
    if tried is None or not draft.now.groups:
        return
    st.header("Group by group", anchor=False)
    rows = [
        {
            "Group": load.index,
            "Stages (pp)": group.pp,
            "Devices a stage (tp)": group.tp,
            "Models": ", ".join(group.models),
            "Held": len(group.models),
            "Weights (GiB)": bench.cluster.memory_gib - bench.spare_gib(group),
            "Free (GiB)": bench.spare_gib(group),
            "Requests": load.fates.requests,
            "Served": load.fates.served,
            "Busy": 100 * load.utilization,
            "Mean queue": load.mean_queue,
            "Between stages": load.mean_queue_between_stages,
            "Longest queue": load.max_queue,
        }
        for group, load in zip(draft.now.groups, tried.outcome.figures.groups, strict=True)
    ]
    columns = {
        "Models": st.column_config.TextColumn(width="large"),
        "Busy": st.column_config.ProgressColumn("Busy", format="%.1f %%", min_value=0, max_value=100),
        "Weights (GiB)": st.column_config.NumberColumn(format="%.2f", help="On the fullest device of the group."),
        "Free (GiB)": st.column_config.NumberColumn(format="%.2f"),
        "Mean queue": st.column_config.NumberColumn(format="%.2f", help="Requests that wait, between stages too."),
        "Between stages": st.column_config.NumberColumn(format="%.2f", help="The part of it behind stage 1."),
    }
    draw_table(pd.DataFrame(rows), "groups", "Shape, memory and load of every group", column_config=columns)


def _draw_save(session: Session, draft: Draft) -> None:
    suggested = free_name(session.scenario, f"{words.shorten(draft.start_name, 150)}, edited")
    name = st.text_input("Name", suggested, key=f"{_NAME}:{suggested}", max_chars=MAX_NAME)
    if st.button("Save as a new placement", key="draft.save", type="primary", icon=":material/add:"):
        taken = {section.name for section in session.scenario.placements}
        _save(session, draft, free_name(session.scenario, name.strip()) if name.strip() in taken else name)
    if st.button(f"Overwrite {plain(draft.start_name)}", key="draft.overwrite"):
        _save(session, draft, draft.start_name)


def _save(session: Session, draft: Draft, name: str) -> None:
    """Put the draft into the basket, look at it there, and go on with it as the start."""
    if session.edit(AREA, lambda scenario: saved(scenario, draft, name)):
        session.looked_at = name.strip()
        session.drafts.pop(draft.start_name, None)
        replace_draft(session, Draft(name.strip(), (replace(draft.now, name=f"{name.strip()}, edited"),)))
        st.toast(f"Saved as {plain(name)}.")
    st.rerun()


def _begin(session: Session, name: str) -> None:
    session.complaints.pop(AREA, None)
    session.drafting = name


def _picked(view: PlacementView) -> None:
    points = st.session_state[_PICTURE].selection.points
    picked = next((point["customdata"] for point in points if point.get("customdata")), None)
    if picked is not None:
        view.group.value, view.model.value = int(picked[0]), str(picked[1])


def _drawable(placement: Placement, bench: EditContext) -> Placement:
    """The placement without what its groups cannot hold, so that a wrong one can be looked at."""
    groups = []
    for group in placement.groups:
        alone = ((name, Group(group.pp, group.tp, (name,))) for name in group.models)
        kept = tuple(name for name, holder in alone if bench.group_problem(holder, 0) is None)
        groups.append(replace(group, models=kept))
    while sum(group.devices for group in groups) > bench.cluster.devices:
        groups.pop()
    return replace(placement, groups=tuple(groups))


def _known(placement: Placement, models) -> list[bool]:
    names = {model.name for model in models}
    return [name in names for group in placement.groups for name in group.models]
