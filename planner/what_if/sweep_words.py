"""What a sweep says of unseen traffic, in sentences."""

from __future__ import annotations

from planner.what_if.sweep import Sweep
from simulator import words


def sweep_unseen_lines(swept: Sweep, target: float) -> list[str]:
    """How the searched points fare on traffic that was not planned for, and why some were not tried."""
    pairs = [(r.point, score) for r in swept.results if (score := swept.unseen_score(r)) is not None]
    lines = []
    if pairs:
        reach = [score for _, score in pairs if score.seen >= target]
        hold = sum(score.mean >= target for score in reach)
        point, score = min(pairs, key=lambda pair: pair[1].mean - pair[1].seen)
        gap = words.points_difference(score.mean, score.seen)
        loss = f" The largest loss: {gap}, {point.in_words}." if score.mean < score.seen and gap != "same" else ""
        lines.append(
            f"Of {words.plural(len(pairs), 'searched point')}, {words.count(len(reach))} reach {words.goal(target)} on "
            f"the traffic planned for, and {words.count(hold)} of these on traffic that was not planned for "
            f"({swept.unseen_how}).{loss}"
        )
    return [*lines, *swept.unseen_reasons]
