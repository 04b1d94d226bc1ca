"""One moment of every placement: a sentence, a small picture of all its groups, and a row a group for the table."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

from app.figures.over_time import GAP_PX, ROW_PX
from app.look import words
from app.look.style import current_theme, dot
from app.look.theme import placement_style
from app.state.answer import Answered
from simulator import SimulationResult
from simulator.moment import GroupMoment, Moment

_CSS = f"""
<style>
  .moment {{ min-height: {ROW_PX + GAP_PX}px; font-size: 13px; line-height: 1.35; margin: 0; }}
  .moment b {{ overflow-wrap: anywhere; }}
  .moment .lanes {{ display: flex; height: 34px; gap: 1px; margin-top: 2px;
    border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
  .moment .lanes span {{ flex: 1 1 0; position: relative;
    background: color-mix(in srgb, currentColor 4%, transparent); }}
  .moment .lanes i {{ position: absolute; left: 0; right: 0; bottom: 0; }}
</style>
"""
# Of a group's picture the lower half is what computes, the upper half who waits.
_HALF = 50


def moment_html(moments: Sequence[tuple[Answered, Moment]]) -> str:
    """Every placement at the moment, in the order of the rows beside it, on one scale."""
    longest = max((len(group.queue) for _, now in moments for group in now.groups), default=0)
    blocks = "".join(_block(entry, now, longest) for entry, now in moments)
    key = "Each column is a group: below, in colour, its stages that compute; above, in grey, who waits"
    key += f" (at most {words.count(longest)})." if longest else ": nobody."
    return f'{_CSS}{blocks}<p class="quiet">{key}</p>'


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


def _block(entry: Answered, now: Moment, longest: int) -> str:
    sentence = html.escape(describe_moment(now))
    groups = "".join(_column(entry, group, longest) for group in now.groups)
    name = html.escape(words.shorten(entry.section.name, 40))
    return (
        f'<div class="moment">{dot(entry.hue)}<b>{name}</b> {sentence}'
        f'<div class="lanes" role="img" aria-label="{sentence}">{groups}</div></div>'
    )


def _column(entry: Answered, group: GroupMoment, longest: int) -> str:
    theme = current_theme()
    busy = _HALF * group.busy / len(group.stages)
    waits = _HALF * len(group.queue) / max(longest, 1)
    computes = f"{group.busy} of {len(group.stages)} stages compute"
    tip = f"{words.numbered('group', group.index)}: {computes}, {len(group.queue)} wait"
    bars = f'<i style="height:{round(busy)}%;background:{placement_style(entry.hue, theme).colour}"></i>'
    if group.queue:
        bars += f'<i style="bottom:{_HALF}%;height:{round(waits)}%;background:{theme.muted}"></i>'
    return f'<span title="{tip}">{bars}</span>'


def _by_model(result: SimulationResult, requests: Sequence[int]) -> str:
    """Requests by model, the most first: "5 x bert-0, 1 x bert-3"."""
    counted = Counter(result.workload.model[list(requests)].tolist()).most_common()
    return ", ".join(f"{n} x {result.models[m].name}" for m, n in counted)
