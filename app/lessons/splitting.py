"""Lesson 5: what splitting costs (figures 8, 9, 16)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_splitting import build_overhead_figure, build_ways_figure
from app.lessons.frame import Exercise, Lesson, Paper, Pick, Picture, Said, Slider
from app.look import words
from app.look.theme import Theme
from planner.lessons.splitting import (
    MODELS,
    WAYS,
    Overhead,
    Split,
    pipeline_overhead,
    sharding_overhead,
    split,
    ways_on,
)
from planner.parallelise.evidence import compare_cuts

EQUAL, DYNAMIC, SHARDED = "stages of equal layers", "stages of the dynamic program", "sharded operators"


@dataclass(frozen=True)
class Settings:
    """The model, on how many devices, and how many times as long their exchange takes."""

    model: str = "bert-2.6b"
    devices: str = "8"
    exchange: float = 1.0


@dataclass(frozen=True)
class Run:
    """All plans of the model, and where the time goes by way of splitting."""

    plans: Split
    devices: int
    overheads: dict[str, Overhead]
    exchange: float = 1.0


def run(settings: Settings) -> Run:
    """Plan the model both ways."""
    plans, n = split(settings.model), int(settings.devices)
    overheads = {
        EQUAL: pipeline_overhead(plans.equal[n], plans.alone_s),
        DYNAMIC: pipeline_overhead(plans.dynamic[n], plans.alone_s),
        SHARDED: sharding_overhead(plans.sharded[n], plans.alone_s),
    }
    times = settings.exchange
    return Run(plans, n, {name: overhead.exchanging(times) for name, overhead in overheads.items()}, times)


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
        if found.exchange != 1:
            return "The dynamic program's cut, made for the exchange as it is, is no better here than equal layers."
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
    if settings.exchange != 1:
        title += f", with {words.number(settings.exchange)} × the exchange"
    pictures = [Picture(build_overhead_figure(found.overheads, title, theme), "lesson-overhead", title)]
    for key, says, axis, lines in ways_lines(found.plans, found.exchange):
        pictures.append(Picture(build_ways_figure(WAYS, lines, says, axis, f"lesson-ways-{key}", theme),
                                f"lesson-ways-{key}", says))  # fmt: skip
    return pictures


def ways_lines(plans: Split, exchange: float = 1.0) -> list[tuple[str, str, str, dict[str, list[float]]]]:
    """Latency, throughput and memory over WAYS: key, title, axis, and values of replicas, stages and shards."""
    ways, most = ways_on(plans, exchange), WAYS[-1]
    latency = {name: [1e3 * value_s for value_s in values] for name, values in ways["latency_s"].items()}
    rate, memory = ways["rate_per_s"], ways["memory_gib"]
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
    if settings.exchange != 1:
        return False, "The task is about the exchange as it is: set it to 1."
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
    controls=(
        Pick("model", "Model", MODELS),
        Pick("devices", "Devices", tuple(str(n) for n in WAYS[1:])),
        Slider(
            "exchange",
            "Exchange takes (×)",
            0.0,
            3.0,
            0.1,
            "1 is the link of the cost model, 0 a link that costs nothing. The cuts stay as they are.",
        ),
    ),
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
