"""The profile: what more devices bring, where the time goes, how the layers are cut, and using it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from app.background.slots import Job, slot_of, start_job
from app.controls.views import kept
from app.figures.profile import (
    build_cut_comparison_figure,
    build_cut_figure,
    build_overhead_figure,
    build_scaling_figure,
    describe_cut,
    describe_cut_comparison,
    describe_overhead,
    describe_scaling,
)
from app.look import words
from app.look.markup import piece
from app.look.style import current_theme, plain_text, tile_html, verdict_html
from app.look.theme import NEUTRAL_HUE
from app.panels.keep import draw_chart, draw_table
from app.panels.profile_inputs import Question
from app.state.session import Session, with_values
from planner.parallelise import CalibrationResult, ModelledProfile, Plan, calibrate, configuration_row, profile_model
from planner.parallelise.cost import Calibration
from planner.parallelise.operators import GIB, total_weight_bytes
from planner.scenario.schema import Scenario
from simulator import InputError, Profile
from simulator.catalogue import catalogue_document
from simulator.generation import GenerationProfile
from simulator.generation.catalogue import generation_document
from simulator.headway import Headway

AREA = "profile"
OWN_FILE = "profiles of this session.json"
_WAY_TITLES = {True: "dynamic program", False: "equal layers"}

_KEY_TITLES = ("Stages (pp)", "Devices a stage (tp)", "Devices", "Latency alone (s)", "Slowest stage (s)", "Per second",
               "Computing (s)", "Communication (s)", "Waiting (s)", "Weights (GiB)", "Activations (GiB)")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Made:
    """A profile, the question behind it, the equal cut to compare with, and how well it meets measurements."""

    question: Question
    modelled: ModelledProfile
    equal: Mapping[tuple[int, int], Plan]
    calibrated: CalibrationResult | None


def make(session: Session, question: Question) -> Made | None:
    """The profile of a question; None until it is made. What takes less than a second appears at once."""
    slot, key = slot_of(session, AREA), question.key()
    if slot.job is None or slot.job.key != key:
        # The first profile is made for whoever looks; another one was asked for.
        slot = start_job(session, AREA, key, lambda job: _profile(question, job), by_itself=slot.job is None)
    return slot.result


def last(session: Session) -> Made | None:
    """The last good profile."""
    return slot_of(session, AREA).result


def _profile(question: Question, job: Job) -> Made:
    options = {"weight_memory_gib": question.weight_memory_gib, "sequence": question.sequence}
    calibrated = None
    if any(m.fitted for m in question.measurements):
        job.report(Headway("scaling to the measured latencies", 0, 3))
        calibrated = calibrate(question.architecture, question.device, question.measurements, **options)
    factors = calibrated.calibration if calibrated else None
    shape = (question.architecture, question.device, question.max_pp, question.max_tp)
    job.report(Headway("sharding operators and cutting layers", 1, 3))
    modelled = profile_model(*shape, calibration=factors, **options)
    job.report(Headway("cutting into equal layers, to compare", 2, 3))
    pipelines = (question.architecture, question.device, min(question.max_pp, question.architecture.layers), 1)
    try:
        equal = profile_model(*pipelines, batches=(1,), calibration=factors, cut="equal", **options).plans
    except InputError:
        # Equal layers may fit nowhere, while the dynamic program's stages do.
        equal = {}
    return Made(question, modelled, equal, calibrated)


def draw_verdict(made: Made) -> None:
    """What the model takes alone, and what a group of devices brings."""
    modelled, (best, fast) = made.modelled, best_plans(made.modelled)
    alone, fits = modelled.profile.single_device_latency_s, (1, 1) in modelled.plans
    weights_gib = total_weight_bytes(modelled.operators) / GIB
    st.html(verdict_html(NEUTRAL_HUE, verdict_sentence(modelled, made.question.sequence)))
    tiles = [
        tile_html("weights", words.gib(weights_gib)),
        tile_html("alone on one device", words.duration(alone), "" if fits else "if it fitted"),
        tile_html("most a device answers", words.rate(best.throughput_per_s() / (best.pp * best.tp)), "each"),
        tile_html("fastest answer", words.duration(fast.latency_s()), f"pp {fast.pp}, tp {fast.tp}"),
    ]
    st.html(piece("tiles", tiles))
    if made.calibrated is not None:
        _draw_calibration(made.calibrated)


def best_plans(modelled: ModelledProfile) -> tuple[Plan, Plan]:
    """The plan with most requests per second a device, and the fastest for one request; of equals the smallest."""
    plans = sorted(modelled.plans.values(), key=lambda plan: plan.pp * plan.tp)
    best = max(plans, key=lambda plan: plan.throughput_per_s() / (plan.pp * plan.tp))
    return best, min(plans, key=lambda plan: plan.latency_s())


def verdict_sentence(modelled: ModelledProfile, tokens: int) -> str:
    """What one request takes on one device, or on how many the model fits, and where it is fastest."""
    name, where = modelled.architecture.name, f"one {modelled.device.name}"
    _, fast = best_plans(modelled)
    if (1, 1) in modelled.plans:
        alone = words.duration(modelled.plans[1, 1].latency_s())
        sentence = f"{name} takes {alone} for {words.plural(tokens, 'token')} on {where}."
    else:
        # Degrees are powers of two, so a number in between might hold it as well.
        fewest = min(plan.pp * plan.tp for plan in modelled.plans.values())
        reason = modelled.left_out[1, 1]
        sentence = f"{name} does not fit {where}: {reason}. Of the groups below the smallest has {fewest} devices."
    quickest = f"{words.duration(fast.latency_s())} with {words.group_size(fast.pp, fast.tp)}"
    return f"{sentence} Fastest for one request: {quickest}."


def calibration_sentence(factors: Calibration) -> str:
    """What the measurements scale; a factor of 1 on communication where they do not tell it."""
    scaled = f"Scaled to your measurements: computation × {words.number(factors.compute)}, communication "
    return scaled + ("as modelled." if factors.communication == 1 else f"× {words.number(factors.communication)}.")


def _draw_calibration(calibrated: CalibrationResult) -> None:
    st.markdown(plain_text(calibration_sentence(calibrated.calibration)))
    rows = pd.DataFrame(
        {
            "pp": c.measurement.pp, "tp": c.measurement.tp, "batch": c.measurement.batch,
            "measured (ms)": 1000 * c.measurement.latency_s, "model (ms)": round(1000 * c.modelled_s, 3),
            "off by (%)": round(100 * c.error, 2), "fitted": c.measurement.fitted,
        }
        for c in calibrated.checks
    )  # fmt: skip
    draw_table(rows, "calibration", "Every measurement beside the calibrated model")


def draw_scaling(made: Made) -> None:
    """Latency, throughput and memory against devices."""
    profile = made.modelled.profile
    draw_chart(build_scaling_figure(profile, current_theme()), "scaling", describe_scaling(profile))
    st.caption("In the paper's figure 9 stages keep the weights once and add throughput, shared operators answer "
               "faster, and replicas hold all the weights again.")  # fmt: skip


def draw_overhead(made: Made) -> None:
    """Where the time of one request goes."""
    plans = made.modelled.plans
    draw_chart(build_overhead_figure(plans, current_theme()), "overhead", describe_overhead(plans))
    st.caption("Waiting is what the faster stages wait for the slowest in a full pipeline (the paper's figure 8).")


def draw_cuts(made: Made) -> None:
    """Dynamic program against equal layers."""
    dynamic = {pp: plan for (pp, tp), plan in made.modelled.plans.items() if tp == 1 and pp > 1}
    equal = {pp: plan for (pp, _), plan in made.equal.items() if pp > 1}
    if not set(dynamic) & set(equal):
        st.info("Allow two stages or more to compare the ways of cutting." if made.question.max_pp < 2
                else "No number of stages fits this device cut both ways, so there is nothing to compare.")  # fmt: skip
        return
    draw_chart(build_cut_comparison_figure(dynamic, equal, current_theme()), "cut-comparison",
               describe_cut_comparison(dynamic, equal))  # fmt: skip
    st.caption("Cut so that the slowest stage is fastest, against equally many layers a stage (the paper's figure 16).")


def draw_stages(session: Session, made: Made) -> None:
    """The cut of one configuration over the layers, and how its operators are shared."""
    st.header("How are the layers cut and shared?", anchor=False)
    keys = sorted(made.modelled.plans, key=lambda key: (key[0] * key[1], key[1]))
    titles = {f"{pp}x{tp}": (pp, tp) for pp, tp in keys}
    first = next((t for t in ("4x1", "8x1", "2x1") if t in titles), next(iter(titles)))
    chosen = kept(session, st.selectbox, "Configuration", session.views.profile.shape, first, options=list(titles),
                  format_func=lambda t: words.group_size(*titles[t]) if t in titles else t)  # fmt: skip
    pp, tp = titles[chosen]
    rows = [(_WAY_TITLES[True], made.modelled.plans[pp, tp])]
    if (pp, tp) in made.equal and pp > 1:
        rows.append((_WAY_TITLES[False], made.equal[pp, tp]))
    draw_chart(build_cut_figure(made.modelled.operators, rows, current_theme()), "cut", describe_cut(rows))
    st.caption("One bar an operator, as high as its work; the stage in the strongest shade is the slowest, the "
               "first of equally slow ones.")  # fmt: skip
    draw_table(stage_table(made.modelled, pp, tp), "stages", "Every stage: operators, time, weights and sharding")


def stage_table(modelled: ModelledProfile, pp: int, tp: int) -> pd.DataFrame:
    """One row a stage of a configuration: milliseconds, GiB, and the sharding of its operators."""
    return pd.DataFrame(
        {
            "stage": i + words.FIRST_NUMBER["stage"],
            "from": stage["first"],
            "to": stage["last"],
            "latency (ms)": round(1000 * stage["latency_s"], 3),
            "computing (ms)": round(1000 * stage["compute_s"], 3),
            "collectives (ms)": round(1000 * stage["collective_s"], 3),
            "hop (ms)": round(1000 * stage["hop_s"], 3),
            "weights a device (GiB)": round(stage["weight_gib"], 3),
            "sharding": "; ".join(f"{kind}: " + ", ".join(f"{n} × {way}" for way, n in ways.items())
                                  for kind, ways in stage["sharding"].items()),
        }
        for i, stage in enumerate(configuration_row(modelled, pp, tp)["stages"])
    )  # fmt: skip


def draw_configurations(made: Made) -> None:
    """Every configuration as a row, and those that cannot be."""
    st.header("Every configuration", anchor=False)
    rows = [configuration_row(made.modelled, pp, tp) for pp, tp in sorted(made.modelled.plans)]
    keys = ("pp", "tp", "devices", "latency_s", "slowest_stage_s", "throughput_per_s", "compute_s", "communication_s",
            "imbalance_s", "weight_gib", "activation_gib")  # fmt: skip
    table = pd.DataFrame([{key: row[key] for key in keys} for row in rows])
    titles = dict(zip(keys, _KEY_TITLES, strict=True))
    columns = {key: st.column_config.NumberColumn(title, format="%.4g") for key, title in titles.items()}
    draw_table(table, "configurations", "Latency, throughput and memory of every configuration", column_config=columns)
    for (pp, tp), reason in sorted(made.modelled.left_out.items()):
        st.caption(plain_text(f"pp {pp}, tp {tp} is left out: {reason}."))


def draw_use(session: Session, made: Made) -> None:
    """Take the profile over into the scenario, or away as a file."""
    name, button, file = st.columns([3, 2, 3], vertical_alignment="bottom")
    default = f"{made.question.architecture.name} on {made.question.device.name}"[:60]
    with name:
        called = kept(session, st.text_input, "Name of the profile", session.views.profile.name[default], default,
                      max_chars=60)  # fmt: skip
    button.button(
        "Use this profile",
        type="primary",
        key="profile.use",
        on_click=use_profile,
        args=(session, made, called or default),
        help="Joins the profiles of this session, and one model of this kind joins the scenario.",
    )
    file.download_button(
        "Catalogue (JSON)", lambda: json.dumps(_document(made, called or default), indent=1), "profiles.json",
        "application/json", key="download:profile", on_click="ignore", icon=":material/download:",
        help="In the form that a scenario's key `profiles` reads.",
    )  # fmt: skip
    if AREA in session.complaints:
        st.error(plain_text(session.complaints[AREA]))


def _document(made: Made, name: str) -> dict:
    return catalogue_document({name: replace(made.modelled.profile, name=name)})


def join_own(
    session: Session, profiles: Mapping[str, Profile], generating: Sequence[GenerationProfile] = ()
) -> None:  # fmt: skip
    """Add profiles to this session's own ones, in the file OWN_FILE; a new one takes the place of its namesake."""
    before = session.uploads.profiles.get(session.scenario.profiles or "")
    fixed = {**(before.profiles if before else {}), **profiles}
    tokens = {(p.name, p.device, p.tp): p for p in (*(before.generating if before else ()), *generating)}
    document = catalogue_document(fixed) | generation_document(tokens.values())
    session.uploads.add_profiles(OWN_FILE, json.dumps(document).encode())


def use_profile(session: Session, made: Made, name: str) -> None:
    """Add the profile to this session's own ones and a model of this kind to the scenario."""
    join_own(session, {name: replace(made.modelled.profile, name=name)})

    def change(scenario: Scenario) -> Scenario:
        models = [section.model_dump() for section in scenario.models]
        names = {n for section in scenario.models for n in section.names()}
        if name not in {section.profile for section in scenario.models}:
            free = next(n for n in (name, *(f"{name} ({i})" for i in range(2, len(names) + 3))) if n not in names)
            models.append({"name": free, "profile": name, "slo_scale": 5.0})
        return with_values(scenario, "", profiles=OWN_FILE, models=models)

    if session.edit(AREA, change):
        session.edition += 1
        used = next(section.name for section in session.scenario.models if section.profile == name)
        st.toast(plain_text(f"{used} is a model of the scenario now; set its traffic and deadline on the Plan page."))
