"""What was chosen on the pages beside the scenario, and what else they hold: one class a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import pandas as pd

    from app.state.scenario_text import Written
    from app.store import Version
    from planner.parallelise.architectures import Architecture
    from planner.scenario.schema import Scenario
    from planner.search import SearchResult

T = TypeVar("T")


@dataclass
class Choice(Generic[T]):
    """Something that a visitor chose, which is kept with his workspace.

    Attributes:
        key: its name in the workspace, and in the address where a link is to show it.
        kind: of its value. value: None as long as nothing was chosen; what is shown then may follow the scenario.
    """

    key: str
    kind: type[T]
    value: T | None = None

    def take(self, saved: object) -> None:
        """A value of a workspace; one of another kind is passed over."""
        wanted: object = self.kind
        taken: object = float(saved) if wanted is float and type(saved) is int else saved
        # A truth value is a whole number to Python.
        is_alike = (type(taken) is bool) == (wanted is bool)
        if is_alike and isinstance(taken, self.kind):
            self.value = taken


@dataclass
class Choices(Generic[T]):
    """Choices of one kind, each by a name, which stands in its key in place of {}."""

    key: str
    kind: type[T]
    of: dict[str, Choice[T]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Choice[T]:
        return self.of.setdefault(name, Choice(self.key.format(name), self.kind))

    def named(self, key: str) -> Choice[T] | None:
        """The choice of a key; None where the key is not of this kind."""
        before, after = self.key.split("{}")
        if len(key) <= len(before + after) or not (key.startswith(before) and key.endswith(after)):
            return None
        return self[key[len(before) : len(key) - len(after)]]


def _one(key: str, kind: type[T]) -> Choice[T]:
    return field(default_factory=lambda: Choice(key, kind))


def _by_name(key: str, kind: type[T]) -> Choices[T]:
    return field(default_factory=lambda: Choices(key, kind))


@dataclass
class CapacityView:
    """Page Capacity: the question, growth (`grown_...`), traffic against devices (`map_...`), the sweep by its axis.

    losses: what is to be borne. grown_of: devices that are there. grown_times: a multiple of the traffic.
    growth_percent: a month. tab: the one that is open.
    """

    target: Choice[float] = _one("target", float)
    lowest: Choice[int] = _one("from", int)
    highest: Choice[int] = _one("to", int)
    step: Choice[int] = _one("step", int)
    algorithms: Choice[list[str]] = _one("algorithms", list)
    limit_s: Choice[float] = _one("limit", float)
    confident: Choice[bool] = _one("sure", bool)
    whole_nodes: Choice[bool] = _one("nodes", bool)
    losses: Choice[list[str]] = _one("losses", list)
    grown_algorithm: Choice[str] = _one("grown_by", str)
    grown_of: Choice[int] = _one("present", int)
    grown_times: Choice[float] = _one("times", float)
    growth_percent: Choice[float] = _one("growth", float)
    map_algorithm: Choice[str] = _one("map_by", str)
    map_low: Choice[float] = _one("map_low", float)
    map_high: Choice[float] = _one("map_high", float)
    map_rows: Choice[int] = _one("map_rows", int)
    map_columns: Choice[int] = _one("map_columns", int)
    axis: Choice[str] = _one("axis", str)
    swept: Choice[str] = _one("sweep_of", str)
    axis_low: Choices[float] = _by_name("{}_from", float)
    axis_high: Choices[float] = _by_name("{}_to", float)
    axis_points: Choices[int] = _by_name("{}_points", int)
    tab: Choice[str] = _one("tab", str)


@dataclass
class GenerationView:
    """Models that generate: the searches of page Capacity, its growth and its sweep by axis, the profile that is looked
    at, and the name of an estimated one by the proposed one."""

    algorithms: Choice[list[str]] = _one("token_algorithms", list)
    limit_s: Choice[float] = _one("token_limit", float)
    grown_algorithm: Choice[str] = _one("token_grown_by", str)
    grown_of: Choice[int] = _one("token_present", int)
    axis: Choice[str] = _one("token_axis", str)
    axis_low: Choices[float] = _by_name("token_from:{}", float)
    axis_high: Choices[float] = _by_name("token_to:{}", float)
    axis_points: Choice[int] = _one("token_count", int)
    profile: Choice[str] = _one("token_profile", str)
    memory_gib: Choices[float] = _by_name("token_memory:{}", float)
    estimate_name: Choices[str] = _by_name("estimate.name:{}", str)


@dataclass
class FitView:
    """A profile from one's own log, on page Profile.

    Attributes:
        log: the name and the bytes of the file. model: its architecture. name: of the profile, by the proposed one.
        device: where it ran. numbers: devices and limits of the engines behind the log, by field.
    """

    model: Choice[str] = _one("fit.model", str)
    name: Choices[str] = _by_name("fit.name:{}", str)
    device: Choice[str] = _one("fit.device", str)
    numbers: Choices[int] = _by_name("fit.engine:{}", int)
    log: tuple[str, bytes] | None = None


@dataclass
class CompareView:
    """Page Compare: what groups, or placements of generating models, show over time; its part of the address."""

    group_rows: Choice[str] = _one("groups_show", str)
    token_rows: Choice[str] = _one("placements_show", str)
    address: Choice[dict[str, str]] = _one("compare", dict)


@dataclass
class TimelineView:
    """Page Timeline: the part of the address that is this page's."""

    address: Choice[dict[str, str]] = _one("timeline", dict)


