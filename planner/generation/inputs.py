"""From a scenario with generating models to what is simulated and searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner.executors.shared import Lent
from planner.generation.problem import GeneratingModel, TokenProblem
from planner.generation.profiles import shipped_profiles
from planner.problem import Problem
from planner.scenario.inputs import (
    RequestMaker,
    TraceReader,
    build_cluster,
    build_models,
    build_serving,
    make_workload,
    read_scenario_trace,
)
from planner.scenario.schema import (
    LengthSection,
    ModelSection,
    PlacementSection,
    Scenario,
    TokensSection,
    TraceSection,
)
from simulator import Cluster, InputError, Profile, Workload, words
from simulator.catalogue import builtin_catalogue, load_catalogue
from simulator.generation import GenerationProfile, TokenSlo, TokenWorkload
from simulator.generation.catalogue import load_generation_profiles
from simulator.traces import Trace
from simulator.traces.trace import MAX_TOKENS
from simulator.workload import lacks_lengths

_TOKEN_STREAM = 3


@dataclass(frozen=True, eq=False)
class TokenInputs(Lent):
    """A scenario with generating models, built.

    Attributes:
        problem: the generating models and their requests.
        fixed: the other models and their requests; None without any.
        warmup_s: left out of the figures at both ends.
        trace: what was read, None where arrivals were made here.
        notices: sentences about what was left out or looks odd.
    """

    problem: TokenProblem
    fixed: Problem | None
    warmup_s: float
    trace: Trace | None
    notices: tuple[str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """Goes to other machines without the trace, which nothing there reads."""
        return TokenInputs, (self.problem, self.fixed, self.warmup_s, None, self.notices)

    def under(self, section: PlacementSection) -> TokenInputs:
        """The same under the serving rules of a placement, which are of the models with fixed latencies."""
        return replace(self, fixed=None if self.fixed is None else self.fixed.under(section.serving_rules))


def build_token_inputs(
    scenario: Scenario,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
    requests: RequestMaker | None = None,
    own_profiles: Sequence[GenerationProfile] | None = None,
) -> TokenInputs:
    """Everything that a scenario names, read and checked.

    Args:
        read, profiles, requests: as of planner.scenario.inputs.build_inputs; `profiles` are of fixed latencies.
        own_profiles: of generating models beside those that ship, in place of those of the scenario's file.

    Raises InputError: a file, profile, window, length or rate that cannot be.
    """
    cluster = build_cluster(scenario)
    if own_profiles is None:
        own_profiles = load_generation_profiles(scenario.folder / scenario.profiles) if scenario.profiles else ()
    models, device_notices = generating_models(scenario.models, cluster, own_profiles)
    notices = list(device_notices)
    fixed_sections = [section for section in scenario.models if section.profile is not None]
    names = [name for section in scenario.models for name in section.names()]
    read = read or read_scenario_trace
    trace = read(scenario) if scenario.workload.trace is not None else None
    workload, made = (requests or make_workload)(scenario.workload, names, trace)
    notices += [*(trace.notices if trace else ()), *made]
    own = {model.name for model in models}
    generating = np.array([name in own for name in names])
    if scenario.workload.tokens is not None:
        brought = trace is not None and getattr(trace.content, "has_tokens", False)
        workload, drawn = _with_tokens(workload, scenario.workload.tokens, scenario, read, brought, generating)
        notices += drawn
    unread = [notice for notice in (trace.notices if trace else ()) if "tokens" in notice and "not used" in notice]
    tokens, left_out = _token_workload(_only(workload, generating), [model.name for model in models], unread)
    fixed = None
    if fixed_sections:
        if profiles is None and scenario.profiles is not None:
            profiles = load_catalogue(scenario.folder / scenario.profiles)
        served = build_models(fixed_sections, dict(builtin_catalogue()) | dict(profiles or {}))
        fixed = Problem(served, cluster, _only(workload, ~generating), build_serving(scenario))
    problem = TokenProblem(models, cluster, tokens, scenario.generation)
    return TokenInputs(problem, fixed, scenario.workload.warmup_s, trace, tuple(notices + left_out))


def generating_models(
    sections: Sequence[ModelSection], cluster: Cluster, own: Sequence[GenerationProfile] = ()
) -> tuple[tuple[GeneratingModel, ...], tuple[str, ...]]:
    """The models that generate, and sentences about devices; raises InputError for a profile that is not known.

    own: profiles beside those that ship; of the same model, device and tp they count.
    """
    every = [*shipped_profiles(), *own]
    models, notices = [], []
    for index, section in enumerate(sections):
        if section.generation is None:
            continue
        known = [p for p in every if _key(p.name) == _key(section.generation)]
        if not known:
            names = ", ".join(dict.fromkeys(profile.name for profile in every))
            raise InputError(f"models.{index}.generation is '{section.generation}'; {names} are allowed.")
        here = [profile for profile in known if _key(profile.device) == _key(cluster.device)]
        if not here:
            here = [profile for profile in known if profile.device == known[0].device]
            devices = ", ".join(dict.fromkeys(profile.device for profile in known))
            notices.append(
                f"cluster.device is {cluster.device}, but the iterations of {known[0].name} are those of "
                f"{known[0].device}; there are profiles for {devices}."
            )
        slo = TokenSlo(section.slo_ttft_s, section.slo_tpot_s, section.slo_e2e_s)
        profiles = {profile.tp: profile for profile in here}
        models += [GeneratingModel(name, profiles, slo) for name in section.names()]
    return tuple(models), tuple(dict.fromkeys(notices))


def _key(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _only(workload: Workload, wanted: np.ndarray) -> Workload:
    """The requests of some models, which are counted anew."""
    number = np.cumsum(wanted) - 1
    part = workload.rows(np.flatnonzero(wanted[workload.model]))
    return replace(part, model=number[part.model], num_models=int(wanted.sum()))


def _token_workload(
    workload: Workload, names: list[str], unread: Sequence[str]
) -> tuple[TokenWorkload, list[str]]:  # fmt: skip
    """The requests with their lengths, and sentences; unread: why a trace's tokens were not taken, as far as known."""
    if workload.tokens is None:
        without = int(workload.without_tokens.sum())
        some = f"{words.count(without)} of the {words.count(len(workload))} requests" if without < len(workload) else (
            "The requests")  # fmt: skip
        sentence = (
            f"{some} of {', '.join(names[:5])} have no lengths; models that generate need input_tokens and "
            "output_tokens, from the trace or from the key workload.tokens."
        )
        raise InputError(" ".join([sentence, *unread]))
    inputs, outputs = workload.tokens
    none = (inputs == 0) | (outputs == 0)
    notices = []
    if none.any():
        notices.append(
            f"{words.plural(int(none.sum()), 'request')} of {words.count(len(workload))} without input or output "
            "tokens left out: nothing is generated for them."
        )
    some = np.flatnonzero(~none)
    if not some.size:
        raise InputError("No request has input and output tokens; at least one is needed.")
    arrays = (workload.arrival_s[some], workload.model[some], inputs[some], outputs[some])
    return TokenWorkload(*arrays, tuple(names)), notices


