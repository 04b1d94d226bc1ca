"""When traffic of generating models grows: how much of it the devices that are there bear, and what more takes."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import replace

from planner.executors.cluster import Gone
from planner.generation.inputs import build_token_inputs
from planner.generation.unseen import hold_out_placement
from planner.generation.what_if import InputBuilder, TokenPoint, find_token_capacity, token_point
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.capacity import check_target
from planner.what_if.growth import Growth, Multiples, TriedTraffic, check_times, placed_for
from planner.what_if.plan import Needed
from planner.what_if.points import STOPPED
from planner.what_if.unseen import HeldOut
from planner.what_if.variation import vary
from simulator.headway import Headway, OnProgress, goes_on
from simulator.schema import MAX_DEVICES


def find_token_growth(
    scenario: Scenario,
    target: float,
    section: PlacementSection,
    times: float = 2.0,
    devices: int | None = None,
    highest: int | None = None,
    on_progress: OnProgress | None = None,
    build: InputBuilder = build_token_inputs,
    executor: Executor | None = None,
) -> Growth:
    """The most traffic that `devices` bear with a search, and the fewest devices for `times` the traffic.

    Args: as of planner.what_if.growth.find_growth; build: gives the inputs of a scenario; executor: other machines,
        or None.

    Raises InputError: a target or multiple that cannot be, or a scenario that cannot be built.
    """
    check_target(target)
    check_times(times)
    there = devices or scenario.cluster.devices
    most = highest or min(math.ceil(4 * max(times, 1.0)) * there, MAX_DEVICES)
    present, multiples, unfinished = vary(scenario, "devices", there), Multiples(), ""
    found: dict[float, TokenPoint] = {}
    while not unfinished and (factor := multiples.next()) is not None:
        varied = vary(present, "rate_scale", factor)
        near = min(found, key=lambda known, at=factor: abs(math.log(known / at)), default=None)
        start = found[near].placement if near is not None else None
        values = (("devices", float(there)), ("rate_scale", factor))
        try:
            point = token_point(varied, build(varied), section, values, on_progress, start, executor)
        except Gone as gone:
            unfinished = str(gone)
            break
        phase = f"{section.name}, {there} devices, {factor:g} times the traffic"
        unfinished = "" if goes_on(on_progress, Headway(phase, len(found) + 1, len(found) + 1)) else STOPPED
        if point.slo_attainment is None and unfinished:
            break
        met = point.slo_attainment
        reaches = met is not None and met >= target
        multiples.tried[factor] = TriedTraffic(factor, met, None, reaches, True, reason=point.reason)
        if point.outcome is not None:
            found[factor] = point
    grown = multiples.growth(section.name, target, there, times, unfinished)
    unseen: dict[str, HeldOut] = {}
    if grown.bears is not None:
        borne = found[grown.bears].placement
        assert borne is not None, "it reaches the target"
        name = placed_for(section.name, there, grown.bears)
        varied = vary(present, "rate_scale", grown.bears)
        unseen["bears"] = hold_out_placement(varied, name, section, borne, on_progress, build, executor)
        grown = replace(grown, unseen=unseen)
    if unfinished:
        return replace(grown, reasons={**grown.reasons, "needed": unfinished})
    more = vary(scenario, "rate_scale", times)
    [capacity] = find_token_capacity(more, target, [section], 1, most, on_progress, build, executor)
    settled = capacity.complete and capacity.remark is None
    needed = Needed(section.name, capacity.devices, settled, capacity.reason)
    if capacity.devices is not None:
        name = placed_for(section.name, capacity.devices, times)
        varied = vary(more, "devices", capacity.devices)
        unseen["needed"] = hold_out_placement(varied, name, section, capacity.placement, on_progress, build, executor)
    return replace(grown, needed=needed, complete=capacity.complete, unseen=unseen)
