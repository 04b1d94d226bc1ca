"""How requests are handled on their way: dispatch rule, delays, admission, batching."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated

from simulator.errors import InputError
from simulator.schema import BatchSize, Delay, OneOf, Overhead, checked

DISPATCH_RULES = ("shortest_queue", "earliest_free", "earliest_finish", "round_robin")
ADMISSION_RULES = ("deadline", "none")
DispatchRule = Annotated[str, OneOf(DISPATCH_RULES)]
AdmissionRule = Annotated[str, OneOf(ADMISSION_RULES)]


@dataclass(frozen=True)
class Serving:
    """The rules of one serving system (docs/semantics.md section 2).

    Attributes:
        dispatch: which of the groups that hold a model gets a request, one of DISPATCH_RULES.
        client_delay_s: from the client to the controller.
        dispatch_delay_s: from the controller to the group.
        start_delay_s: from admission to the start on the first stage; the prediction does not know it.
        response_delay_s: from the end of the last stage to the answer; it counts against the deadline.
        admission: "deadline" rejects what is predicted to be late, "none" accepts everything.
        admission_margin_s: safety of the prediction in seconds.
        stage_overhead: relative slow-down of every stage for each stage of the pipeline (0.009 = 0.9 %).
        max_batch_size: 1 serves requests one by one; more lets a group that becomes idle take a batch.
        load_s_per_gib: seconds to load one GiB of weights onto a device when a placement changes.
        forget_backlog: whether a change of placement starts with idle devices, as the authors' replay does.
    """

    dispatch: DispatchRule = "shortest_queue"
    client_delay_s: Delay = 0.0025
    dispatch_delay_s: Delay = 0.0025
    start_delay_s: Delay = 0.005
    response_delay_s: Delay = 0.0
    admission: AdmissionRule = "deadline"
    admission_margin_s: Delay = 0.004
    stage_overhead: Overhead = 0.009
    max_batch_size: BatchSize = 1
    load_s_per_gib: Delay = 0.0
    forget_backlog: bool = False

    def __post_init__(self) -> None:
        checked(self, "serving")

    def stage_factor(self, pp: int) -> float:
        """What the latency of each stage of a pipeline of `pp` stages is multiplied by."""
        return 1.0 + self.stage_overhead * pp


PRESETS = {
    # The authors' controller on real devices.
    "testbed": Serving(),
    # The authors' planning simulator, which produced the published figures.
    "published": Serving(
        dispatch="earliest_free",
        client_delay_s=0.0,
        dispatch_delay_s=0.0,
        start_delay_s=0.0,
        response_delay_s=0.011,
        admission_margin_s=0.0,
        forget_backlog=True,
    ),
}


def serving_preset(preset: str = "testbed", **changes: object) -> Serving:
    """A preset with some fields changed; raises InputError if the preset or a field is unknown."""
    if preset not in PRESETS:
        raise InputError(f"serving.preset is '{preset}'; {_list(tuple(PRESETS))} are allowed.")
    known = {field.name for field in fields(Serving)}
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise InputError(f"serving.{unknown[0]} is not known; {_list(tuple(sorted(known)))} are allowed.")
    return replace(PRESETS[preset], **changes)


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1]
