"""Editing by hand: the models of a group, its shape, and groups that come, go, split and merge."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import shown
from app.controls.views import kept
from app.look import words
from app.state.answer import Answered
from app.state.drafting import Draft, edit_draft
from app.state.session import Session
from planner.by_hand.editing import (
    EditContext,
    add_group,
    half_shapes,
    merge_groups,
    move_replica,
    remove_group,
    reshape_group,
    set_models,
    split_group,
)
from simulator import Group, Placement

_MODELS, _SHAPE, _MISFITS = "draft.models", "draft.shape", "draft.misfits"


def draw_edits(session: Session, draft: Draft, bench: EditContext, tried: Answered | None) -> None:
    """The group that is chosen and all that can be done with it; then a group more."""
    st.header("Edit by hand", anchor=False)
    if draft.now.groups:
        busy = {load.index: load.utilization for load in tried.outcome.figures.groups} if tried else {}
        options = list(range(len(draft.now.groups)))
        index = kept(session, st.selectbox, "Group", session.views.placement.group, 0, options=options,
                     format_func=lambda g: _title(draft.now.groups[g], g, bench, busy))  # fmt: skip
        _draw_models(session, draft.now, index, bench)
        _draw_shape(session, draft.now, index, bench)
        with st.container(horizontal=True):
            _draw_move(session, draft.now, index, bench)
            _draw_split(session, draft.now, index, bench)
            _draw_merge(session, draft.now, index, bench)
            st.button("Remove", icon=":material/delete:", key="draft.remove", on_click=edit_draft,
                      args=(session, f"removed {words.numbered('group', index)}", lambda p: remove_group(p, index)),
                      help="Its devices become spare.")  # fmt: skip
    _draw_new_group(session, draft.now, bench)


def _draw_models(session: Session, placement: Placement, index: int, bench: EditContext) -> None:
    held = placement.groups[index].models
    names = [model.name for model in bench.models]

    def apply(wanted: list[str]) -> None:
        edit_draft(session, _change_of_models(held, wanted, index), lambda p: set_models(p, index, wanted, bench))

    options = [*names, *(name for name in held if name not in names)]
    shown(
        session, st.multiselect, "Models in it", _MODELS, list(held), apply, sorted, options=options, wrap=True,
        help="Take one out with its cross; type a name to add a replica. A model may sit in several groups.",
    )  # fmt: skip


def _draw_shape(session: Session, placement: Placement, index: int, bench: EditContext) -> None:
    group = placement.groups[index]
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    drop = right.checkbox("Leave out what does not fit", key=_MISFITS,
                          help="Otherwise a shape that cannot hold all its models is refused.")  # fmt: skip
    shapes = bench.shapes() if drop else bench.shapes([name for name in group.models if name in _names(bench)])
    mine = (group.pp, group.tp)

    def apply(shape: tuple[int, int]) -> None:
        pp, tp = shape
        sentence = f"cut {words.numbered('group', index)} into {pp} × {tp}"
        edit_draft(session, sentence, lambda p: reshape_group(p, index, pp, tp, bench, drop_misfits=drop))

    shown(session, left.selectbox, "Cut into", _SHAPE, mine, apply,
          options=shapes if mine in shapes else [mine, *shapes], format_func=lambda shape: words.group_size(*shape),
          help="How many devices work together: pp stages in a row, tp devices at once.")  # fmt: skip


def _draw_move(session: Session, placement: Placement, index: int, bench: EditContext) -> None:
    others = [g for g in range(len(placement.groups)) if g != index]
    held = placement.groups[index].models
    with st.popover("Move a model", icon=":material/move_item:", disabled=not (others and held)):
        if not (others and held):
            return
        name = kept(session, st.selectbox, "Model", session.views.placement.model, held[0], options=list(held))
        target = st.selectbox("To group", others, key="draft.move.target",
                              format_func=lambda g: _title(placement.groups[g], g, bench, {}))  # fmt: skip
        sentence = f"moved {name} from {words.numbered('group', index)} to {words.numbered('group', target)}"
        st.button("Move", key="draft.move", type="primary", on_click=edit_draft,
                  args=(session, sentence, lambda p: move_replica(p, name, index, target, bench)))  # fmt: skip


def _draw_split(session: Session, placement: Placement, index: int, bench: EditContext) -> None:
    half = half_shapes(placement.groups[index].pp, placement.groups[index].tp)
    sentence = f"split {words.numbered('group', index)} in two"
    st.button(
        "Split in two", icon=":material/call_split:", key="draft.split", disabled=half is None, on_click=edit_draft,
        args=(session, sentence, lambda p: split_group(p, index, half, half, bench) if half else p),
        help="Two groups of half the devices; its models are dealt out to them in turn.",
    )  # fmt: skip


def _draw_merge(session: Session, placement: Placement, index: int, bench: EditContext) -> None:
    others = [g for g in range(len(placement.groups)) if g != index]
    with st.popover("Merge", icon=":material/call_merge:", disabled=not others):
        if not others:
            return
        other = st.selectbox("With group", others, key="draft.merge.other",
                             format_func=lambda g: _title(placement.groups[g], g, bench, {}))  # fmt: skip
        devices = placement.groups[index].devices + placement.groups[other].devices
        shapes = [shape for shape in bench.shapes() if shape[0] * shape[1] <= devices]
        if not shapes:
            st.caption(f"No model can run on {words.plural(devices, 'device')}.")
            return
        shape = st.selectbox("Into", shapes[::-1], key="draft.merge.shape", format_func=lambda s: words.group_size(*s))
        st.button("Merge", key="draft.merge", type="primary", on_click=_merge,
                  args=(session, index, other, shape, bench), help="Models of both come together.")  # fmt: skip


def _merge(session: Session, index: int, other: int, shape: tuple[int, int], bench: EditContext) -> None:
    sentence = f"merged {words.numbered('group', index, other)} into {shape[0]} × {shape[1]}"
    edit_draft(session, sentence, lambda p: merge_groups(p, index, other, *shape, bench))
    session.views.placement.group.value = index - (other < index)


def _draw_new_group(session: Session, placement: Placement, bench: EditContext) -> None:
    spare = bench.spare_devices(placement)
    shapes = [shape for shape in bench.shapes() if shape[0] * shape[1] <= spare]
    if not shapes:
        st.caption(why_no_group(spare, bench.cluster.devices))
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    shape = left.selectbox(f"New group on {words.plural(spare, 'spare device')}", shapes, key="draft.new.shape",
                           format_func=lambda s: words.group_size(*s))  # fmt: skip
    right.button("Add group", icon=":material/add:", key="draft.new", on_click=_add, width="stretch",
                 args=(session, placement, shape, bench))  # fmt: skip


def why_no_group(spare: int, devices: int) -> str:
    """Why no group can be added where so many of the cluster's devices are spare, negative if too few."""
    if spare > 0:
        return f"No model can run on {words.plural(spare, 'spare device')}, so no group can be added."
    if spare < 0:
        return (
            f"No device is spare: the groups take {words.count(-spare)} more than the {words.count(devices)} there are."
        )
    return f"No device is spare: {f'all {words.count(devices)} are' if devices > 1 else 'the only one is'} in groups."


