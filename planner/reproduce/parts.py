"""What a figure of the paper is made of: panels, curves, and in what the settings differ from the authors'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from planner.scenario.schema import PlacementSection, Scenario, SearchSection

# The paper reads its figures at this attainment.
TARGET = 0.99


@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Attributes:
        name: as in our tables. section: how the placement is found.
        knows: whether it is planned for the very traffic that it is tested with, where a panel has other traffic to
            plan for.
        begins_with: an earlier curve whose placement the search begins with, so that it never plans a worse one.
    """

    name: str
    section: PlacementSection
    knows: bool = False
    begins_with: str | None = None


@dataclass(frozen=True)
class Axis:
    """What varies along a panel: name, its title with unit, and whether more of it is harder."""

    name: str
    title: str
    more_is_harder: bool


AXES = {
    axis.name: axis
    for axis in (
        Axis("devices", "devices", False),
        Axis("rate", "rate scale", True),
        Axis("total_rate", "requests/s in all", True),
        Axis("cv", "CV", True),
        Axis("slo", "SLO scale", False),
    )
}


@dataclass(frozen=True)
class Panel:
    """One picture: attainment of its curves along an axis.

    Attributes:
        name: which clusters, traffic and sweep. axis, values: what varies.
        scenario: the setting at a value, without placements.
        planned_on: the setting that placements are planned on, where that is another traffic.
        published: attainment by curve and value, 0..1, where the authors' settings are these.
    """

    name: str
    axis: Axis
    values: tuple[float, ...]
    curves: tuple[Curve, ...]
    scenario: Callable[[float], Scenario]
    planned_on: Callable[[float], Scenario] | None = None
    published: Mapping[tuple[str, float], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One thing in which our setting is not the authors', and what it does to the figures."""

    what: str
    theirs: str
    ours: str
    effect: str


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Attributes:
        number, title: of the paper. panels: what is run.
        differences: what is otherwise here. not_repeated: sentences about what cannot be run.
    """

    number: str
    title: str
    panels: tuple[Panel, ...]
    differences: tuple[Difference, ...]
    not_repeated: tuple[str, ...] = ()


def searched(name: str, algorithm: str, **options: object) -> PlacementSection:
    """A placement to be searched."""
    return PlacementSection(name=name, search=SearchSection.model_validate({"algorithm": algorithm, **options}))


def alpaserve_curves(bucketing: str, **options: object) -> tuple[Curve, Curve]:
    """The released search, and the same with our improvement on top."""
    released = searched("AlpaServe", "alpaserve", bucketing=bucketing, refine=False, **options)
    improved = searched("AlpaServe, improved", "alpaserve", max_evaluations=IMPROVED_EVALUATIONS, **options)
    return Curve("AlpaServe", released), Curve("AlpaServe, improved", improved, begins_with="AlpaServe")


# So many placements are tried by the improved search, so that it finds the same everywhere.
IMPROVED_EVALUATIONS = 4_000

OUR_SIMULATOR = Difference(
    "simulator",
    "the authors' fast simulator, float32 deadlines",
    "the same rules (preset published)",
    "0.08 points on average on their own placements (`validate`)",
)
OUR_PROFILES = Difference(
    "profiles",
    "measured on V100s",
    "single devices, pp 4, pp 8 and tp 4 recovered from their results; the others modelled",
    "about 1 % in latency",
)
OUR_SEARCH = Difference(
    "placement search",
    "one clustering of the models, device splits enumerated and pruned, NumPy's order among equals",
    "the same clustering; device splits by dynamic programming; equals by a fixed rule",
    "up to a point either way; equals alone are worth a point",
)
OUR_IMPROVEMENT = Difference(
    "local improvement",
    "none",
    "a curve of its own, `AlpaServe, improved`: all bucketings and local changes, 4 000 placements tried",
    "what it adds is the gap between the two curves; less of it is left on unseen traffic",
)
SAME_TRAFFIC = Difference(
    "planned and tested on",
    "the same trace",
    "the same trace, as theirs",
    "flatters every search; `robustness` and held-out scores say by how much",
)
