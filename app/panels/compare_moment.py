"""One moment of every placement: a sentence, a small picture of all its groups, and a row a group for the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from app.figures.over_time import GAP_PX, ROW_PX
from app.look import words
from app.look.markup import render
from app.look.style import colour_of, current_theme
from app.state.answer import Answered
from simulator import SimulationResult
from simulator.moment import GroupMoment, Moment

# Of a group's picture the lower half is what computes, the upper half who waits.
_HALF = 50


def moment_html(moments: Sequence[tuple[Answered, Moment]]) -> Markup:
    """Every placement at the moment, in the order of the rows beside it, on one scale."""
    longest = max((len(group.queue) for _, now in moments for group in now.groups), default=0)
    return render(
        "panels/compare_moment.html",
        height_px=ROW_PX + GAP_PX,
        grey=current_theme().muted,
        blocks=[_block(entry, now, longest) for entry, now in moments],
        longest=words.count(longest) if longest else "",
    )


def describe_moment(now: Moment) -> str:
    """Stages that compute, requests that wait, how many of them between stages, and how many at the longest queue."""
    stages = sum(len(group.stages) for group in now.groups)
    if not stages:
        return "no group is in use"
    busy, waiting = sum(group.busy for group in now.groups), sum(len(group.queue) for group in now.groups)
    sentence = (
        f"{words.count(busy)} of {words.plural(stages, 'stage')} compute, "
        f"{words.plural(waiting, 'request')} {'waits' if waiting == 1 else 'wait'}"
    )
    if not waiting:
        return sentence
    most = max(now.groups, key=lambda group: len(group.queue))
    between = sum(len(group.between_stages) for group in now.groups)
    behind = f" ({words.count(between)} between stages)" if between else ""
    return f"{sentence}{behind}, {words.count(len(most.queue))} at {words.numbered('group', most.index)}"


def moment_rows(entry: Answered, now: Moment) -> list[dict]:
    """One row a group: what it computes, who waits and where."""
    result = entry.outcome.result
    return [
        {
            "placement": entry.section.name,
            "group": group.index,
            "stages that compute": group.busy,
            "stages": len(group.stages),
            "computes": _by_model(result, [r for stage in group.stages for r in stage]),
            "waiting": len(group.queue),
            "before stage 1": len(group.waiting),
            "between stages": len(group.between_stages),
            "waits for": _by_model(result, group.queue),
        }
        for group in now.groups
    ]


def _block(entry: Answered, now: Moment, longest: int) -> dict[str, Any]:
    return {
        "name": words.shorten(entry.section.name, 40),
        "colour": colour_of(entry.hue),
        "sentence": describe_moment(now),
        "groups": [_column(group, longest) for group in now.groups],
    }


def _column(group: GroupMoment, longest: int) -> dict[str, Any]:
    computes = f"{group.busy} of {len(group.stages)} stages compute"
    return {
        "tip": f"{words.numbered('group', group.index)}: {computes}, {len(group.queue)} wait",
        "busy": round(_HALF * group.busy / len(group.stages)),
        "waits": round(_HALF * len(group.queue) / max(longest, 1)) if group.queue else None,
        "above": _HALF,
    }


def _by_model(result: SimulationResult, requests: Sequence[int]) -> str:
    """Requests by model, the most first: "5 x bert-0, 1 x bert-3"."""
    counted = Counter(result.workload.model[list(requests)].tolist()).most_common()
    return ", ".join(f"{n} x {result.models[m].name}" for m, n in counted)