def _add(session: Session, placement: Placement, shape: tuple[int, int], bench: EditContext) -> None:
    edit_draft(session, f"added a group of {shape[0]} × {shape[1]}", lambda p: add_group(p, *shape, bench))
    session.views.placement.group.value = len(placement.groups)


def _title(group: Group, index: int, bench: EditContext, busy: dict[int, float]) -> str:
    size = "1 device" if group.devices == 1 else f"{group.pp} × {group.tp}"
    parts = [f"{words.numbered('group', index).capitalize()}: {size}", words.plural(len(group.models), "model")]
    if bench.group_problem(group, index) is None:
        parts.append(f"{words.gib(max(bench.spare_gib(group), 0.0))} free")
    if index in busy:
        parts.append(f"busy {words.share(busy[index])}")
    return ", ".join(parts)


def _change_of_models(held: tuple[str, ...], wanted: list[str], index: int) -> str:
    added = [name for name in wanted if name not in held]
    dropped = [name for name in held if name not in wanted]
    parts = [f"added {words.join(added)} to {words.numbered('group', index)}"] if added else []
    parts += [f"dropped {words.join(dropped)} from {words.numbered('group', index)}"] if dropped else []
    return words.join(parts)


def _names(bench: EditContext) -> set[str]:
    return {model.name for model in bench.models}
