"""When a run began, by the clock of the trace that it replays."""

from __future__ import annotations

from datetime import datetime

from app.state.answer import AnyAnswer
from simulator.traces.clock import instant_at


def began_at(answer: AnyAnswer) -> datetime | None:
    """The instant of time 0; None where arrivals are made, the trace names no date, or its times are stretched."""
    trace, section = answer.inputs.trace, answer.scenario.workload.trace
    if trace is None or section is None or section.time_scale != 1:
        return None
    return instant_at(trace, section.start_s)
