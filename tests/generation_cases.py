"""Cases for the tests of token-by-token serving."""

import numpy as np

from simulator.generation import Engine, EngineGroup, EngineLimits, GenerationProfile, TokenWorkload


def profile(scale=1.0, name="m", kv_bytes=1000.0, sharpness=1.5):
    return GenerationProfile(
        name, "gpu", 1, 10e-3 * scale, 40e-6 * scale, sharpness, 2e-6, 1e-7, 3e-9, kv_bytes,
        link_s=1e-4, link_token_s=1e-7,
    )  # fmt: skip


def one_engine(kv_blocks=100_000, **limits):
    return EngineGroup((Engine("a", profile(), EngineLimits(kv_blocks=kv_blocks, **limits)),))


def tokens(arrival_s, inputs, outputs, model=None, models=("a",)):
    arrival_s = np.asarray(arrival_s, dtype=float)
    model = np.zeros(arrival_s.size, int) if model is None else model
    return TokenWorkload(arrival_s, model, np.asarray(inputs), np.asarray(outputs), tuple(models))


def random_workload(random, n, rate_per_s, mean_input=200, mean_output=60, models=("a",)):
    gaps = random.exponential(1 / rate_per_s, n)
    gaps[random.random(n) < 0.1] = 0.0
    lengths = [1 + np.minimum(random.exponential(mean, n).astype(int), 4 * mean) for mean in (mean_input, mean_output)]
    return tokens(np.cumsum(gaps), *lengths, random.integers(0, len(models), n), models)


def random_case(seed, n=300):
    """Groups, workload, dispatch: small pools, so that most cases preempt."""
    random = np.random.default_rng(seed)
    models = ("a", "b", "c")[: random.integers(1, 4)]
    groups = []
    for _ in range(random.integers(1, 4)):
        held = random.permutation(len(models))[: random.integers(1, len(models) + 1)]
        block = int(random.choice([1, 5, 16]))
        engines = []
        for m in held:
            sequences = int(random.choice([2, 8, 64]))
            limits = EngineLimits(
                int(random.choice([max(sequences, 32), 300, 2048])), sequences,
                kv_blocks=int(random.integers(1300, 4000) / block), block_size=block,
                chunked_prefill=bool(random.random() < 0.7),
            )  # fmt: skip
            kv_bytes = float(random.choice([400, 1000, 1700]))
            engines.append(Engine(models[m], profile(random.uniform(0.5, 2), models[m], kv_bytes), limits))
        pool = None if len(engines) == 1 else float(random.integers(1_500_000, 4_000_000))
        groups.append(EngineGroup(tuple(engines), pool, switch_s=float(random.choice([0, 2e-3]))))
    workload = random_workload(random, n, float(random.choice([2, 10, 40, 200])), models=models)
    return groups, workload, str(random.choice(["round_robin", "fewest_requests", "fewest_tokens", "least_kv"]))
