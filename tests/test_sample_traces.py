"""The sample traces can be made again to the byte, are read as what they are, and make a sensible load."""

from __future__ import annotations

import pytest

from sample_traces import FOLDER, SAMPLES, sample_paths
from sample_traces.generate import generate
from simulator.errors import InputError
from simulator.traces import build_workload, read_trace, summarise

FORMATS = {
    "two-models": "native",
    "steady": "azure_functions_2019",
    "bursty": "azure_functions_2021",
    "chat-and-code": "azure_llm_2023",
    "language-models": "native",
}
NOTICES = {"steady": ("The first column is minute 480; times are counted from its start.",)}


def sample(key):
    return next(s for s in SAMPLES if s.key == key)


def test_the_generator_makes_the_committed_files_to_the_byte(tmp_path):
    made = generate(tmp_path)
    assert {path.name for path in made} == {name for s in SAMPLES for name in s.files}
    for path in made:
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name


def test_all_samples_together_stay_below_two_megabytes():
    assert sum((FOLDER / name).stat().st_size for s in SAMPLES for name in s.files) < 2_000_000


@pytest.mark.parametrize(("key", "format_name"), FORMATS.items())
def test_a_sample_is_read_with_no_other_notice_and_replays_at_the_promised_rate(key, format_name):
    trace = read_trace(sample_paths(key))
    assert (trace.format, trace.notices) == (format_name, NOTICES.get(key, ()))
    workload, _ = build_workload(trace, ["a", "b", "c", "d"], sample(key).options)
    low, high = (2.5, 3.5) if key == "two-models" else (20, 60)
    assert low < len(workload) / workload.span_s < high


def test_every_sample_has_a_line_in_the_readme():
    readme = (FOLDER / "README.md").read_text()
    for s in SAMPLES:
        for name in s.files:
            assert f"`{name}`" in readme


def test_the_samples_are_as_steady_bursty_and_skewed_as_they_say():
    steady, bursty = (summarise(read_trace(sample_paths(key))) for key in ("steady", "bursty"))
    assert steady.peak_to_mean < 1.2
    assert bursty.cv > 3
    assert sum(requests for _, requests in bursty.sources[:5]) > 0.45 * bursty.requests
    two = summarise(read_trace(sample_paths("two-models")))
    assert {name for name, _ in two.sources} == {"model-1", "model-2"}
    assert two.cv > 2
    pair = read_trace(sample_paths("chat-and-code"))
    assert pair.sources == ("chat", "code")


def test_an_unknown_sample_is_refused_with_the_known_ones():
    with pytest.raises(
        InputError, match="no sample trace 'x'; two-models, steady, bursty, chat-and-code, language-models are allowed"
    ):
        sample_paths("x")
