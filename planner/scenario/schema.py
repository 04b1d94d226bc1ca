"""A scenario: which models, on what cluster, under which traffic, with which deadlines, and which placements.

The classes mirror the YAML of a scenario file key by key. They are frozen and check themselves; what spans several
keys (names that must be known, placements that must fit) is checked where the objects are built, in `inputs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from simulator.arrivals import RATE_SPLITS
from simulator.placement import MAX_DEVICES
from simulator.serving import ADMISSION_RULES, DISPATCH_RULES, MAX_BATCH_SIZE, PRESETS
from simulator.traces import DEQUANTISATIONS, FORMATS, MAPPINGS, RESAMPLINGS

MAX_MODELS = 1000
MAX_PLACEMENTS = 24
MAX_NAME = 200

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Deadline = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ClusterSection(_Section):
    """`cluster`: devices of one kind."""

    devices: Annotated[int, Field(ge=1, le=MAX_DEVICES)]
    devices_per_node: Annotated[int, Field(ge=1, le=MAX_DEVICES)] = 8
    memory_gib: Annotated[float, Field(gt=0, le=10_000)] = 13.0
    device: Annotated[str, Field(max_length=MAX_NAME)] = "v100-16gb"
    usd_per_device_hour: Annotated[float, Field(ge=0, le=10_000)] = 0.0


class ModelSection(_Section):
    """One entry of `models`; `{i}` in the name counts from 0 to count - 1. Give slo_scale or slo_s."""

    name: Name
    profile: Name
    count: Annotated[int, Field(ge=1, le=MAX_MODELS)] = 1
    slo_scale: Deadline | None = None
    slo_s: Deadline | None = None

    @model_validator(mode="after")
    def _one_deadline(self) -> ModelSection:
        if (self.slo_scale is None) == (self.slo_s is None):
            raise ValueError("give exactly one of slo_scale and slo_s")
        if self.count > 1 and "{i}" not in self.name:
            raise ValueError(f"count is {self.count}, so the name must contain {{i}}, for example '{self.name}-{{i}}'")
        return self

    def names(self) -> list[str]:
        """The names of the instances."""
        return [self.name.replace("{i}", str(i)) for i in range(self.count)]


class TraceSection(_Section):
    """`workload.trace`: which files, which part of them, and how they are changed (simulator.traces.TraceOptions).

    A path `sample:NAME` stands for a trace that ships.
    """

    path: str | Annotated[list[str], Field(min_length=1, max_length=100)]
    format: Literal["auto", *FORMATS] = "auto"
    start_s: NotNegative = 0.0
    duration_s: Positive | None = None
    map_models: Literal[MAPPINGS] | dict[str, str] = "stripe"
    rate_scale: Positive = 1.0
    cv_scale: Positive = 1.0
    time_scale: Positive = 1.0
    resample: Literal[RESAMPLINGS] = "none"
    window_s: Positive = 60.0
    seed: Seed = 0
    dequantise: Literal[DEQUANTISATIONS] = "none"
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)


class _Split(_Section):
    split: Literal[RATE_SPLITS] = "uniform"
    exponent: Annotated[float, Field(ge=0, le=10)] = 0.5
    weights: list[NotNegative] | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _weights_with_given(self) -> _Split:
        if (self.split == "given") != (self.weights is not None):
            raise ValueError("weights belong to split: given, and only to it")
        return self


class PoissonSection(_Split):
    """`workload.poisson`: Poisson arrivals made here."""

    total_rate_per_s: Positive
    duration_s: Positive


class GammaSection(PoissonSection):
    """`workload.gamma`: gamma arrivals made here, as the authors draw them."""

    cv: Annotated[float, Field(gt=0, le=1000)]


class MarkovSection(PoissonSection):
    """`workload.markov_modulated`: the rate of each model jumps between levels (multiples of its mean)."""

    levels: Annotated[list[NotNegative], Field(min_length=2, max_length=20)] = [0.25, 4.0]
    mean_stay_s: Annotated[list[Positive], Field(min_length=2, max_length=20)] = [16.0, 4.0]


class DeterministicSection(_Split):
    """`workload.deterministic`: evenly spaced arrivals of each model."""

    total_rate_per_s: Positive
    duration_s: Positive


class WindowSection(_Section):
    """A stretch of `workload.windows` with its own rate and CV."""

    duration_s: Positive
    total_rate_per_s: NotNegative
    cv: Annotated[float, Field(gt=0, le=1000)] = 1.0


class WindowsSection(_Split):
    """`workload.windows`: gamma arrivals whose rate and CV change from window to window."""

    windows: Annotated[list[WindowSection], Field(min_length=1, max_length=10_000)]


ARRIVALS = ("trace", "gamma", "poisson", "markov_modulated", "deterministic", "windows")


class WorkloadSection(_Section):
    """`workload`: a trace, or arrivals made here; exactly one of ARRIVALS."""

    trace: TraceSection | None = None
    gamma: GammaSection | None = None
    poisson: PoissonSection | None = None
    markov_modulated: MarkovSection | None = None
    deterministic: DeterministicSection | None = None
    windows: WindowsSection | None = None
    warmup_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0

    @model_validator(mode="after")
    def _exactly_one(self) -> WorkloadSection:
        given = [name for name in ARRIVALS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ARRIVALS)} (found {', '.join(given) or 'none'})")
        return self


class ServingSection(_Section):
    """`serving`: a preset, and over it what differs."""

    preset: Literal[tuple(PRESETS)] = "testbed"
    dispatch: Literal[DISPATCH_RULES] | None = None
    client_delay_s: NotNegative | None = None
    dispatch_delay_s: NotNegative | None = None
    start_delay_s: NotNegative | None = None
    response_delay_s: NotNegative | None = None
    admission: Literal[ADMISSION_RULES] | None = None
    admission_margin_s: NotNegative | None = None
    stage_overhead: NotNegative | None = None
    max_batch_size: Annotated[int, Field(ge=1, le=MAX_BATCH_SIZE)] | None = None
    load_s_per_gib: NotNegative | None = None
    forget_backlog: bool | None = None


class GroupSection(_Section):
    """One group: configuration and models."""

    pp: Annotated[int, Field(ge=1, le=MAX_DEVICES)] = 1
    tp: Annotated[int, Field(ge=1, le=MAX_DEVICES)] = 1
    models: list[Name] = []


class EpochSection(_Section):
    """One stretch of a schedule."""

    start_s: NotNegative
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)]


class SearchSection(_Section):
    """`search`: an algorithm, its bounds, and the algorithm's own options (checked by the planner)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    algorithm: Name
    seed: Seed = 0
    time_limit_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    max_evaluations: Annotated[int, Field(ge=1)] | None = None

    @property
    def options(self) -> dict:
        """The algorithm's own options."""
        return dict(self.model_extra or {})


