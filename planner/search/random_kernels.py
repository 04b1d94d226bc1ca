"""Random numbers in kernels; the state of a generator is uint64 (1,)."""

from __future__ import annotations

import numpy as np

from simulator import kernels, score_kernels
from simulator.arrays import F64, U64
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import NONE
from simulator.score_kernels import inner_kernel

follow_stamps(__file__, kernels, score_kernels)


@inner_kernel
def scramble(x: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@inner_kernel
def uniform(random: U64) -> float:
    """The next number in [0, 1)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    return (scramble(random[0]) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inner_kernel
def below(random: U64, n: int) -> int:
    return int(uniform(random) * n)


@inner_kernel
def pick(weight: F64, random: U64) -> int:
    """An index with probability in proportion to weight; NONE if all are 0."""
    total = 0.0
    for i in range(weight.size):
        total += weight[i]
    if total <= 0:
        return NONE
    at = uniform(random) * total
    for i in range(weight.size):
        at -= weight[i]
        if at < 0:
            return i
    return NONE
