"""Lesson 5: what splitting costs (figures 8, 9, 16)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_splitting import build_overhead_figure, build_ways_figure
from app.lessons.frame import Exercise, Lesson, Paper, Pick, Picture, Said
from app.look import words
from app.look.theme import Theme
from planner.lessons.splitting import MODELS, WAYS, Overhead, Split, pipeline_overhead, sharding_overhead, split
from planner.parallelise.evidence import compare_cuts

EQUAL, DYNAMIC, SHARDED = "stages of equal layers", "stages of the dynamic program", "sharded operators"


@dataclass(frozen=True)
class Settings:
    """The model, and on how many devices."""

    model: str = "bert-2.6b"
    devices: str = "8"


@dataclass(frozen=True)
class Run:
    """All plans of the model, and where the time goes by way of splitting."""

    plans: Split
    devices: int
    overheads: dict[str, Overhead]


def run(settings: Settings) -> Run:
    """Plan the model both ways."""
    plans, n = split(settings.model), int(settings.devices)
    return Run(plans, n, {
        EQUAL: pipeline_overhead(plans.equal[n], plans.alone_s),
        DYNAMIC: pipeline_overhead(plans.dynamic[n], plans.alone_s),
        SHARDED: sharding_overhead(plans.sharded[n], plans.alone_s),
    })  # fmt: skip


def outcome(found: Run) -> str:
    """What costs most."""
    equal, sharded = found.overheads[EQUAL], found.overheads[SHARDED]
    if sharded.total_s > equal.total_s:
        return "sharding"
    return "imbalance" if equal.imbalance_s > equal.communication_s else "communication"


def say(settings: Settings, found: Run) -> Said:
    """Where the time goes, and what the dynamic program saves."""
    return Said(None, f"{cost_sentence(found)} {saved_sentence(found)}")


def cost_sentence(found: Run) -> str:
    """Overhead of both ways of splitting, in shares of the work."""
    equal, sharded = found.overheads[EQUAL], found.overheads[SHARDED]
    worse = "Sharding operators costs more than cutting into stages"
    if sharded.total_s < equal.total_s:
        worse = "Cutting into stages costs more than sharding operators"
    more = f"{100 * sharded.total_s / sharded.alone_s:.0f}{words.SPACE}%"
    return (f"{worse}. Equal stages add {words.share(equal.total_s / equal.alone_s)} to the work: "
            f"{words.duration(equal.communication_s)} of communication and {words.duration(equal.imbalance_s)} "
            f"because they are uneven. Sharding adds {more}.")  # fmt: skip


def saved_sentence(found: Run) -> str:
    """What the dynamic program saves of the overhead of equal layers."""
    equal_s, dynamic_s = found.overheads[EQUAL].total_s, found.overheads[DYNAMIC].total_s
    if equal_s - dynamic_s < 1e-6:
        return "Here the dynamic program finds no better cut than equal layers."
    return f"The dynamic program saves {words.share(1 - dynamic_s / equal_s)} of the overhead of equal layers."


def why_sentence(found: Run) -> str:
    """Where the overhead comes from, with the slowest of the equal stages."""
    plan = found.plans.equal[found.devices]
    stages_s = plan.stage_latency_s()
    slowest = words.numbered("stage", stages_s.index(max(stages_s)))
    return (
        "Stages talk once each: a hop hands the activations on. Sharded operators talk in every layer, and nobody can "
        f"work meanwhile. But a pipeline is only as fast as its slowest stage; of the equal ones that is {slowest} of "
        f"{plan.pp}, with {words.duration(max(stages_s))} against {words.duration(sum(stages_s) / plan.pp)} on "
        f"average. "
        "The dynamic program moves attention and feed-forward blocks from slow stages to fast ones; it cannot cut a "
        "block. In return for what it costs sharding shortens the latency of a request, which a pipeline does not."
    )


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """Where the time goes, then latency, throughput and memory over the devices."""
    title = f"{settings.model} on {words.plural(int(settings.devices), 'device')}: work and what splitting adds"
    pictures = [Picture(build_overhead_figure(found.overheads, title, theme), "lesson-overhead", title)]
    for key, says, axis, lines in ways_lines(found.plans):
        pictures.append(Picture(build_ways_figure(WAYS, lines, says, axis, f"lesson-ways-{key}", theme),
                                f"lesson-ways-{key}", says))  # fmt: skip
    return pictures


def ways_lines(plans: Split) -> list[tuple[str, str, str, dict[str, list[float]]]]:
    """Latency, throughput and memory over WAYS: key, title, axis, and values of replicas, stages and shards."""
    alone_s, weight_gib = plans.alone_s, sum(plans.dynamic[1].weight_gib)
    stages, shards = plans.dynamic, plans.sharded
    most = WAYS[-1]
    latency = {"replicas": [1e3 * alone_s] * len(WAYS), "stages": [1e3 * stages[n].latency_s() for n in WAYS],
               "shards": [1e3 * shards[n].latency_s() for n in WAYS]}  # fmt: skip
    rate = {"replicas": [n / alone_s for n in WAYS], "stages": [stages[n].throughput_per_s() for n in WAYS],
            "shards": [shards[n].throughput_per_s() for n in WAYS]}  # fmt: skip
    memory = {"replicas": [n * weight_gib for n in WAYS], "stages": [sum(stages[n].weight_gib) for n in WAYS],
              "shards": [n * sum(shards[n].weight_gib) for n in WAYS]}  # fmt: skip
    return [
        ("latency", f"On {most} devices a request takes {words.fixed(latency['stages'][-1], 0)} ms in stages, "
         f"{words.fixed(latency['shards'][-1], 0)} ms in shards", "latency (ms)", latency),
        ("rate", f"{words.fixed(rate['stages'][-1], 1)} requests a second in stages on {most} devices, "
         f"{words.fixed(rate['shards'][-1], 1)} in shards", "requests a second", rate),
        ("memory", f"On {most} devices replicas take {words.fixed(memory['replicas'][-1], 0)} GiB in all, a model in "
         f"stages takes {words.fixed(memory['stages'][-1], 1)} GiB", "weights in all (GiB)", memory),
    ]  # fmt: skip


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether the dynamic program saves nothing on more than two devices."""
    saved_s = found.overheads[EQUAL].total_s - found.overheads[DYNAMIC].total_s
    return settings.devices != "2" and saved_s < 1e-6, saved_sentence(found)


