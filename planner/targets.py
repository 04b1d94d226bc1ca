"""Targets of single models: the share of a model's deadlines that is to be met, and who misses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator import Figures, words

_MOST_NAMED = 5


@dataclass(frozen=True)
class TargetMiss:
    """A model below its own target; both are shares of its deadlines, 0..1."""

    model: str
    target: float
    slo_attainment: float

    @property
    def gap(self) -> float:
        """What is missing, 0..1."""
        return self.target - self.slo_attainment


def targets_missed(figures: Figures, targets: Mapping[str, float]) -> tuple[TargetMiss, ...]:
    """The models below their own targets, those that miss most first; a model without requests misses nothing.

    targets: by model, the share of its deadlines to be met, 0..1 (`Scenario.targets`).
    """
    missed = [
        TargetMiss(name, targets[name], fates.slo_attainment)
        for name, fates in figures.models
        if name in targets and fates.slo_attainment < targets[name]
    ]
    return tuple(sorted(missed, key=lambda miss: -miss.gap))


def targets_met(figures: Figures, targets: Mapping[str, float], reached: float, target: float) -> bool:
    """Whether all requests together reach `target`, and every model its own; all of them shares, 0..1.

    reached: what of all requests is held against `target`: `figures.total.slo_attainment`, or the lower end of its
    interval where one wants to be sure. Models are judged by their estimates, since no interval is known of them.
    """
    # NaN, where no request counts or no interval is known, reaches nothing.
    return reached >= target and not targets_missed(figures, targets)


def misses_in_words(missed: Sequence[TargetMiss]) -> str | None:
    """A sentence that names the models below their own targets, the first five; None where there are none."""
    if not missed:
        return None
    verb = "model misses its own target" if len(missed) == 1 else "models miss their own targets"
    return f"{words.count(len(missed))} {verb}: {named_misses(missed)}."


def named_misses(missed: Sequence[TargetMiss]) -> str:
    """The first five models with what they meet of what they should."""
    named = [f"{m.model} ({words.share(m.slo_attainment)} of {words.goal(m.target)})" for m in missed[:_MOST_NAMED]]
    more = len(missed) - _MOST_NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
