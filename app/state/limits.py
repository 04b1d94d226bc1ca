"""What one visitor may ask of the page, and the sentences that say so."""

from __future__ import annotations

import numpy as np

from app.look import words
from app.settings import SETTINGS
from planner.scenario.schema import Scenario, TraceSection, WindowsSection
from simulator import InputError
from simulator.traces import Counts, Events, Trace, TraceLimits

MAX_UPLOAD_BYTES = SETTINGS.upload_mb * 1024**2
MAX_REQUESTS, MAX_MODELS, MAX_DEVICES = SETTINGS.requests, SETTINGS.models, SETTINGS.devices
TRACE_LIMITS = TraceLimits(
    max_bytes=MAX_UPLOAD_BYTES, max_rows=2 * MAX_REQUESTS, max_sources=50_000, max_cells=20_000_000
)
BOUNDS_IN_WORDS = (
    f"This page takes files up to {MAX_UPLOAD_BYTES // 1024**2} MB, {words.count(MAX_REQUESTS)} requests, "
    f"{MAX_MODELS} models and {MAX_DEVICES} devices."
)


def check_models(scenario: Scenario) -> None:
    """Raise InputError if there are more models than the page allows."""
    count = sum(section.count for section in scenario.models)
    if count > MAX_MODELS:
        raise InputError(f"models lists {words.count(count)} models; at most {MAX_MODELS} are allowed on this page.")


def check_cluster(scenario: Scenario) -> None:
    """Raise InputError if there are more devices than the page allows."""
    devices = scenario.cluster.devices
    if devices > MAX_DEVICES:
        raise InputError(f"cluster.devices is {words.count(devices)}; at most {MAX_DEVICES} are allowed on this page.")


def check_growth(before: Scenario, after: Scenario) -> None:
    """Raise InputError if a change leads over a bound; one that leads back towards it is allowed."""
    if sum(section.count for section in after.models) > sum(section.count for section in before.models):
        check_models(after)
    if after.cluster.devices > before.cluster.devices:
        check_cluster(after)


def check_requests(scenario: Scenario, trace: Trace | None) -> None:
    """Raise InputError if the workload would have more requests than the page allows, before it is made."""
    expected = expected_requests(scenario, trace)
    if expected > MAX_REQUESTS:
        raise InputError(
            f"These settings make about {words.count(expected)} requests; at most {words.count(MAX_REQUESTS)} are "
            f"allowed on this page. "
            "Choose a shorter window or a smaller rate."
        )


def expected_requests(scenario: Scenario, trace: Trace | None) -> float:
    """About how many requests the workload of a scenario will have."""
    workload = scenario.workload
    if trace is not None:
        return _requests_in_window(scenario, trace) * workload.replayed.rate_scale
    made = workload.arrivals
    if isinstance(made, TraceSection):
        raise LookupError("the trace was not read")
    if isinstance(made, WindowsSection):
        return sum(window.duration_s * window.total_rate_per_s for window in made.windows)
    return made.total_rate_per_s * made.duration_s


def _requests_in_window(scenario: Scenario, trace: Trace) -> float:
    section, content = scenario.workload.replayed, trace.content
    end_s = trace.end_s + 1.0 if section.duration_s is None else section.start_s + section.duration_s
    if isinstance(content, Events):
        low, high = np.searchsorted(content.arrival_s, (section.start_s, end_s))
        return float(high - low)
    if isinstance(content, Counts):
        low, high = (min(int(t / content.bin_s), content.counts.shape[1]) for t in (section.start_s, end_s))
        return float(content.counts[:, low:high].sum(dtype=np.int64))
    inside_s = np.minimum(content.start_s + content.duration_s, end_s) - np.maximum(content.start_s, section.start_s)
    return float((content.rate_per_s * np.clip(inside_s, 0, None)).sum())
