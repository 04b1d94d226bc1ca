"""What is wished of a plan beside the target of all requests: targets of single models, placement rules, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.compare import MeasuredPlacement, attained
from planner.rules import NO_RULES, Rules, rule_notices
from planner.scenario.inputs import Inputs
from planner.targets import named_misses, targets_missed
from simulator import Cluster, words

_MOST_WEIGHTS = 4


@dataclass(frozen=True)
class Wishes:
    """What a scenario wishes.

    Attributes:
        targets: by model, the share of its deadlines to be met, 0..1. rules: what placements keep to.
        weights: by model, as how many requests one of its requests counts in a search, where it is not one.
    """

    targets: Mapping[str, float] = field(default_factory=dict[str, float])
    rules: Rules = NO_RULES
    weights: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, inputs: Inputs) -> Wishes:
        """Those of a scenario."""
        weights = {name: weight for name, weight in inputs.problem.weights.items() if weight != 1}
        return cls(inputs.targets, inputs.problem.rules, weights)

    def are_kept(self, outcome: MeasuredPlacement, cluster: Cluster) -> bool:
        """Whether no model misses a target of its own and no rule is broken."""
        return not targets_missed(outcome.figures, self.targets) and not self._broken(outcome, cluster)

    def rank(self, outcome: MeasuredPlacement, cluster: Cluster) -> tuple[bool, float]:
        """More is better: those that keep all wishes before the others, then those that meet more deadlines."""
        return self.are_kept(outcome, cluster), attained(outcome)

    def said_of(self, outcome: MeasuredPlacement, cluster: Cluster) -> str:
        """After "It": "keeps every model's own target and the placement rules"; empty where nothing is wished."""
        kept: list[str] = []
        parts: list[str] = []
        if self.targets:
            missed = targets_missed(outcome.figures, self.targets)
            if missed:
                parts.append(f"misses {words.plural(len(missed), 'own target')}: {named_misses(missed)}")
            else:
                kept.append("every model's own target")
        if not self.rules.is_empty:
            if self._broken(outcome, cluster):
                parts.append("breaks the placement rules")
            else:
                kept.append("the placement rules")
        return " and ".join(([f"keeps {words.join(kept)}"] if kept else []) + parts)

    def ranking_sentence(self, ranked: Sequence[MeasuredPlacement], cluster: Cluster) -> str:
        """With which placements all wishes are kept, and whether that is why the first is first; empty without any.

        ranked: by `rank`, the best first.
        """
        if not self.targets and self.rules.is_empty:
            return ""
        wished = ["every model's own target"] if self.targets else []
        wished += [] if self.rules.is_empty else ["the placement rules"]
        kept = [outcome for outcome in ranked if self.are_kept(outcome, cluster)]
        if len(kept) == len(ranked):
            return f"{'All of them keep' if len(ranked) > 1 else 'It keeps'} {words.join(wished)}."
        if not kept:
            return f"{'None of them keeps' if len(ranked) > 1 else 'It does not keep'} {words.join(wished)}."
        only = f"Only {words.join([outcome.name for outcome in kept])} {'keep' if len(kept) > 1 else 'keeps'}"
        most = max(outcome.figures.total.slo_attainment for outcome in ranked)
        first = f" and therefore {'stand' if len(kept) > 1 else 'stands'} first"
        return f"{only} {words.join(wished)}{first if kept[0].figures.total.slo_attainment < most else ''}."

    @property
    def weights_sentence(self) -> str:
        """What weights do; empty where there are none."""
        if not self.weights:
            return ""
        counted = [f"one of {name} as {words.count(weight)}" for name, weight in self.weights.items()]
        shown, more = counted[:_MOST_WEIGHTS], len(counted) - _MOST_WEIGHTS
        listed = words.join([*shown, f"{words.plural(more, 'model')} more"] if more > 0 else shown)
        return (
            f"Weights act in searches only, where requests count as more than one: {listed}. Figures count each once."
        )

    def _broken(self, outcome: MeasuredPlacement, cluster: Cluster) -> bool:
        return bool(rule_notices(outcome.placement, cluster, self.rules))
