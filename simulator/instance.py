"""From domain objects to the arrays that kernels take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.arrays import Instance, Rules, State
from simulator.kernels import NONE
from simulator.placement import Group, Placement
from simulator.profiles import Model, ProfileEntry
from simulator.serving import ADMISSION_RULES, DISPATCH_RULES, Serving


def build_rules(serving: Serving) -> Rules:
    """The serving rules as numbers."""
    return Rules(
        dispatch=DISPATCH_RULES.index(serving.dispatch),
        client_delay_s=float(serving.client_delay_s),
        dispatch_delay_s=float(serving.dispatch_delay_s),
        start_delay_s=float(serving.start_delay_s),
        response_delay_s=float(serving.response_delay_s),
        admission_margin_s=float(serving.admission_margin_s),
        admit_all=ADMISSION_RULES.index(serving.admission) == 1,
    )


def build_instance(models: Sequence[Model], placement: Placement, serving: Serving, first_group: int = 0) -> Instance:
    """Models on the groups of a placement as arrays (see arrays.Instance).

    Raises:
        InputError: a group holds an unknown model, or one without a profile entry for its configuration.
    """
    index_of = {model.name: index for index, model in enumerate(models)}
    rows: dict[tuple[int, int, int], int] = {}
    members: list[list[tuple[int, int]]] = []
    for group in placement.groups:
        held = sorted(index_of[name] for name in group.models)
        members.append([(m, _row_of(rows, models[m], group)) for m in held])
    pairs = sorted((m, g, row) for g, held in enumerate(members) for m, row in held)
    candidate_start = np.zeros(len(models) + 1, dtype=np.int64)
    np.add.at(candidate_start, [m + 1 for m, _, _ in pairs], 1)
    member_start = np.cumsum([0] + [len(held) for held in members])
    profiles = {id(model.profile): model.profile for model in models}
    entries = [profiles[key].entry(pp, tp) for key, pp, tp in rows]
    latency_s, batch_size = _latency_table(entries, max((g.pp for g in placement.groups), default=1), serving)
    return Instance(
        slo_s=np.array([model.slo_s for model in models], dtype=np.float64),
        candidate_start=np.cumsum(candidate_start),
        candidate_group=np.array([g for _, g, _ in pairs], dtype=np.int64),
        candidate_row=np.array([row for _, _, row in pairs], dtype=np.int64),
        latency_s=latency_s,
        batch_size=batch_size,
        depth=np.array([group.pp for group in placement.groups], dtype=np.int64),
        member_start=member_start.astype(np.int64),
        member_model=np.array([m for held in members for m, _ in held], dtype=np.int64),
        member_row=np.array([row for held in members for _, row in held], dtype=np.int64),
        first_group=first_group,
    )


def new_state(instance: Instance, rules: Rules) -> State:
    """An idle cluster: all clocks at 0, nothing outstanding, empty queues."""
    groups, models = instance.depth.size, instance.slo_s.size
    predicted_s = np.zeros((groups, instance.latency_s.shape[2]))
    return State(
        predicted_s=predicted_s,
        actual_s=np.zeros_like(predicted_s) if rules.start_delay_s > 0 else predicted_s,
        last_s=np.zeros(groups),
        turn=np.zeros(models, dtype=np.int64),
        outstanding=np.zeros(groups, dtype=np.int64),
        accepted_head=np.full(groups, NONE, dtype=np.int64),
        accepted_tail=np.full(groups, NONE, dtype=np.int64),
        rejected_head=np.full(groups, NONE, dtype=np.int64),
        rejected_tail=np.full(groups, NONE, dtype=np.int64),
        next_answer_s=np.full(groups, np.inf),
        idle_pending=np.ones(groups, dtype=np.bool_),
        queue_head=np.full(models, NONE, dtype=np.int64),
        queue_tail=np.full(models, NONE, dtype=np.int64),
        queue_length=np.zeros(models, dtype=np.int64),
    )


def _row_of(rows: dict[tuple[int, int, int], int], model: Model, group: Group) -> int:
    return rows.setdefault((id(model.profile), group.pp, group.tp), len(rows))


def _latency_table(entries: Sequence[ProfileEntry], stages: int, serving: Serving) -> tuple[np.ndarray, np.ndarray]:
    sizes = {size for entry in entries for size in entry.batches if size <= serving.max_batch_size}
    batch_size = np.array([1, *sorted(sizes)], dtype=np.int64)
    latency_s = np.full((batch_size.size, max(len(entries), 1), stages), np.inf)
    for row, entry in enumerate(entries):
        for b, size in enumerate(batch_size):
            stage_latency_s = entry.stage_latency_s if size == 1 else entry.batches.get(int(size))
            if stage_latency_s is not None:
                latency_s[b, row, : entry.pp] = np.multiply(stage_latency_s, serving.stage_factor(entry.pp))
    return latency_s, batch_size
