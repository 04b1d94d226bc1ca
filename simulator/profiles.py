"""What one model costs: stage latencies and weights for each parallel configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from simulator.errors import InputError
from simulator.schema import (
    Latency,
    OneOf,
    ProfiledBatch,
    Stages,
    TensorDegree,
    WeightGib,
    checked,
)

SOURCES = ("measured", "recovered", "estimated", "modelled")
ProfileSource = Annotated[str, OneOf(SOURCES)]


@dataclass(frozen=True)
class ProfileEntry:
    """One model in one parallel configuration.

    Attributes:
        pp, tp: pipeline (inter-operator) and tensor (intra-operator) degree; pp * tp devices.
        stage_latency_s: seconds of each stage at batch 1, length pp.
        stage_weight_gib: weights that a device of each stage holds, GiB, length pp.
        batches: for each further batch size the seconds of each stage, length pp.
        source: where the numbers come from, one of SOURCES.
    """

    pp: Stages
    tp: TensorDegree
    stage_latency_s: tuple[Latency, ...]
    stage_weight_gib: tuple[WeightGib, ...]
    source: ProfileSource = "measured"
    batches: dict[ProfiledBatch, tuple[Latency, ...]] = field(default_factory=dict[ProfiledBatch, tuple[Latency, ...]])

    def __post_init__(self) -> None:
        where = f"entry (pp {self.pp}, tp {self.tp})"
        checked(self, where)
        rows = {"stage_latency_s": self.stage_latency_s, "stage_weight_gib": self.stage_weight_gib}
        rows |= {f"batches.{size}": stages for size, stages in self.batches.items()}
        for name, stages in rows.items():
            if len(stages) != self.pp:
                raise InputError(
                    f"{where}: {name} has {len(stages)} numbers; one for each of {self.pp} stages is allowed."
                )
        if not sum(self.stage_latency_s) > 0:
            raise InputError(f"{where}: the stage latencies add up to 0 s; some time is needed.")
        object.__setattr__(self, "batches", {size: self.batches[size] for size in sorted(self.batches)})

    @property
    def devices(self) -> int:
        """Devices of a group in this configuration."""
        return self.pp * self.tp

    @property
    def latency_s(self) -> float:
        """Seconds of one request alone, batch 1."""
        return sum(self.stage_latency_s)

    @property
    def max_weight_gib(self) -> float:
        """Weights on the fullest device, GiB."""
        return max(self.stage_weight_gib)


@dataclass(frozen=True)
class Profile:
    """All parallel configurations of one model on one kind of device.

    Attributes:
        name: the catalogue's name.
        entries: by (pp, tp).
        device: the accelerator the numbers hold for.
        alone_s: `single_device_latency_s` of the catalogue, for models that fit no single device.
    """

    name: str
    entries: Mapping[tuple[int, int], ProfileEntry]
    device: str = ""
    alone_s: float | None = None

    def __post_init__(self) -> None:
        if not self.entries:
            raise InputError(f"Profile '{self.name}' has no entries; at least one parallel configuration is needed.")
        if self.alone_s is not None and not (math.isfinite(self.alone_s) and self.alone_s > 0):
            raise InputError(
                f"Profile '{self.name}': single_device_latency_s is {self.alone_s}; a positive number is allowed."
            )
        if self.alone_s is None and (1, 1) not in self.entries:
            raise InputError(
                f"Profile '{self.name}' has no entry (pp 1, tp 1) and no single_device_latency_s; "
                "one of them is needed, because deadlines are multiples of it."
            )

    @property
    def single_device_latency_s(self) -> float:
        """Latency of the model alone on one device at batch 1, seconds: what `slo_scale` multiplies."""
        return self.alone_s if self.alone_s is not None else self.entries[1, 1].latency_s

    def entry(self, pp: int, tp: int) -> ProfileEntry:
        """The entry of a configuration; raises InputError naming those that exist."""
        found = self.entries.get((pp, tp))
        if found is None:
            raise InputError(f"Profile '{self.name}' has no entry (pp {pp}, tp {tp}); it has {self.configurations()}.")
        return found

    def configurations(self) -> str:
        """The known configurations in words, for messages."""
        return ", ".join(f"({pp}, {tp})" for pp, tp in sorted(self.entries))


@dataclass(frozen=True)
class Model:
    """A served instance.

    Attributes:
        name: how the trace and the placement call it.
        profile: what it costs. Many models may share one.
        slo_s: its deadline, seconds after arrival.
    """

    name: str
    profile: Profile
    slo_s: float

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("A model has an empty name; some text is needed.")
        if not self.slo_s > 0:
            raise InputError(f"Model '{self.name}' has a deadline of {self.slo_s} s; a positive number is allowed.")

    @classmethod
    def with_slo_scale(cls, name: str, profile: Profile, slo_scale: float) -> Model:
        """A model whose deadline is a multiple of its latency alone on one device."""
        return cls(name, profile, slo_scale * profile.single_device_latency_s)