@dataclass
class PlacementView:
    """Page Placement: the group that is edited, and the model that is moved."""

    group: Choice[int] = _one("edit_group", int)
    model: Choice[str] = _one("edit_model", str)


@dataclass
class EditedTable:
    """A table whose cells are edited.

    Attributes:
        rows: as the editor began with them. shown: what of the scenario it shows by now.
        number: how many there were before, so that a new one is another widget.
    """

    rows: list[dict[str, Any]]
    shown: object
    number: int = 0


@dataclass
class ModelsView:
    """Page Models. `tables`: under edit, by key. imported: how many were pasted or read from a file."""

    tables: dict[str, EditedTable] = field(default_factory=dict)
    imported: int = 0


@dataclass
class TrafficView:
    """Page Trace: how many times the mean rate makes a burst."""

    burst_times: Choice[float] = _one("burst_times", float)


@dataclass
class ReplayView:
    """Page Search.

    Attributes:
        search: that is replayed, by name. axis: what its score is drawn over.
        playing: the search that plays, None if none does. steps: the step that is shown, by search.
        opened: whether the step of the address was taken.
        histories: loaded searches, by name.
    """

    search: Choice[str] = _one("replay_of", str)
    axis: Choice[str] = _one("replay_over", str)
    playing: Choice[str] = _one("replay_playing", str)
    steps: Choices[int] = _by_name("replay_step:{}", int)
    opened: Choice[bool] = _one("replay_step", bool)
    histories: dict[str, SearchResult] = field(default_factory=dict)


@dataclass
class ProfileView:
    """Page Profile.

    Attributes:
        tokens: of a request, by architecture. most_pp, most_tp: how far is cut. shape: the cut that is drawn.
        own_name, own_dtype, own_ffn, own_sizes: the architecture that is described by hand, its sizes by field.
        device_numbers: changed, by device and field. name: of the new profile, by the proposed one.
        measured: rows of the table of measurements; measured_table: as the table began.
        architectures: loaded, by name.
    """

    architecture: Choice[str] = _one("profile.model", str)
    tokens: Choices[int] = _by_name("profile.tokens:{}", int)
    most_pp: Choice[int] = _one("profile.pp", int)
    most_tp: Choice[int] = _one("profile.tp", int)
    shape: Choice[str] = _one("profile.shape", str)
    own_name: Choice[str] = _one("own.name", str)
    own_dtype: Choice[str] = _one("own.dtype", str)
    own_ffn: Choice[str] = _one("own.ffn", str)
    own_sizes: Choices[int] = _by_name("own.{}", int)
    device: Choice[str] = _one("profile.device", str)
    device_numbers: Choices[float] = _by_name("device.{}", float)
    name: Choices[str] = _by_name("profile.name:{}", str)
    measured: Choice[list[dict[str, Any]]] = _one("profile.measured", list)
    measured_table: pd.DataFrame | None = None
    architectures: dict[str, Architecture] = field(default_factory=dict)