def _with_tokens(
    workload: Workload,
    section: TokensSection,
    scenario: Scenario,
    read: TraceReader,
    is_brought: bool,
    generating: np.ndarray,
) -> tuple[Workload, list[str]]:
    """The same requests with the lengths of `workload.tokens` where they bring none, and sentences about that.

    is_brought: whether all requests of the trace bring theirs. generating: bool, whether each model generates.
    """
    if is_brought:
        raise InputError("workload.tokens is given, but the trace has lengths of its own; leave the key out.")
    random, given, n = np.random.default_rng((section.seed, _TOKEN_STREAM)), section.given, len(workload)
    if isinstance(given, str):
        lengths = _trace_lengths(given, scenario, read)
        rows = random.integers(lengths[0].size, size=n)
        drawn = [side[rows] for side in lengths]
    else:
        drawn = [_drawn(length, n, random) for length in given]
    without, notices = workload.without_tokens, []
    if workload.input_tokens is not None and workload.output_tokens is not None:
        drawn = [
            np.where(without, new, old)
            for new, old in zip(drawn, (workload.input_tokens, workload.output_tokens), strict=True)
        ]
        own = generating[workload.model]
        if 0 < (few := int(without[own].sum())) < (every := int(own.sum())):
            notices.append(
                f"{words.count(few)} of {words.plural(every, 'request')} bring no prompt and output lengths "
                "and get drawn ones; the others keep their own."
            )
    return replace(workload, input_tokens=drawn[0], output_tokens=drawn[1]), notices


def _drawn(section: LengthSection, n: int, random: np.random.Generator) -> np.ndarray:
    given = section.given
    if isinstance(given, int):
        return np.full(n, given)
    if isinstance(given, list):
        return np.array(given)[random.integers(len(given), size=n)]
    drawn = random.lognormal(np.log(given.median), given.sigma, n)
    return np.clip(np.rint(drawn), 1, MAX_TOKENS).astype(np.int64)


def _trace_lengths(path: str, scenario: Scenario, read: TraceReader) -> tuple[np.ndarray, np.ndarray]:
    """Both lengths of every request of a trace that has them."""
    lengths = scenario.workload.model_copy(update={"trace": TraceSection(path=path)})
    content = read(scenario.model_copy(update={"workload": lengths}).in_folder(scenario.folder)).content
    inputs, outputs = getattr(content, "input_tokens", None), getattr(content, "output_tokens", None)
    if inputs is None or outputs is None or (without := lacks_lengths(inputs, outputs)).all():
        raise InputError(f"workload.tokens.trace: '{path}' has no input and output tokens to draw from.")
    return inputs[~without], outputs[~without]
