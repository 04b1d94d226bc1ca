"""A scenario: which models, on what cluster, under which traffic, with which deadlines, and which placements.

The classes mirror a scenario file key by key, frozen and checked; what spans several keys is checked in `inputs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from planner.scenario.model_sections import MAX_MODELS, ModelSection, RulesSection, Section
from simulator.arrivals import RATE_SPLITS
from simulator.generation import DISPATCH_RULES
from simulator.generation.engine import MAX_BATCHED_TOKENS, MAX_BLOCK_SIZE, MAX_SEQUENCES, ROLES
from simulator.schema import (
    MAX_DEVICES,
    BatchSize,
    Between,
    Burstiness,
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

MAX_PLACEMENTS = 24
# Serving rules that a placement may have of its own.
SERVING_RULES = ("dispatch", "admission", "max_batch_size")
MAX_EPOCHS = 10_000
_PathText = Annotated[str, Field(min_length=1, max_length=4096)]
_TokenCount = Annotated[int, Between(1, MAX_TOKENS)]
_Level = Annotated[float, Between(0, 1e6)]
# What only a program can hand to a search; a file that names one of these means something else.
_NO_OPTIONS = ("problem", "executor", "on_progress", "start")


# Prices that no simulation asks for: only what an answer costs depends on them.
OTHER_PRICES = frozenset({"reserved_usd_per_device_hour", "spot_usd_per_device_hour"})


class ClusterSection(Section):
    """`cluster`: devices of one kind; prices beside that on demand are of devices that are reserved or spot."""

    devices: DeviceCount
    devices_per_node: DeviceCount = 8
    memory_gib: MemoryGib = 13.0
    device: Label = "v100-16gb"
    usd_per_device_hour: UsdPerHour = 0.0
    reserved_usd_per_device_hour: UsdPerHour | None = None
    spot_usd_per_device_hour: UsdPerHour | None = None


class GenerationSection(Section):
    """`generation`: the engine of every generating model, by vLLM's names, and how replicas share the requests.

    `kv_blocks` left out: what weights leave of `cluster.memory_gib`. `admission: predicted_ttft` turns a request away
    whose first token is predicted after its deadline. `kv_transfer_gb_per_s`: 10^9 bytes a second at which the cache of
    a request goes from a group of role `prefill` to one of role `decode`.
    """

    max_num_batched_tokens: Annotated[int, Between(1, MAX_BATCHED_TOKENS)] = 2048
    max_num_seqs: Annotated[int, Between(1, MAX_SEQUENCES)] = 256
    kv_blocks: Annotated[int, Between(1, 1e12)] | None = None
    block_size: Annotated[int, Between(1, MAX_BLOCK_SIZE)] = 16
    chunked_prefill: bool = True
    dispatch: Annotated[str, OneOf(DISPATCH_RULES)] = "fewest_requests"
    switch_s: Delay = 0.0
    admission: Annotated[str, OneOf(("none", "predicted_ttft"))] = "none"
    kv_transfer_gb_per_s: Annotated[float, Between(0, 1e6, above=True)] = 25.0


class LognormalSection(Section):
    """Lengths whose logarithm is normal: `median` tokens, `sigma` of the logarithm."""

    median: Annotated[float, Between(1, MAX_TOKENS)]
    sigma: Annotated[float, Between(0, 5)]


class LengthSection(Section):
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


class TokensSection(Section):
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


class TraceSection(Section):
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


class _Split(Section):
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


class WindowSection(Section):
    """A stretch of `workload.windows` with its own rate and CV."""

    duration_s: Duration
    total_rate_per_s: Rate
    cv: Burstiness = 1.0


class WindowsSection(_Split):
    """`workload.windows`: gamma arrivals whose rate and CV change from window to window."""

    windows: Annotated[list[WindowSection], Field(min_length=1, max_length=10_000)]


ARRIVALS = ("trace", "gamma", "poisson", "markov_modulated", "deterministic", "windows")
Arrivals = TraceSection | GammaSection | PoissonSection | MarkovSection | DeterministicSection | WindowsSection


class WorkloadSection(Section):
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


class ServingSection(Section):
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


class GroupSection(Section):
    """One group: configuration and models; of generating models also whether it computes only prompts and first
    tokens (`role: prefill`) or only later tokens (`role: decode`); keys of what was found before have no `role`."""

    pp: Stages = 1
    tp: TensorDegree = 1
    models: Annotated[list[Name], Field(max_length=MAX_MODELS)] = []
    role: Annotated[str, OneOf(ROLES)] | None = Field(default=None, exclude_if=lambda role: role is None)


class EpochSection(Section):
    """One stretch of a schedule."""

    start_s: Time
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)]


class SearchSection(Section):
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


class PlacementSection(Section):
    """One placement to compare: `groups` by hand, a `schedule`, or a `search`.

    `dispatch`, `admission` and `max_batch_size` are rules of this placement in place of those under `serving`.
    """

    name: Name
    groups: Annotated[list[GroupSection], Field(max_length=MAX_DEVICES)] | None = None
    schedule: Annotated[list[EpochSection], Field(min_length=1, max_length=MAX_EPOCHS)] | None = None
    search: SearchSection | None = None
    dispatch: DispatchRule | None = None
    admission: AdmissionRule | None = None
    max_batch_size: BatchSize | None = None

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

    @property
    def serving_rules(self) -> dict[str, str | int]:
        """The serving rules that are this placement's own, by their name."""
        return {name: value for name in SERVING_RULES if (value := getattr(self, name)) is not None}


class Scenario(Section):
    """Everything a comparison needs."""

    version: Literal[1]
    name: Label = "scenario"
    cluster: ClusterSection
    profiles: _PathText | None = None
    models: Annotated[list[ModelSection], Field(min_length=1, max_length=MAX_MODELS)]
    workload: WorkloadSection
    serving: ServingSection = ServingSection()
    generation: GenerationSection = GenerationSection()
    rules: RulesSection = RulesSection()
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
        if self.generates and not self.rules.is_empty:
            raise ValueError("rules hold for models with a profile; this scenario has models with generation")
        self.rules.check(self.models)
        return self

    @model_validator(mode="after")
    def _rules_have_a_use(self) -> Scenario:
        ruled = next((section for section in self.placements if section.serving_rules), None)
        if ruled is not None and all(section.generation is not None for section in self.models):
            raise ValueError(
                f"placement '{ruled.name}' has {next(iter(ruled.serving_rules))}, a rule of models with fixed "
                "latencies, and all models generate; the engines' rules stand under generation"
            )
        return self

    @property
    def targets(self) -> dict[str, float]:
        """By name of an instance, the share of its deadlines to be met; only of models that have such a target."""
        return {name: s.target for s in self.models if s.target is not None for name in s.names()}

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