class PlacementSection(_Section):
    """One placement to compare: `groups` by hand, a `schedule`, or a `search`."""

    name: Name
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)] | None = None
    schedule: Annotated[list[EpochSection], Field(min_length=1, max_length=10_000)] | None = None
    search: SearchSection | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> PlacementSection:
        if sum(part is not None for part in (self.groups, self.schedule, self.search)) != 1:
            raise ValueError("give exactly one of groups, schedule and search")
        return self


class Scenario(_Section):
    """Everything a comparison needs."""

    version: Literal[1]
    name: Annotated[str, Field(max_length=MAX_NAME)] = "scenario"
    cluster: ClusterSection
    profiles: str | None = None
    models: Annotated[list[ModelSection], Field(min_length=1, max_length=MAX_MODELS)]
    workload: WorkloadSection
    serving: ServingSection = ServingSection()
    placements: Annotated[list[PlacementSection], Field(max_length=MAX_PLACEMENTS)] = []

    # Where relative paths begin: the folder of the scenario file.
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _names_once(self) -> Scenario:
        instances = [name for section in self.models for name in section.names()]
        if len(instances) > MAX_MODELS:
            raise ValueError(f"{len(instances)} models are asked for; at most {MAX_MODELS} are allowed")
        for what, names in (("models", instances), ("placements", [p.name for p in self.placements])):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ValueError(f"two {what} are called '{twice}'; every name may occur once")
        return self

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self._folder

    def in_folder(self, folder: Path) -> Scenario:
        """The same scenario, with relative paths beginning at a folder."""
        copy = self.model_copy()
        copy._folder = Path(folder)
        return copy
