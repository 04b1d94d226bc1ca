"""Editing placements by hand: what fits is done, what does not is said, and nothing is changed in place."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.by_hand.editing import (
    EditContext,
    add_group,
    add_replica,
    aligned,
    drop_replica,
    half_shapes,
    merge_groups,
    move_replica,
    obey_rules,
    placement_problems,
    remove_group,
    reshape_group,
    set_models,
    split_group,
)
from planner.by_hand.suggest import single_changes, suggest_changes
from planner.problem import Problem
from planner.rules import Rules
from planner.scenario.inputs import Inputs
from simulator import Cluster, Group, InputError, Model, Placement, Workload, measure, serving_preset, simulate
from tests.cases import CONFIGURATIONS, profile

SHAPES = (*CONFIGURATIONS, (4, 1))
# A model weighs 4 GiB, so a device of 10 GiB holds two of them, and a group of two devices five.
MODELS = tuple(Model(f"m{i}", profile(weight_gib=4.0, configurations=SHAPES), 5.0) for i in range(6))
BENCH = EditContext(MODELS, Cluster(6, memory_gib=10.0))
START = Placement((Group(1, 1, ("m0", "m1")), Group(2, 1, ("m2", "m3", "m4")), Group(2, 1, ())), "start")


def holds(placement):
    return [(g.pp, g.tp, g.models) for g in placement.groups]


def test_a_replica_joins_leaves_and_moves():
    joined = add_replica(START, 2, "m5", BENCH)
    assert joined.groups[2].models == ("m5",)
    assert holds(drop_replica(joined, 2, "m5")) == holds(START)
    moved = move_replica(START, "m0", 0, 1, BENCH)
    assert moved.groups[0].models == ("m1",)
    assert moved.groups[1].models == ("m2", "m3", "m4", "m0")


def test_the_models_of_a_group_are_set_at_once_and_who_stays_keeps_his_place():
    changed = set_models(START, 1, ["m5", "m4", "m2"], BENCH)
    assert changed.groups[1].models == ("m2", "m4", "m5")


def test_a_group_is_reshaped_split_merged_added_and_removed():
    assert holds(reshape_group(START, 1, 1, 2, BENCH))[1] == (1, 2, ("m2", "m3", "m4"))
    split = split_group(START, 1, (1, 1), (1, 1), BENCH)
    assert holds(split)[1:3] == [(1, 1, ("m2", "m4")), (1, 1, ("m3",))]
    merged = merge_groups(START, 0, 1, 3, 1, BENCH)
    assert holds(merged)[0] == (3, 1, ("m0", "m1", "m2", "m3", "m4"))
    assert len(merged.groups) == 2
    assert holds(add_group(START, 1, 1, BENCH))[-1] == (1, 1, ())
    assert len(remove_group(START, 0).groups) == 2


def test_a_merge_stands_where_the_first_group_was_even_behind_the_second():
    merged = merge_groups(START, 2, 0, 3, 1, BENCH)
    assert holds(merged) == [(2, 1, ("m2", "m3", "m4")), (3, 1, ("m0", "m1"))]


def test_models_that_do_not_fit_a_new_shape_are_a_reason_or_left_out_on_request():
    with pytest.raises(InputError, match="Group 1 would hold 12.00 GiB .* 2.00 GiB too much"):
        reshape_group(START, 1, 1, 1, BENCH)
    assert reshape_group(START, 1, 1, 1, BENCH, drop_misfits=True).groups[1].models == ("m2", "m3")


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda: add_replica(START, 0, "m5", BENCH), "Group 0 would hold 12.00 GiB"),
        (lambda: add_replica(START, 0, "m0", BENCH), "already holds 'm0'"),
        (lambda: add_replica(START, 0, "nobody", BENCH), "'nobody' is not known"),
        (lambda: add_replica(START, 9, "m0", BENCH), "no group 9"),
        (lambda: drop_replica(START, 0, "m5"), "does not hold 'm5'"),
        (lambda: move_replica(START, "m0", 0, 0, BENCH), "choose another group"),
        (lambda: move_replica(START, "m5", 0, 1, BENCH), "does not hold 'm5'"),
        (lambda: add_group(START, 2, 1, BENCH), "need 7 devices, 1 more than the 6"),
        (lambda: add_group(START, 1, 1, BENCH, ["m0", "m1", "m2"]), "Group 3 would hold"),
        (lambda: reshape_group(START, 1, 2, 2, BENCH), "need 7 devices"),
        (lambda: merge_groups(START, 0, 1, 1, 3, BENCH), "has no entry; it has"),
        (lambda: merge_groups(START, 1, 1, 2, 1, BENCH), "merged with itself"),
        (lambda: merge_groups(START, 0, 1, 1, 1, BENCH), "Group 0 would hold"),
        (lambda: split_group(START, 1, (3, 1), (3, 1), BENCH), "need 9 devices"),
        (lambda: remove_group(START, -1), "no group -1"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(edit, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        edit()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_model_that_fits_neither_half_keeps_a_group_whole():
    # 8 GiB on two devices with tp 2; alone on one device of 6 GiB it has no room.
    heavy = EditContext((Model("heavy", profile(weight_gib=8.0), 5.0),), Cluster(2, memory_gib=6.0))
    with pytest.raises(InputError, match="'heavy' of group 0 fits neither"):
        split_group(Placement((Group(1, 2, ("heavy",)),)), 0, (1, 1), (1, 1), heavy)


def test_a_placement_with_two_faults_is_mended_in_two_edits():
    smaller = EditContext(MODELS[:5], Cluster(4, memory_gib=10.0))
    wrong = Placement((Group(1, 1, ("m0", "m1", "m2")), Group(2, 1, ("m5",)), Group(2, 1, ())))
    assert len(placement_problems(wrong, smaller)) == 3
    mended = drop_replica(wrong, 0, "m2")
    assert len(placement_problems(mended, smaller)) == 2
    mended = set_models(remove_group(mended, 2), 1, [], smaller)
    assert placement_problems(mended, smaller) == ()


def test_groups_are_numbered_as_after_the_edit():
    removed = remove_group(START, 0)
    assert holds(aligned(START, removed)) == [*holds(removed), (1, 1, ("m0", "m1"))]
    split = split_group(START, 1, (1, 1), (1, 1), BENCH)
    assert holds(aligned(START, split)) == [holds(START)[0], holds(START)[1], (1, 1, ()), holds(START)[2]]
    assert holds(aligned(START, START)) == holds(START)
    assert holds(aligned(Placement(()), START)) == [(1, 1, ()), (2, 1, ()), (2, 1, ())]


def test_halves_have_half_the_stages_or_half_the_degree():
    assert [half_shapes(*s) for s in ((8, 1), (1, 4), (2, 2), (1, 1), (3, 1))] == [(4, 1), (1, 2), (1, 2), None, None]


NAMES = st.sampled_from([m.name for m in MODELS])
GROUPS = st.integers(0, 4)
SIZES = st.sampled_from(SHAPES)
EDITS = st.one_of(
    st.builds(lambda g, m: lambda p: add_replica(p, g, m, BENCH), GROUPS, NAMES),
    st.builds(lambda g, m: lambda p: drop_replica(p, g, m), GROUPS, NAMES),
    st.builds(lambda m, a, b: lambda p: move_replica(p, m, a, b, BENCH), NAMES, GROUPS, GROUPS),
    st.builds(lambda g, ms: lambda p: set_models(p, g, ms, BENCH), GROUPS, st.lists(NAMES, unique=True)),
    st.builds(lambda s: lambda p: add_group(p, *s, BENCH), SIZES),
    st.builds(lambda g: lambda p: remove_group(p, g), GROUPS),
    st.builds(lambda g, s, d: lambda p: reshape_group(p, g, *s, BENCH, d), GROUPS, SIZES, st.booleans()),
    st.builds(lambda g, s, t: lambda p: split_group(p, g, s, t, BENCH), GROUPS, SIZES, SIZES),
    st.builds(lambda a, b, s: lambda p: merge_groups(p, a, b, *s, BENCH), GROUPS, GROUPS, SIZES),
)


@settings(max_examples=150)
@given(st.lists(EDITS, max_size=12))
def test_whatever_is_edited_fits_the_cluster_and_the_way_back_is_exact(edits):
    history, snapshots = [START], [holds(START)]
    for edit in edits:
        try:
            changed = edit(history[-1])
        except InputError as error:
            assert str(error).endswith(".")
            continue
        changed.check(MODELS, BENCH.cluster)
        assert placement_problems(changed, BENCH) == ()
        history.append(changed)
        snapshots.append(holds(changed))
    assert [holds(placement) for placement in history] == snapshots


@settings(max_examples=60)
@given(st.lists(EDITS, max_size=6), NAMES, GROUPS, GROUPS)
def test_moving_there_and_back_restores_who_sits_where(edits, name, source, target):
    placement = START
    for edit in edits:
        try:
            placement = edit(placement)
        except InputError:
            continue
    try:
        moved = move_replica(placement, name, source, target, BENCH)
    except InputError:
        return
    back = move_replica(moved, name, target, source, BENCH)
    assert [set(g.models) for g in back.groups] == [set(g.models) for g in placement.groups]
    assert moved.replicas == placement.replicas


def busy_inputs():
    """m0 alone is asked for, faster than one device can answer."""
    arrival_s = np.arange(60) * 0.5
    workload = Workload(arrival_s, np.zeros(60, dtype=np.int32), len(MODELS))
    return Inputs(Problem(MODELS, BENCH.cluster, workload, serving_preset("published")), 0.0, None, ())


def attainment(placement, inputs):
    p = inputs.problem
    return measure(simulate(p.models, placement, p.workload, p.serving), 0.0).total.slo_attainment


def test_suggestions_gain_what_the_simulator_says_and_the_best_comes_first():
    inputs = busy_inputs()
    found = suggest_changes(START, inputs)
    start = attainment(START, inputs)
    assert 1 <= len(found.best) <= 5
    assert found.complete
    assert [s.gain for s in found.best] == sorted((s.gain for s in found.best), reverse=True)
    for suggestion in found.best:
        assert suggestion.slo_attainment == attainment(suggestion.placement, inputs)
        assert suggestion.gain == suggestion.slo_attainment - start > 0
        suggestion.placement.check(MODELS, BENCH.cluster)


def test_a_model_of_great_weight_decides_which_change_is_best():
    workload = Workload(np.arange(120) * 0.25, np.array([0, 0, 0, 1] * 30, dtype=np.int32), len(MODELS))
    plain = Inputs(Problem(MODELS, BENCH.cluster, workload, serving_preset("published")), 0.0, None, ())
    heavy = replace(plain, problem=replace(plain.problem, weights={"m1": 1000}))

    def met(placement, model):
        p = plain.problem
        return dict(measure(simulate(p.models, placement, p.workload, p.serving), 0.0).models)[model].slo_attainment

    best, ranked = suggest_changes(START, plain).best, suggest_changes(START, heavy).best
    assert met(ranked[0].placement, "m1") > met(best[0].placement, "m1")
    assert [found.worth for found in ranked] == sorted((found.worth for found in ranked), reverse=True)
    assert all(found.worth == pytest.approx(found.gain) for found in best)


def test_no_single_change_that_was_left_out_is_a_better_addition():
    inputs = busy_inputs()
    best = suggest_changes(START, inputs).best[0].slo_attainment
    added = [add_replica(START, g, "m0", BENCH) for g in (1, 2)]
    assert best >= max(attainment(placement, inputs) for placement in added)


def test_trying_stops_when_it_is_told_to_and_keeps_what_it_has():
    heard = []
    found = suggest_changes(START, busy_inputs(), lambda told: heard.append(told.done) or told.done < 3)
    assert heard == [1, 2, 3]
    assert (found.tried, found.complete) == (3, False)


def test_single_changes_fit_differ_and_are_named():
    inputs = busy_inputs()
    p = inputs.problem
    figures = measure(simulate(p.models, START, p.workload, p.serving), 0.0)
    changes = list(single_changes(START, BENCH, figures))
    keys = {tuple(sorted((g.pp, g.tp, tuple(sorted(g.models))) for g in c.placement.groups)) for c in changes}
    assert len(keys) == len(changes) > 10
    kinds = ("add ", "in group", "move ", "cut ", "split ", "merge ", "drop ")
    assert all(any(c.what.startswith(kind) for c in changes) for kind in kinds)
    for change in changes:
        change.placement.check(MODELS, BENCH.cluster)


def test_an_edit_that_breaks_a_rule_is_refused_and_one_that_mends_is_not():
    rules = Rules(pins={"m0": (0, 0), "m4": (1, 2)}, apart=(("m2", "m5"),), min_replicas={"m3": 1})
    bench = EditContext(MODELS, BENCH.cluster, rules)
    assert not rules.broken(START, BENCH.cluster)
    refused = {
        "'m0', which is pinned to device 0": lambda: add_replica(START, 2, "m0", bench),
        "'m2' and 'm5', which are kept apart": lambda: add_replica(START, 1, "m5", bench),
        "'m3' has 0 replicas, at least 1 are wanted": lambda: drop_replica(START, 1, "m3"),
        # Without the first group the others move to other devices.
        "'m4', which is pinned to devices 1 to 2": lambda: remove_group(START, 0),
    }
    for sentence, edit in refused.items():
        with pytest.raises(InputError, match=f"^That would break a rule: .*{sentence}"):
            obey_rules(START, edit(), bench)
    broken = add_replica(add_replica(START, 2, "m0", bench), 1, "m5", bench)
    mended = obey_rules(broken, drop_replica(broken, 2, "m0"), bench)
    assert len(rules.broken(mended, BENCH.cluster)) == 1
    assert obey_rules(START, add_replica(START, 2, "m5", bench), bench).groups[2].models == ("m5",)


def test_no_suggestion_breaks_a_rule():
    inputs = busy_inputs()
    free = suggest_changes(START, inputs)
    rules = Rules(pins={"m0": (0, 2)}, min_replicas={"m1": 1})
    assert any(rules.broken(s.placement, BENCH.cluster) for s in free.best)
    found = suggest_changes(START, replace(inputs, problem=replace(inputs.problem, rules=rules)))
    assert found.best and not any(rules.broken(s.placement, BENCH.cluster) for s in found.best)
