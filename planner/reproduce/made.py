"""Figures 13, 15 and 17, whose traffic is drawn as the authors draw it: nothing has to be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.reproduce.model_sets import mixed_models, same_models
from planner.reproduce.parts import (
    AXES,
    OUR_IMPROVEMENT,
    OUR_PROFILES,
    OUR_SEARCH,
    OUR_SIMULATOR,
    SAME_TRAFFIC,
    Curve,
    Difference,
    Figure,
    Panel,
    alpaserve_curves,
    searched,
)
from planner.reproduce.published import published_points
from planner.scenario.schema import (
    ClusterSection,
    GammaSection,
    ModelSection,
    PlacementSection,
    Scenario,
    ServingSection,
    WorkloadSection,
)

# The authors leave so much out at each end.
WARMUP_S = 10.0


@dataclass(frozen=True)
class _Setting:
    """One setting with drawn traffic; a sweep changes one of its fields."""

    models: Callable[[float], list[ModelSection]]
    devices: float
    total_rate: float
    cv: float
    slo: float
    duration_s: float

    def scenario(self, name: str, **changed: float) -> Scenario:
        at = {"devices": self.devices, "total_rate": self.total_rate, "cv": self.cv, "slo": self.slo} | changed
        gamma = GammaSection(
            total_rate_per_s=at["total_rate"], cv=at["cv"], duration_s=self.duration_s, split="power_law", exponent=0.5
        )
        return Scenario(
            version=1,
            name=name,
            cluster=ClusterSection(devices=int(at["devices"])),
            models=self.models(at["slo"]),
            workload=WorkloadSection(gamma=gamma, warmup_s=WARMUP_S),
            serving=ServingSection(preset="published"),
        )


def _panels(
    number: str, setting: _Setting, sweeps: Mapping[str, Sequence[float]], curves: tuple[Curve, ...]
) -> tuple[Panel, ...]:
    def panel(axis: str, values: Sequence[float]) -> Panel:
        name = f"{AXES[axis].title}"
        at = lambda value: setting.scenario(f"figure {number}, {name} {value:g}", **{axis: value})  # noqa: E731
        return Panel(name, AXES[axis], tuple(values), curves, at, published=published_points(number, name))

    return tuple(panel(axis, values) for axis, values in sweeps.items())


def very_large_models() -> Figure:
    """Figure 13: four models of 104 billion parameters on 64 devices."""
    setting = _Setting(lambda slo: same_models("bert-104b", 4, slo), 64, 8.0, 4.0, 2.0, 1200.0)
    sweeps = {"total_rate": (0.5, 2, 4, 6, 8), "cv": (1, 2, 3, 4), "slo": (0.5, 1, 2, 4, 6, 8)}
    dedicated = tuple(
        Curve(f"Dedicated, pp {pp} x tp {tp}", searched(f"Dedicated, pp {pp} x tp {tp}", "dedicated", pp=pp, tp=tp))
        for pp, tp in ((16, 1), (8, 2), (4, 4), (2, 8))
    )
    curves = (*dedicated, *alpaserve_curves("one", max_pp=16, max_tp=8))
    measured = Difference(
        "measured on", "64 V100s for 20 hours", "simulated", "not known; the paper prints no numbers for this figure"
    )
    limits = Difference(
        "cuts searched", "their released limits (pp 8, tp 4) exclude their own answer, pp 4 x tp 8",
        "pp up to 16, tp up to 8", "the paper's answer can be found",
    )  # fmt: skip
    profiles = Difference(
        "profiles", "measured", "modelled; only the 4.6 s of one query are the paper's", "10 % and more in latency"
    )
    tested = "The published points of figure 13 exist as a plot only, so none stand beside ours."
    return Figure("13", "Very large models", _panels("13", setting, sweeps, curves),
                  (measured, limits, profiles, SAME_TRAFFIC), (tested,))  # fmt: skip


def batching() -> Figure:
    """Figure 15: what batches add, for AlpaServe and for Clockwork++."""
    setting = _Setting(lambda slo: same_models("bert-1.3b", 16, slo), 8, 64.0, 4.0, 5.0, 1000.0)
    sweeps = {"slo": (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14)}
    curves = tuple(
        Curve(f"{title}, {_batches(size)}", base.model_copy(update={"name": title, "max_batch_size": size}))
        for title, base in (("AlpaServe", alpaserve_curves("one")[0].section), ("Clockwork++", _clockwork()))
        for size in (1, 2, 4, 8, 16)
    )
    models = Difference(
        "models, devices, traffic", "the text says model set S1 with 4 requests/s for each; the script has 16 models "
        "of BERT-1.3B on 8 devices, 64 requests/s in all", "as the script", "follow the script's axis, not the text's",
    )  # fmt: skip
    sizes = Difference(
        "latency of a batch", "measured at 2 048 tokens", "0.9 to 0.95 x the batch, scaled from 1 024 tokens",
        "decides how much batches gain at loose deadlines",
    )  # fmt: skip
    rule = Difference(
        "idle groups", "a group that finds nothing leaves later ones unserved until the next arrival",
        "every idle group is served", "none that can be seen",
    )  # fmt: skip
    window = Difference("Clockwork++ window", "not said", "60 s", "not known")
    tested = (
        "The paper prints no numbers: nothing gained at tight deadlines, a largest batch of 2 has all of the benefit, "
        "Clockwork++ gains a little more at loose ones."
    )
    return Figure("15", "Batching", _panels("15", setting, sweeps, curves),
                  (models, sizes, rule, window, SAME_TRAFFIC), (tested,))  # fmt: skip


def ablation() -> Figure:
    """Figure 17: what greedy selection and group partitioning add to round robin."""
    setting = _Setting(lambda slo: mixed_models(10, slo), 32, 64.0, 4.0, 5.0, 200.0)
    sweeps = {"total_rate": (1, 8, 16, 24, 32, 64, 96, 128), "cv": (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8)}
    released, improved = alpaserve_curves("released")
    curves = (
        Curve("Round robin", searched("Round robin", "round_robin")),
        Curve("Greedy", searched("Greedy", "fast_greedy", pp=4, tp=1)),
        Curve("Greedy and partitioning", released.section.model_copy(update={"name": "Greedy and partitioning"})),
        Curve(
            "The same, improved",
            improved.section.model_copy(update={"name": "The same, improved"}),
            begins_with="Greedy and partitioning",
        ),
    )
    testbed = Difference(
        "measured on", "the text says their testbed, the file says `simulate`", "simulated", "none: the file is the "
        "figure"
    )  # fmt: skip
    return Figure("17", "Ablation of the placement search", _panels("17", setting, sweeps, curves),
                  (testbed, OUR_SIMULATOR, OUR_PROFILES, OUR_SEARCH, OUR_IMPROVEMENT, SAME_TRAFFIC))  # fmt: skip


def _clockwork() -> PlacementSection:
    return searched("Clockwork++", "clockwork", window_s=60.0)


def _batches(size: int) -> str:
    return "no batches" if size == 1 else f"batches of up to {size}"