def paper(theme: Theme) -> Paper:
    """Figure 16: what the dynamic program saves over equal layers; 8 and 9 have no printed numbers."""
    rows = []
    for saved in compare_cuts():
        gap = 100 * (saved.share - saved.published_share)
        rows.append((saved.model, words.share(saved.published_share), words.share(saved.share),
                     f"{words.signed(gap, 1)} points"))  # fmt: skip
    table = pd.DataFrame(rows, columns=["8 stages of", "overhead saved, published", "ours", "gap"])
    note = (
        "**Figure 16** of the paper: how much of communication and imbalance together the dynamic program saves over "
        "equal layers. **Figures 8 and 9** have no printed numbers: most of a pipeline's overhead is imbalance, and "
        "sharding communicates much more than stages do. Our latencies come from a cost model of operators and not "
        "from "
        "measured layers, which are not published; with it the dynamic program saves less, by the gap."
    )
    return Paper(note, table, pictures(Settings(), run(Settings()), theme, 0))


QUESTION = """
BERT-2.6B on eight devices. Cut it into a **pipeline of eight stages** with four layers each; or **shard** every
operator over all eight devices, which then exchange their parts in every layer. Either way the eight devices together
work longer than one device alone would.

What costs most?
"""

LESSON = Lesson(
    key="splitting",
    title="What splitting costs",
    source="figures 8, 9, 16",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "communication": "The hops between the stages",
        "imbalance": "The stages: they are not equally fast",
        "sharding": "Sharding: the exchange in every layer",
    },
    controls=(Pick("model", "Model", MODELS), Pick("devices", "Devices", tuple(str(n) for n in WAYS[1:]))),
    run=run,
    outcome=outcome,
    say=say,
    why=lambda settings, found: why_sentence(found),
    pictures=pictures,
    exercise=Exercise(
        "Find a model that the dynamic program cuts **no better than equal layers**, on more than two devices.",
        check,
        Settings("moe-2.4b", "8"),
    ),
    paper=paper,
)
