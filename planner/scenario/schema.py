"""A scenario: which models, on what cluster, under which traffic, with which deadlines, and which placements.

The classes mirror a scenario file key by key, frozen and checked; what spans several keys is checked in `inputs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from simulator.arrivals import RATE_SPLITS
from simulator.generation import DISPATCH_RULES
from simulator.generation.engine import MAX_BATCHED_TOKENS, MAX_BLOCK_SIZE, MAX_SEQUENCES
from simulator.schema import (
    MAX_DEVICES,
    BatchSize,
    Between,
    Burstiness,
    Deadline,
    Delay,
    DeviceCount,
    Duration,
    Label,
    MemoryGib,
    Name,
    OneOf,
    Overhead,
    PositiveRate,
    Rate,
    Scale,
    Seed,
    Stages,
    TensorDegree,
    Time,
    UsdPerHour,
)
from simulator.serving import PRESETS, AdmissionRule, DispatchRule
from simulator.traces import FORMATS, Columns
from simulator.traces.options import Dequantisation, MappingRule, Resampling
from simulator.traces.trace import MAX_TOKENS

MAX_MODELS = 1000
TOKEN_DEADLINES = ("slo_ttft_s", "slo_tpot_s", "slo_e2e_s")
MAX_PLACEMENTS = 24
MAX_EPOCHS = 10_000
_PathText = Annotated[str, Field(min_length=1, max_length=4096)]
_TokenCount = Annotated[int, Between(1, MAX_TOKENS)]
_Level = Annotated[float, Between(0, 1e6)]
# What only a program can hand to a search; a file that names one of these means something else.
_NO_OPTIONS = ("problem", "executor", "on_progress", "start")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ClusterSection(_Section):
    """`cluster`: devices of one kind."""

    devices: DeviceCount
    devices_per_node: DeviceCount = 8
    memory_gib: MemoryGib = 13.0
    device: Label = "v100-16gb"
    usd_per_device_hour: UsdPerHour = 0.0


class ModelSection(_Section):
    """One entry of `models`; `{i}` in the name counts from 0 to count - 1.

    Either `profile`, with slo_scale or slo_s; or `generation`, a profile of token-by-token serving, with deadlines on
    the time to the first token, the time per output token after it, the last token, or several of them.
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

    @model_validator(mode="after")
    def _one_deadline(self) -> ModelSection:
        if (self.profile is None) == (self.generation is None):
            raise ValueError("give exactly one of profile and generation")
        token_deadlines = [name for name in TOKEN_DEADLINES if getattr(self, name) is not None]
        if self.generation is not None:
            if self.slo_scale is not None or self.slo_s is not None or not token_deadlines:
                raise ValueError("a model with generation takes one or more of " + ", ".join(TOKEN_DEADLINES))
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


class GenerationSection(_Section):
    """`generation`: the engine of every generating model, by vLLM's names, and how replicas share the requests.

    `kv_blocks` left out: what weights leave of `cluster.memory_gib`.
    """

    max_num_batched_tokens: Annotated[int, Between(1, MAX_BATCHED_TOKENS)] = 2048
    max_num_seqs: Annotated[int, Between(1, MAX_SEQUENCES)] = 256
    kv_blocks: Annotated[int, Between(1, 1e12)] | None = None
    block_size: Annotated[int, Between(1, MAX_BLOCK_SIZE)] = 16
    chunked_prefill: bool = True
    dispatch: Annotated[str, OneOf(DISPATCH_RULES)] = "fewest_requests"
    switch_s: Delay = 0.0


class LognormalSection(_Section):
    """Lengths whose logarithm is normal: `median` tokens, `sigma` of the logarithm."""

    median: Annotated[float, Between(1, MAX_TOKENS)]
    sigma: Annotated[float, Between(0, 5)]


