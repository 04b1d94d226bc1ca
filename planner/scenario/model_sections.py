"""The parts of a scenario that speak of models: which are served, what is wanted of each, where replicas may stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.schema import MAX_DEVICES, Between, Deadline, Name

MAX_MODELS = 1000
MAX_WEIGHT = 1000
MAX_APART = 100
TOKEN_DEADLINES = ("slo_ttft_s", "slo_tpot_s", "slo_e2e_s")
# What is wanted of a model beside its deadline.
WISHES = ("target", "weight", "min_replicas")
Target = Annotated[float, Between(0, 1, above=True)]
_DeviceNumber = Annotated[int, Between(0, MAX_DEVICES - 1)]
_Names = Annotated[list[Name], Field(min_length=1, max_length=MAX_MODELS)]
_Devices = Annotated[list[_DeviceNumber], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """A part of a scenario: unknown keys are refused, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ModelSection(Section):
    """One entry of `models`; `{i}` in the name counts from 0 to count - 1.

    Either `profile`, with slo_scale or slo_s; or `generation`, a profile of token-by-token serving, with deadlines on
    the time to the first token, the time per output token after it, the last token, or several of them.

    Of each instance may be wanted: `target`, the share of its deadlines to be met; `weight`, as how many requests one
    of its requests counts in a search; `min_replicas`, in how many groups it stands at least.
    """

    name: Name
    profile: Name | None = None
    generation: Name | None = None
    count: Annotated[int, Between(1, MAX_MODELS)] = 1
    slo_scale: Deadline | None = None
    slo_s: Deadline | None = None
    slo_ttft_s: Deadline | None = None
    slo_tpot_s: Deadline | None = None
    slo_e2e_s: Deadline | None = None
    target: Target | None = None
    weight: Annotated[int, Between(1, MAX_WEIGHT)] | None = None
    min_replicas: Annotated[int, Between(1, MAX_DEVICES)] | None = None

    @model_validator(mode="after")
    def _one_deadline(self) -> ModelSection:
        if (self.profile is None) == (self.generation is None):
            raise ValueError("give exactly one of profile and generation")
        token_deadlines = [name for name in TOKEN_DEADLINES if getattr(self, name) is not None]
        if self.generation is not None:
            if self.slo_scale is not None or self.slo_s is not None or not token_deadlines:
                raise ValueError("a model with generation takes one or more of " + ", ".join(TOKEN_DEADLINES))
            wish = next((name for name in WISHES if getattr(self, name) is not None), None)
            if wish is not None:
                raise ValueError(f"{wish} belongs to a model with profile; take it out")
        elif token_deadlines:
            raise ValueError(f"{token_deadlines[0]} belongs to a model with generation; give slo_scale or slo_s")
        elif (self.slo_scale is None) == (self.slo_s is None):
            raise ValueError("give exactly one of slo_scale and slo_s")
        if self.count > 1 and "{i}" not in self.name:
            raise ValueError(f"count is {self.count}, so the name must contain {{i}}, for example '{self.name}-{{i}}'")
        return self

    def names(self) -> list[str]:
        """The names of the instances."""
        return [self.name.replace("{i}", str(i)) for i in range(self.count)]


class RulesSection(Section):
    """`rules`: what placements keep to. A model is named as an instance, or as its entry, for all instances of it.

    Attributes:
        pin: by model, the first and the last device that may hold it.
        apart: lists of models of which no group holds two.
        within_node: whether every group lies inside one node.
    """

    pin: Annotated[dict[Name, _Devices], Field(max_length=MAX_MODELS)] = {}
    apart: Annotated[list[_Names], Field(max_length=MAX_APART)] = []
    within_node: bool = False

    @model_validator(mode="after")
    def _devices_rise(self) -> RulesSection:
        for name, (first, last) in self.pin.items():
            if first > last:
                raise ValueError(f"pin of '{name}' is [{first}, {last}]; the first, then the last device is needed")
        return self

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return self == RulesSection()

    def check(self, sections: Sequence[ModelSection]) -> None:
        """Raises ValueError where a model is not known, pinned twice, or kept apart from nobody."""
        pinned = [name for given in self.pin for name in instances(given, sections, "rules.pin")]
        twice = next((name for name in pinned if pinned.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"rules.pin names model '{twice}' twice, by itself and by its entry; once is allowed")
        for number, given in enumerate(self.apart):
            names = {name for one in given for name in instances(one, sections, f"rules.apart.{number}")}
            if len(names) < 2:
                raise ValueError(f"rules.apart.{number} names {len(names)} model; two or more are needed")


def instances(name: str, sections: Sequence[ModelSection], where: str) -> list[str]:
    """The instances that a rule speaks of by a name; raises ValueError where there is no such model."""
    for section in sections:
        if name == section.name or name in section.names():
            return section.names() if name == section.name else [name]
    known = ", ".join(section.name for section in sections[:8]) + (", ..." if len(sections) > 8 else "")
    raise ValueError(f"{where} names '{name}', which is no model; {known} are")
