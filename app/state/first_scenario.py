"""What a stranger sees first: a sample trace, a usual cluster, and the placements the whole matter is about."""

from __future__ import annotations

from dataclasses import asdict

from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from sample_traces import SAMPLES, Sample
from simulator import words

SINGLE_DEVICES = PlacementSection(
    name="Single-device replication", search=SearchSection(algorithm="selective_replication")
)
# Ends after so many placements, so that the first page says the same everywhere; the time is for slow machines.
ALPASERVE = PlacementSection(
    name="AlpaServe", search=SearchSection(algorithm="alpaserve", max_evaluations=4_000, time_limit_s=10)
)


def group_size_name(pp: int, tp: int) -> str:
    """What a placement with one group size for all is called."""
    if pp * tp == 1:
        return "Groups of 1 device"
    stages = f"{pp}-stage groups" if pp > 1 else f"Groups of {tp} devices"
    return stages if tp == 1 or pp == 1 else f"{stages}, {tp} devices a stage"


def uniform_section(pp: int, tp: int, name: str | None = None) -> PlacementSection:
    """One model-parallel group size for all devices."""
    search = SearchSection.model_validate({"algorithm": "uniform", "pp": pp, "tp": tp})
    return PlacementSection(name=name or group_size_name(pp, tp), search=search)


FIRST_PLACEMENTS = (uniform_section(8, 1), SINGLE_DEVICES, ALPASERVE)


def sample_section(sample: Sample) -> dict:
    """The `workload.trace` of a sample, with its sensible options."""
    return {"path": f"sample:{sample.key}"} | asdict(sample.options)


def name_by_content(scenario: Scenario) -> str:
    """What a scenario is called that nobody named."""
    models = sum(section.count for section in scenario.models)
    return f"{words.plural(models, 'model')} on {words.plural(scenario.cluster.devices, 'device')}"


def renamed(before: Scenario, after: Scenario) -> Scenario:
    """The scenario after a change, with a name that follows its content as long as nobody wrote another one."""
    if after.name != before.name or before.name != name_by_content(before):
        return after
    return after.model_copy(update={"name": name_by_content(after)})


def first_scenario() -> Scenario:
    """The scenario of a new session."""
    sample = next(s for s in SAMPLES if s.key == "steady")
    return Scenario.model_validate(
        {
            "version": 1,
            "name": "24 models on 16 devices",
            "cluster": {"devices": 16, "usd_per_device_hour": 3.06},
            "models": [{"name": "model-{i}", "profile": "bert-2.6b", "count": 24, "slo_scale": 5}],
            "workload": {"trace": sample_section(sample)},
            "placements": [section.model_dump() for section in FIRST_PLACEMENTS],
        }
    )