@dataclass
class LearnView:
    """Page Learn.

    Attributes:
        lesson, screen: what is shown; projector: whether it is shown to a room. shown: the lesson that was drawn last.
        guesses: predictions, by lesson. numbers, words: the settings, by lesson and field ("traffic.cv").
        own: whether its experiment is on the visitor's own traffic, by lesson.
        events: how far a lesson is stepped, by lesson. moves: what was played on a board, by lesson.
    """

    lesson: Choice[str] = _one("lesson", str)
    screen: Choice[str] = _one("screen", str)
    projector: Choice[bool] = _one("projector", bool)
    guesses: Choices[str] = _by_name("guess.{}", str)
    numbers: Choices[float] = _by_name("x.{}", float)
    words: Choices[str] = _by_name("o.{}", str)
    own: Choices[bool] = _by_name("own_traffic.{}", bool)
    events: Choices[int] = _by_name("event.{}", int)
    moves: Choices[str] = _by_name("moves.{}", str)
    shown: str | None = None


@dataclass
class ClassView:
    """The exercise for a class, on page Learn.

    Attributes:
        locked: whether the teacher's controls are hidden. numbers, devices: what the teacher sets.
        stages, held: the placement, models by group as in "AB.CD".
        handed: the placement that was handed in last; tries: how often. student: the name in the file.
    """

    locked: Choice[bool] = _one("locked", bool)
    numbers: Choices[float] = _by_name("class.{}", float)
    devices: Choice[str] = _one("class_devices", str)
    stages: Choice[str] = _one("stages", str)
    held: Choice[str] = _one("held", str)
    handed: Choice[str] = _one("handed", str)
    tries: Choice[int] = _one("tries", int)
    student: Choice[str] = _one("student", str)


@dataclass
class LibraryView:
    """Page Library: the address of the workspace deleted last, and the version deleted last."""

    gone: Choice[str] = _one("library.gone", str)
    deleted: Version | None = None


@dataclass
class GuideView:
    """Page Guide: which one is read."""

    chosen: Choice[str] = _one("guide", str)


@dataclass
class AccuracyView:
    """Page Accuracy: the figure of the paper that is run again, and its panel."""

    figure: Choice[str] = _one("figure", str)
    panel: Choice[str] = _one("panel", str)


@dataclass
class ShareView:
    """Links and reports.

    Attributes:
        taken: the token of the link that was taken. linked: what it showed: scenario and placement looked at.
        report: the last report and what it is of. copies: the number of the copy that a short link shared last.
    """

    taken: Choice[str] = _one("link.taken", str)
    copies: Choice[int] = _one("link.copies", int)
    linked: tuple[Scenario, str | None] | None = None
    report: tuple[tuple[object, ...], str] | None = None


@dataclass
class Views:
    """The pages. `written`: the scenario as the visitor wrote it; None while he has not."""

    capacity: CapacityView = field(default_factory=CapacityView)
    generation: GenerationView = field(default_factory=GenerationView)
    fit: FitView = field(default_factory=FitView)
    compare: CompareView = field(default_factory=CompareView)
    timeline: TimelineView = field(default_factory=TimelineView)
    placement: PlacementView = field(default_factory=PlacementView)
    models: ModelsView = field(default_factory=ModelsView)
    traffic: TrafficView = field(default_factory=TrafficView)
    replay: ReplayView = field(default_factory=ReplayView)
    profile: ProfileView = field(default_factory=ProfileView)
    learn: LearnView = field(default_factory=LearnView)
    classroom: ClassView = field(default_factory=ClassView)
    library: LibraryView = field(default_factory=LibraryView)
    accuracy: AccuracyView = field(default_factory=AccuracyView)
    guide: GuideView = field(default_factory=GuideView)
    share: ShareView = field(default_factory=ShareView)
    written: Written | None = None

    def saved(self) -> dict[str, Any]:
        """All choices by key, for a workspace."""
        choices = [one for part in self._parts() for one in (
            [part] if isinstance(part, Choice) else list(part.of.values()))]  # fmt: skip
        return {choice.key: choice.value for choice in choices if choice.value is not None}

    def take(self, saved: Mapping[str, Any]) -> None:
        """The choices of a workspace; keys that are not known any more are passed over."""
        parts = list(self._parts())
        single = {part.key: part for part in parts if isinstance(part, Choice)}
        for key, value in saved.items():
            found = (part.named(key) for part in parts if isinstance(part, Choices))
            choice = single.get(key) or next((one for one in found if one is not None), None)
            if choice is not None:
                choice.take(value)

    def _parts(self) -> Iterator[Choice[Any] | Choices[Any]]:
        pages = [getattr(self, page.name) for page in fields(self) if page.name != "written"]
        for page in pages:
            for part in fields(page):
                value = getattr(page, part.name)
                if isinstance(value, (Choice, Choices)):
                    yield value
