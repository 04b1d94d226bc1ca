"""Changing placements by hand: one edit takes a placement and gives another one, or says in a sentence why not.

Placements are frozen, so undo is keeping the earlier one. An edit checks what it touches: the devices if it takes
more of them, and profile entries and memory of the groups that hold something new. What was wrong elsewhere before
stays the editor's next task, so that a placement with two faults can be mended in two edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from planner.rules import NO_RULES, Rules
from simulator import Cluster, Group, InputError, Model, Placement, words
from simulator.placement import MEMORY_TOLERANCE_GIB, group_weight_gib


@dataclass(frozen=True)
class EditContext:
    """What placements are edited for.

    Attributes:
        models: the served models. cluster: devices and their memory. rules: what placements keep to.
    """

    models: tuple[Model, ...]
    cluster: Cluster
    rules: Rules = NO_RULES

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))

    @cached_property
    def _by_name(self) -> dict[str, Model]:
        return {model.name: model for model in self.models}

    def model(self, name: str) -> Model:
        """A model by name; raises InputError if there is none."""
        if name not in self._by_name:
            raise InputError(f"Model '{name}' is not known; the scenario has {len(self.models)} models.")
        return self._by_name[name]

    def spare_devices(self, placement: Placement) -> int:
        """Devices of the cluster that no group uses; negative where there are too few."""
        return self.cluster.devices - placement.devices

    def spare_gib(self, group: Group) -> float:
        """Memory left on the fullest device of a group, GiB; all its models need a profile entry."""
        return self.cluster.memory_gib - max(group_weight_gib(group, self._by_name), default=0.0)

    def shapes(self, models: Sequence[str] = ()) -> list[tuple[int, int]]:
        """The (pp, tp) on at most the cluster's devices that all the given models have entries for, small ones first.

        Without models, what at least one model of the scenario has an entry for.
        """
        entries = [set(self.model(name).profile.entries) for name in models]
        known = set.intersection(*entries) if entries else {s for m in self.models for s in m.profile.entries}
        return sorted((s for s in known if s[0] * s[1] <= self.cluster.devices), key=lambda s: (s[0] * s[1], -s[0]))

    def group_problem(self, group: Group, index: int) -> str | None:
        """Why a group cannot be, a sentence; None if it can."""
        called = words.numbered("group", index).capitalize()
        for name in group.models:
            if name not in self._by_name:
                return f"{called} holds '{name}', which the scenario no longer has; drop it."
            if (group.pp, group.tp) not in self._by_name[name].profile.entries:
                profile = self._by_name[name].profile
                return (
                    f"{called} would run pp {group.pp}, tp {group.tp}, for which profile '{profile.name}' of "
                    f"model '{name}' has no entry; it has (pp, tp) {profile.configurations()}."
                )
        over_gib = -self.spare_gib(group)
        if over_gib > MEMORY_TOLERANCE_GIB:
            return (
                f"{called} would hold {words.fixed(self.cluster.memory_gib + over_gib, 2)} GiB of weights on a "
                f"device; {self.cluster.memory_gib:g} GiB are allowed, "
                f"so it is {words.fixed(over_gib, 2)} GiB too much."
            )
        return None


def placement_problems(placement: Placement, bench: EditContext) -> tuple[str, ...]:
    """One sentence for each thing that keeps a placement from being simulated; none if it fits."""
    problems = []
    if bench.spare_devices(placement) < 0:
        problems.append(_too_many_devices(placement, bench))
    found = (bench.group_problem(group, index) for index, group in enumerate(placement.groups))
    return (*problems, *(sentence for sentence in found if sentence is not None))


def keeps_rules(before: Placement, after: Placement, bench: EditContext) -> bool:
    """Whether an edit breaks no more rules than were broken, so that two can be mended one after the other."""
    return len(bench.rules.broken(after, bench.cluster)) <= len(bench.rules.broken(before, bench.cluster))


def obey_rules(before: Placement, after: Placement, bench: EditContext) -> Placement:
    """The placement after an edit; raises InputError naming the rule where it breaks one that was kept."""
    if keeps_rules(before, after, bench):
        return after
    kept = bench.rules.broken(before, bench.cluster)
    broken = next(what for what in bench.rules.broken(after, bench.cluster) if what not in kept)
    raise InputError(f"That would break a rule: {broken}.")


def add_replica(placement: Placement, group: int, model: str, bench: EditContext) -> Placement:
    """The model joins a group; raises InputError if it is there already or does not fit."""
    target = _group(placement, group)
    bench.model(model)
    if model in target.models:
        called = words.numbered("group", group).capitalize()
        raise InputError(f"{called} already holds '{model}'; one replica of a model per group is allowed.")
    return _with_group(placement, group, replace(target, models=(*target.models, model)), bench)


def drop_replica(placement: Placement, group: int, model: str) -> Placement:
    """The model leaves a group; raises InputError if it is not there."""
    target = _group(placement, group)
    if model not in target.models:
        called = words.numbered("group", group).capitalize()
        raise InputError(f"{called} does not hold '{model}', so it cannot be dropped there.")
    kept = replace(target, models=tuple(name for name in target.models if name != model))
    return _replaced(placement, group, kept)


def move_replica(placement: Placement, model: str, source: int, target: int, bench: EditContext) -> Placement:
    """The model leaves one group and joins another; raises InputError if it is not here, is there, or does not fit."""
    if source == target:
        where = words.numbered("group", source)
        raise InputError(f"'{model}' is in {where} already; choose another group to move it to.")
    return add_replica(drop_replica(placement, source, model), target, model, bench)


def set_models(placement: Placement, group: int, models: Sequence[str], bench: EditContext) -> Placement:
    """The group holds just these models; raises InputError if they do not fit."""
    target = _group(placement, group)
    for name in models:
        if name not in target.models:
            bench.model(name)
    # Who stays keeps his place, newcomers follow.
    kept = [name for name in target.models if name in models]
    changed = replace(target, models=(*kept, *(name for name in models if name not in kept)))
    if set(changed.models) <= set(target.models):
        return _replaced(placement, group, changed)
    return _with_group(placement, group, changed, bench)


def add_group(placement: Placement, pp: int, tp: int, bench: EditContext, models: Sequence[str] = ()) -> Placement:
    """One group more at the end; raises InputError if there are too few devices or the models do not fit."""
    index = len(placement.groups)
    added = replace(placement, groups=(*placement.groups, Group(pp, tp, tuple(models))))
    return _checked(added, placement, (index,), bench)


def remove_group(placement: Placement, group: int) -> Placement:
    """One group less; its devices become spare."""
    _group(placement, group)
    return replace(placement, groups=tuple(g for i, g in enumerate(placement.groups) if i != group))


def reshape_group(
    placement: Placement, group: int, pp: int, tp: int, bench: EditContext, drop_misfits: bool = False
) -> Placement:
    """The group runs another parallel configuration with the same models.

    Args:
        drop_misfits: leave out models that have no such entry or no room, those at the end of the group first;
            otherwise they are a reason to raise InputError.
    """
    target = _group(placement, group)
    models = _fitting(Group(pp, tp), target.models, bench) if drop_misfits else target.models
    return _with_group(placement, group, Group(pp, tp, models), bench)


def split_group(
    placement: Placement, group: int, first: tuple[int, int], second: tuple[int, int], bench: EditContext
) -> Placement:
    """Two groups stand where one was; its models are dealt out to them in turn, each where it fits.

    Args:
        first, second: (pp, tp) of the two.

    Raises:
        InputError: there are too few devices, or a model fits neither.
    """
    target = _group(placement, group)
    parts = [Group(*first), Group(*second)]
    for turn, name in enumerate(target.models):
        for k in (turn % 2, 1 - turn % 2):
            grown = replace(parts[k], models=(*parts[k].models, name))
            if bench.group_problem(grown, group + k) is None:
                parts[k] = grown
                break
        else:
            where = words.numbered("group", group)
            raise InputError(f"Model '{name}' of {where} fits neither of the two parts; drop it first.")
    groups = (*placement.groups[:group], *parts, *placement.groups[group + 1 :])
    return _checked(replace(placement, groups=groups), placement, (group, group + 1), bench)


def merge_groups(placement: Placement, first: int, second: int, pp: int, tp: int, bench: EditContext) -> Placement:
    """One group with the models of both stands where the first one was.

    Raises InputError if the models have no entry (pp, tp), do not fit, or there are too few devices.
    """
    if first == second:
        called = words.numbered("group", first).capitalize()
        raise InputError(f"{called} cannot be merged with itself; choose another group.")
    one, other = _group(placement, first), _group(placement, second)
    merged = Group(pp, tp, (*one.models, *(name for name in other.models if name not in one.models)))
    kept = [merged if i == first else g for i, g in enumerate(placement.groups) if i != second]
    place = first - (second < first)
    return _checked(replace(placement, groups=tuple(kept)), placement, (place,), bench)


def half_shapes(pp: int, tp: int) -> tuple[int, int] | None:
    """The configuration of one half of a group: half the stages, else half the tensor degree; None if neither."""
    if pp % 2 == 0:
        return pp // 2, tp
    return (pp, tp // 2) if tp % 2 == 0 else None


def aligned(before: Placement, after: Placement) -> Placement:
    """`before` with its groups numbered as in `after`, so that the two can be set side by side after an edit.

    A group of `after` is paired with the one of `before` that shares most replicas with it, groups of the same
    configuration first; where there is none an empty group of its configuration stands. What is left over of `before`
    comes at the end.
    """
    pairs = np.array([[_likeness(old, new) for old in before.groups] for new in after.groups])
    partner: dict[int, int] = {}
    if pairs.size:
        # Imported here: half a second that few need.
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(pairs, maximize=True)
        partner = {int(new): int(old) for new, old in zip(rows, columns, strict=True) if pairs[new, old] > 0}
    groups = [
        before.groups[partner[i]] if i in partner else Group(group.pp, group.tp) for i, group in enumerate(after.groups)
    ]
    left_over = [group for i, group in enumerate(before.groups) if i not in partner.values()]
    return replace(before, groups=(*groups, *left_over))


def _likeness(old: Group, new: Group) -> float:
    same_shape = (old.pp, old.tp) == (new.pp, new.tp)
    return len(set(old.models) & set(new.models)) + 0.5 * same_shape


def _group(placement: Placement, index: int) -> Group:
    if not 0 <= index < len(placement.groups):
        raise InputError(
            f"There is no {words.numbered('group', index)}; the placement has "
            f"{words.plural(len(placement.groups), 'group')}, the first is {words.numbered('group', 0)}."
        )
    return placement.groups[index]


def _replaced(placement: Placement, index: int, group: Group) -> Placement:
    return replace(placement, groups=(*placement.groups[:index], group, *placement.groups[index + 1 :]))


def _with_group(placement: Placement, index: int, group: Group, bench: EditContext) -> Placement:
    return _checked(_replaced(placement, index, group), placement, (index,), bench)


def _checked(changed: Placement, before: Placement, touched: Sequence[int], bench: EditContext) -> Placement:
    if changed.devices > before.devices and bench.spare_devices(changed) < 0:
        raise InputError(_too_many_devices(changed, bench))
    for index in touched:
        problem = bench.group_problem(changed.groups[index], index)
        if problem is not None:
            raise InputError(problem)
    return changed


def _fitting(group: Group, models: Sequence[str], bench: EditContext) -> tuple[str, ...]:
    for name in models:
        grown = replace(group, models=(*group.models, name))
        if bench.group_problem(grown, 0) is None:
            group = grown
    return group.models


def _too_many_devices(placement: Placement, bench: EditContext) -> str:
    over = -bench.spare_devices(placement)
    return (
        f"The groups would need {placement.devices} devices, {over} more than the {bench.cluster.devices} of the "
        "cluster; remove or shrink a group first."
    )
