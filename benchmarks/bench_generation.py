"""How many requests a second the token kernel handles, beside a loop that touches every request in every iteration;
and how long the page's answer for a placement takes. Seconds are those of the processor.

python -m benchmarks.bench_generation
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit

from planner.generation.compare import evaluate, place
from planner.generation.inputs import build_token_inputs
from planner.scenario.file import parse_scenario
from simulator.generation import Engine, EngineGroup, EngineLimits, GenerationProfile, TokenWorkload
from simulator.generation.run import DISPATCH_RULES, build_tables
from simulator.generation.serve_kernels import drain, serve

REQUESTS = 100_000
INPUT_TOKENS = OUTPUT_TOKENS = 300
REPEATS = 3
MEAN_BATCHES = (5, 20, 60, 110)
REPLICAS = 16
# RTX PRO 6000 with Llama-3.1-8B, seconds.
PROFILE = GenerationProfile(
    "Llama-3.1-8B", "RTX PRO 6000", 1, 11.336e-3, 36.78e-6, 1.43, 1.95e-6, 0.0904e-6, 0.00273e-6, 131_072
)
LIMITS = EngineLimits(2048, 128, kv_blocks=7_000)
OWN, SHARED = ("{models: [chat]}, " * 4 + "{models: [code]}, " * 4)[:-2], ("{models: [chat, code]}, " * 8)[:-2]
SCENARIO = f"""
version: 1
cluster: {{devices: 8, memory_gib: 80, device: RTX PRO 6000}}
models:
  - {{name: chat, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}}
  - {{name: code, generation: llama-3.1-8b, slo_ttft_s: 1, slo_tpot_s: 0.05}}
workload:
  poisson: {{total_rate_per_s: 20, duration_s: 5000, seed: 9}}
  tokens: {{input: {{lognormal: {{median: 500, sigma: 0.7}}}}, output: {{lognormal: {{median: 200, sigma: 0.6}}}}}}
placements:
  - {{name: own engines, groups: [{OWN}]}}
  - {{name: shared engines, groups: [{SHARED}]}}