class LengthSection(_Section):
    """Tokens of a request: `fixed`, `lognormal`, or drawn from the `empirical` list."""

    fixed: _TokenCount | None = None
    lognormal: LognormalSection | None = None
    empirical: Annotated[list[_TokenCount], Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> LengthSection:
        if sum(part is not None for part in (self.fixed, self.lognormal, self.empirical)) != 1:
            raise ValueError("give exactly one of fixed, lognormal and empirical")
        return self

    @property
    def given(self) -> int | LognormalSection | list[int]:
        """The one of the three that is given; its class says which."""
        return next(part for part in (self.fixed, self.lognormal, self.empirical) if part is not None)


class TokensSection(_Section):
    """`workload.tokens`: lengths drawn for requests that bring none: `input` and `output`, or pairs of a `trace`."""

    input: LengthSection | None = None
    output: LengthSection | None = None
    trace: _PathText | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _exactly_one(self) -> TokensSection:
        if (self.input is None) != (self.output is None) or (self.input is None) == (self.trace is None):
            raise ValueError("give input and output, or trace")
        return self

    @property
    def given(self) -> tuple[LengthSection, LengthSection] | str:
        """Input and output, or the path of the trace."""
        pair = None if self.input is None or self.output is None else (self.input, self.output)
        return next(part for part in (pair, self.trace) if part is not None)


class TraceSection(_Section):
    """`workload.trace`: which files, which part of them, and how they are changed (simulator.traces.TraceOptions).

    A path `sample:NAME` stands for a trace that ships.
    """

    path: _PathText | Annotated[list[_PathText], Field(min_length=1, max_length=100)]
    format: Annotated[str, OneOf(("auto", *FORMATS))] = "auto"
    columns: Columns | None = None
    start_s: Time = 0.0
    duration_s: Duration | None = None
    map_models: MappingRule | dict[str, str] = "stripe"
    rate_scale: Scale = 1.0
    cv_scale: Burstiness = 1.0
    time_scale: Scale = 1.0
    resample: Resampling = "none"
    window_s: Duration = 60.0
    seed: Seed = 0
    dequantise: Dequantisation = "none"
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)


class _Split(_Section):
    split: Annotated[str, OneOf(RATE_SPLITS)] = "uniform"
    exponent: Annotated[float, Between(0, 10)] = 0.5
    weights: Annotated[list[Rate], Field(max_length=MAX_MODELS)] | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _weights_with_given(self) -> _Split:
        if (self.split == "given") != (self.weights is not None):
            raise ValueError("weights belong to split: given, and only to it")
        return self


class PoissonSection(_Split):
    """`workload.poisson`: Poisson arrivals made here."""

    total_rate_per_s: PositiveRate
    duration_s: Duration


class GammaSection(PoissonSection):
    """`workload.gamma`: gamma arrivals made here, as the authors draw them."""

    cv: Burstiness


class MarkovSection(PoissonSection):
    """`workload.markov_modulated`: the rate of each model jumps between levels (multiples of its mean)."""

    levels: Annotated[list[_Level], Field(min_length=2, max_length=20)] = [0.25, 4.0]
    mean_stay_s: Annotated[list[Duration], Field(min_length=2, max_length=20)] = [16.0, 4.0]


class DeterministicSection(_Split):
    """`workload.deterministic`: evenly spaced arrivals of each model."""

    total_rate_per_s: PositiveRate
    duration_s: Duration


class WindowSection(_Section):
    """A stretch of `workload.windows` with its own rate and CV."""

    duration_s: Duration
    total_rate_per_s: Rate
    cv: Burstiness = 1.0


class WindowsSection(_Split):
    """`workload.windows`: gamma arrivals whose rate and CV change from window to window."""

    windows: Annotated[list[WindowSection], Field(min_length=1, max_length=10_000)]


ARRIVALS = ("trace", "gamma", "poisson", "markov_modulated", "deterministic", "windows")
Arrivals = TraceSection | GammaSection | PoissonSection | MarkovSection | DeterministicSection | WindowsSection


