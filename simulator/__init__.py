"""What would happen: traces, workloads, profiles, placements, and the simulation of every request."""

from simulator.errors import Cancelled, InputError
from simulator.loads import StageSpans, stage_spans
from simulator.metrics import Figures, measure
from simulator.placement import Cluster, Group, Placement, Schedule
from simulator.profiles import Model, Profile, ProfileEntry
from simulator.result import STATUS, SimulationResult
from simulator.run import simulate
from simulator.serving import PRESETS, Serving, serving_preset
from simulator.timeline import Timeline, build_timeline
from simulator.workload import Workload, merge_arrivals

__all__ = [
    "PRESETS",
    "STATUS",
    "Cancelled",
    "Cluster",
    "Figures",
    "Group",
    "InputError",
    "Model",
    "Placement",
    "Profile",
    "ProfileEntry",
    "Schedule",
    "Serving",
    "SimulationResult",
    "StageSpans",
    "Timeline",
    "Workload",
    "build_timeline",
    "measure",
    "merge_arrivals",
    "serving_preset",
    "simulate",
    "stage_spans",
]