"""


@njit(cache=True, nogil=True)
def plain(arrival_s, input_tokens, output_tokens, coefficients, max_tokens, max_sequences, blocks, block, last_s):
    """One engine, every running request touched in every iteration. Returns the sum of batch sizes, iterations."""
    weight_s, token_s, p, sequence_s, context_s, pair_s = coefficients
    n = arrival_s.size
    running = np.empty(max_sequences, np.int64)
    computed, generated, held = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    waiting = np.empty(n + max_sequences, np.int64)
    new = np.zeros(max_sequences, np.int64)
    head, tail, arrived, count, free = max_sequences, max_sequences, 0, 0, blocks
    clock_s, done, total, iterations = 0.0, 0, 0, 0
    while done < n:
        if count == 0 and head == tail and arrival_s[arrived] > clock_s:
            clock_s = arrival_s[arrived]
        while arrived < n and arrival_s[arrived] <= clock_s:
            waiting[tail] = arrived
            tail += 1
            arrived += 1
        budget, i, preempted, kv, pairs = max_tokens, 0, False, 0, 0.0
        while i < count:
            r = running[i]
            chunk = min(input_tokens[r] + generated[r] - computed[r], budget)
            want = (computed[r] + chunk + block - 1) // block - held[r]
            while want > free and count > i:
                count -= 1
                victim = running[count]
                free += held[victim]
                held[victim], computed[victim], preempted = 0, 0, True
                head -= 1
                waiting[head] = victim
            if count <= i:
                break
            free -= want
            held[r] += want
            new[i] = chunk
            budget -= chunk
            if chunk == 1 and generated[r] > 0:
                kv += computed[r]
            else:
                pairs += chunk * (computed[r] + 0.5 * chunk)
            i += 1
        while not preempted and head < tail and budget > 0 and count < max_sequences:
            r = waiting[head]
            chunk = min(input_tokens[r] + generated[r], budget)
            want = (chunk + block - 1) // block
            if want > free:
                break
            head += 1
            free -= want
            held[r] = want
            running[count], new[count] = r, chunk
            budget -= chunk
            pairs += 0.5 * chunk * chunk
            count += 1
        tokens = max_tokens - budget
        clock_s += (
            (weight_s**p + (token_s * tokens) ** p) ** (1 / p) + sequence_s * count + context_s * kv + pair_s * pairs
        )
        total += count
        iterations += 1
        kept = 0
        for i in range(count):
            r = running[i]
            computed[r] += new[i]
            if computed[r] == input_tokens[r] + generated[r]:
                generated[r] += 1
            if generated[r] == output_tokens[r]:
                last_s[r] = clock_s
                free += held[r]
                done += 1
            else:
                running[kept] = r
                kept += 1
        count = kept
    return total, iterations


def run_plain(workload: TokenWorkload) -> tuple[np.ndarray, float]:
    """(time of each last token, mean batch) of the plain loop on one engine."""
    last_s = np.empty(len(workload))
    total, iterations = plain(
        workload.arrival_s, workload.input_tokens, workload.output_tokens, PROFILE.coefficients[:6],
        LIMITS.max_num_batched_tokens, LIMITS.max_num_seqs, LIMITS.kv_blocks, LIMITS.block_size, last_s,
    )  # fmt: skip
    return last_s, total / iterations


def run_kernel(workload: TokenWorkload, replicas: int, rule: int) -> np.ndarray:
    """Time of each last token, by the kernel alone with its state made anew."""
    tables, dispatch = build_tables([EngineGroup((Engine("m", PROFILE, LIMITS),))] * replicas, workload)
    serve(tables, dispatch, rule, 0, len(workload))
    drain(tables, 2**62)
    return tables.requests["last_token_s"]


def make_workload(mean_batch: float, replicas: int) -> TokenWorkload:
    """Poisson arrivals at the rate that keeps `mean_batch` requests in each of the engines, lengths exponential."""
    random = np.random.default_rng(0)
    prefill_share = INPUT_TOKENS * PROFILE.token_s
    step_s = PROFILE.iteration_s(int(mean_batch), int(mean_batch * (INPUT_TOKENS + OUTPUT_TOKENS)))
    rate = replicas * mean_batch / (OUTPUT_TOKENS * (step_s + prefill_share * mean_batch / OUTPUT_TOKENS * 0.6))
    inputs, outputs = [1 + random.exponential(mean, REQUESTS).astype(np.int64).clip(0, 8 * mean)
               for mean in (INPUT_TOKENS, OUTPUT_TOKENS)]  # fmt: skip
    arrival_s = np.cumsum(random.exponential(1 / rate, REQUESTS))
    return TokenWorkload(arrival_s, np.zeros(REQUESTS, int), inputs, outputs, ("m",))


def best_of(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds of the processor, of the run that took fewest."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times)


def answer_as_the_page() -> None:
    """Simulate and measure placements by the function that the page's jobs call."""
    scenario = parse_scenario(SCENARIO)
    inputs = build_token_inputs(scenario)
    requests = len(inputs.problem.workload)
    print(f"\n{requests:,} requests of two models on eight engines, simulated and measured as on the page")
    print(f"the requests are made in {best_of(lambda: build_token_inputs(scenario)):.3f} s")
    for section in scenario.placements:
        placement, _ = place(section, inputs)
        answer_s = best_of(lambda p=placement: evaluate(p, None, inputs))
        print(f"{section.name:<16} {answer_s:.3f} s")


def main() -> None:
    began = time.process_time()
    run_kernel(make_workload(5, 1), 1, 0)
    print(f"first call, compiled or from the cache: {time.process_time() - began:.1f} s")
    print(f"{REQUESTS:,} requests of about {INPUT_TOKENS} + {OUTPUT_TOKENS} tokens, one thread, best of {REPEATS}\n")
    print("one engine                  plain loop            kernel   kernel / plain   largest difference")
    for mean_batch in MEAN_BATCHES:
        workload = make_workload(mean_batch, 1)
        expected_s, batch = run_plain(workload)
        plain_s = best_of(lambda w=workload: run_plain(w), 1)
        kernel_s = best_of(lambda w=workload: run_kernel(w, 1, 0), REPEATS)
        off_s = np.abs(run_kernel(workload, 1, 0) - expected_s).max()
        print(
            f"mean batch {batch:5.1f} {REQUESTS / plain_s / 1e6:12.2f} M/s {REQUESTS / kernel_s / 1e6:13.2f} M/s "
            f"{plain_s / kernel_s:16.0f} {off_s:18.1e} s"
        )
    print(f"\n{REPLICAS} engines, million requests a second" + "".join(f"{rule:>17}" for rule in DISPATCH_RULES))
    for mean_batch in MEAN_BATCHES:
        workload = make_workload(mean_batch, REPLICAS)
        rates = [REQUESTS / best_of(lambda w=workload, k=k: run_kernel(w, REPLICAS, k), REPEATS) / 1e6
                 for k in range(len(DISPATCH_RULES))]  # fmt: skip
        print(f"mean batch about {mean_batch:<19}" + "".join(f"{rate:17.2f}" for rate in rates))
    answer_as_the_page()


if __name__ == "__main__":
    main()