class WorkloadSection(_Section):
    """`workload`: a trace, or arrivals made here; exactly one of ARRIVALS."""

    trace: TraceSection | None = None
    gamma: GammaSection | None = None
    poisson: PoissonSection | None = None
    markov_modulated: MarkovSection | None = None
    deterministic: DeterministicSection | None = None
    windows: WindowsSection | None = None
    tokens: TokensSection | None = None
    warmup_s: Time = 0.0

    @model_validator(mode="after")
    def _exactly_one(self) -> WorkloadSection:
        given = [name for name in ARRIVALS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ARRIVALS)} (found {', '.join(given) or 'none'})")
        return self

    @property
    def arrivals(self) -> Arrivals:
        """The one of ARRIVALS that is given; its class says which."""
        return next(section for name in ARRIVALS if (section := getattr(self, name)) is not None)

    @property
    def replayed(self) -> TraceSection:
        """The trace; only where there is one."""
        assert self.trace is not None, "whoever asks has looked"
        return self.trace


class ServingSection(_Section):
    """`serving`: a preset, and over it what differs."""

    preset: Annotated[str, OneOf(tuple(PRESETS))] = "testbed"
    dispatch: DispatchRule | None = None
    client_delay_s: Delay | None = None
    dispatch_delay_s: Delay | None = None
    start_delay_s: Delay | None = None
    response_delay_s: Delay | None = None
    admission: AdmissionRule | None = None
    admission_margin_s: Delay | None = None
    stage_overhead: Overhead | None = None
    max_batch_size: BatchSize | None = None
    load_s_per_gib: Delay | None = None
    forget_backlog: bool | None = None


class GroupSection(_Section):
    """One group: configuration and models."""

    pp: Stages = 1
    tp: TensorDegree = 1
    models: Annotated[list[Name], Field(max_length=MAX_MODELS)] = []


class EpochSection(_Section):
    """One stretch of a schedule."""

    start_s: Time
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)]


class SearchSection(_Section):
    """`search`: an algorithm, its bounds, and the algorithm's own options (checked by the planner)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    algorithm: Name
    seed: Seed = 0
    time_limit_s: Annotated[float, Between(0, 86_400, above=True)] | None = None
    max_evaluations: Annotated[int, Between(1, 1e9)] | None = None

    @model_validator(mode="after")
    def _options_are_data(self) -> SearchSection:
        for name in self.model_extra or {}:
            if name in _NO_OPTIONS:
                raise ValueError(f"'{name}' is no option of a search; the algorithm's own are allowed")
        return self

    @property
    def options(self) -> dict:
        """The algorithm's own options."""
        return dict(self.model_extra or {})


class PlacementSection(_Section):
    """One placement to compare: `groups` by hand, a `schedule`, or a `search`."""

    name: Name
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)] | None = None
    schedule: Annotated[list[EpochSection], Field(min_length=1, max_length=MAX_EPOCHS)] | None = None
    search: SearchSection | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> PlacementSection:
        if sum(part is not None for part in (self.groups, self.schedule, self.search)) != 1:
            raise ValueError("give exactly one of groups, schedule and search")
        return self

    @property
    def searched(self) -> SearchSection:
        """The search; only where the placement is not given by hand."""
        assert self.search is not None, "whoever asks has looked"
        return self.search


class Scenario(_Section):
    """Everything a comparison needs."""

    version: Literal[1]
    name: Label = "scenario"
    cluster: ClusterSection
    profiles: _PathText | None = None
    models: Annotated[list[ModelSection], Field(min_length=1, max_length=MAX_MODELS)]
    workload: WorkloadSection
    serving: ServingSection = ServingSection()
    generation: GenerationSection = GenerationSection()
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
    def generates(self) -> bool:
        """Whether some of the models generate token by token."""
        return any(section.generation is not None for section in self.models)

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self._folder

    def in_folder(self, folder: Path) -> Scenario:
        """The same scenario, with relative paths beginning at a folder."""
        copy = self.model_copy()
        copy._folder = Path(folder)
        return copy
