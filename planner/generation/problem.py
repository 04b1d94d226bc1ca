"""What a plan for generating models is made of: models, cluster, requests with tokens, engine limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.executors.shared import Lent
from planner.scenario.schema import GenerationSection
from simulator import Cluster, Group, InputError, words
from simulator.generation import (
    DECODE,
    PREFILL,
    ROLES,
    Engine,
    EngineGroup,
    EngineLimits,
    GenerationProfile,
    TokenSlo,
    TokenWorkload,
)


@dataclass(frozen=True)
class GeneratingModel:
    """A served model that generates: its profiles by tensor degree, all of one device, and its deadlines."""

    name: str
    profiles: Mapping[int, GenerationProfile]
    slo: TokenSlo


@dataclass(frozen=True, eq=False)
class TokenProblem(Lent):
    """Find the groups of engines that meet the deadlines of most requests.

    Attributes:
        models: in the order of `workload.models`.
        cluster: `memory_gib` is what weights and the cache may take of a device.
        workload: the requests of these models.
        section: limits of every engine, the dispatch rule of replicas, the switching cost.
    """

    models: tuple[GeneratingModel, ...]
    cluster: Cluster
    workload: TokenWorkload
    section: GenerationSection

    @property
    def ttft_limits_s(self) -> list[float] | None:
        """By model, beyond which predicted time to the first token a request is turned away; None: none is."""
        if self.section.admission == "none":
            return None
        return [math.inf if model.slo.ttft_s is None else model.slo.ttft_s for model in self.models]

    @property
    def kv_bandwidth_bytes_per_s(self) -> float:
        """At which caches go from engines that compute prompts to engines that decode."""
        return self.section.kv_transfer_gb_per_s * 1e9

    def model(self, name: str) -> GeneratingModel:
        """A model by its name."""
        return next(model for model in self.models if model.name == name)

    def engine_group(self, group: Group) -> EngineGroup:
        """The engines of a group; raises InputError, as a clause without a subject, where they cannot be."""
        if group.pp != 1:
            raise InputError(f"runs pp {group.pp}; generating models run on groups of pp 1.")
        profiles = [self._profile(name, group.tp) for name in group.models]
        weights_gib = sum(map(_weight_gib, profiles))
        left_gib = self.cluster.memory_gib - weights_gib
        section = self.section
        limits = EngineLimits(
            section.max_num_batched_tokens, section.max_num_seqs, section.kv_blocks, section.block_size,
            section.chunked_prefill or group.role == DECODE,
        )  # fmt: skip
        block_bytes = max(profile.kv_bytes_per_token for profile in profiles) * section.block_size
        needed = block_bytes * (section.kv_blocks or 1)
        if left_gib * 2**30 < needed:
            what = "a block of the cache" if section.kv_blocks is None else f"{words.count(section.kv_blocks)} blocks"
            raise InputError(
                f"does not fit: weights take {words.gib(weights_gib)} of a device, {what} "
                f"{words.gib(needed / 2**30)}, and cluster.memory_gib is {self.cluster.memory_gib:g}."
            )
        if section.kv_blocks is not None and len(profiles) > 1:
            raise InputError(
                "shares one cache among several models, and generation.kv_blocks counts blocks of one; leave it out, "
                "so that the cache is what weights leave of memory_gib."
            )
        engines = tuple(Engine(n, p, limits) for n, p in zip(group.models, profiles, strict=True))
        pool = None if section.kv_blocks is not None else float(int(left_gib * 2**30))
        return EngineGroup(engines, pool, section.switch_s, group.role)

    def engine_groups(self, groups: Sequence[Group], name: str) -> list[EngineGroup]:
        """The engines of all groups of the placement `name`; raises InputError naming the group that cannot be."""
        built = []
        for index, group in enumerate(groups):
            try:
                built.append(self.engine_group(group))
            except InputError as error:
                raise InputError(
                    f"Placement '{name}', the group of {', '.join(group.models)} (number {index} of those that "
                    f"generate) {error}"
                ) from None
        return built

    def fits(self, group: Group) -> bool:
        """Whether a group can be."""
        try:
            self.engine_group(group)
        except InputError:
            return False
        return True

    def _profile(self, name: str, tp: int) -> GenerationProfile:
        profiles = self.model(name).profiles
        if tp not in profiles:
            any_profile = next(iter(profiles.values()))
            raise InputError(
                f"runs tp {tp}, for which {any_profile.name} on {any_profile.device} has no profile; tp "
                f"{', '.join(map(str, sorted(profiles)))} are allowed."
            )
        return profiles[tp]


def check_roles(groups: Sequence[Group], name: str) -> None:
    """Raise InputError where the placement `name` has groups for a part of a model's work and none for the rest."""
    for model in dict.fromkeys(model for group in groups for model in group.models):
        roles = {group.role for group in groups if model in group.models}
        if roles == {None} or roles == {PREFILL, DECODE}:
            continue
        found = words.join([role or "none" for role in (PREFILL, DECODE, None) if role in roles])
        raise InputError(
            f"Placement '{name}': the groups of '{model}' have the role {found}; every model needs groups of the role "
            f"{PREFILL} and groups of the role {DECODE}, or only groups without a role."
        )


def served_models(groups: Sequence[Group]) -> set[str]:
    """Models for whose whole work there are engines."""
    held = {role: {name for group in groups if group.role == role for name in group.models} for role in (None, *ROLES)}
    return held[None] | (held[PREFILL] & held[DECODE])


def _weight_gib(profile: GenerationProfile) -> float:
    if profile.weight_gib is None:
        raise InputError(
            f"runs {profile.name} on {profile.device} by a profile without weight_gib; it is needed, because the cache "
            "is what weights leave of a device."
        )
    return profile.weight_gib
