"""Links to the page that the lessons grew out of, in the keys of the page Learn."""

from __future__ import annotations

from collections.abc import Mapping

# By old key: the lesson, and the key of its control.
_KEYS = {
    "burst_size": ("burst", "x.burst.requests"),
    "hop": ("burst", "x.burst.hop_percent"),
    "burst_for": ("burst", "o.burst.asked"),
    "why_rate": ("traffic", "x.traffic.rate_per_s"),
    "why_cv": ("traffic", "x.traffic.cv"),
    "why_share": ("traffic", "x.traffic.share_percent"),
    "why_alpha": ("theory", "x.theory.alpha"),
    "why8_rate": ("regions", "x.regions.rate_per_s"),
    "why8_cv": ("regions", "x.regions.cv"),
    "why8_alpha": ("regions", "x.regions.alpha"),
}


def learn_query(query: Mapping[str, str]) -> dict[str, str]:
    """The query of the page Learn for an old one: the lesson that most of its settings are of, at its experiment.

    What is no setting of a lesson stays as it is.
    """
    moved = {key: _KEYS[key] for key in query if key in _KEYS}
    rest = {key: value for key, value in query.items() if key not in _KEYS}
    if not moved:
        return rest
    lessons = [lesson for lesson, _ in moved.values()]
    at = {"lesson": max(dict.fromkeys(lessons), key=lessons.count), "screen": "experiment"}
    return rest | at | {new: query[key] for key, (_, new) in moved.items()}
