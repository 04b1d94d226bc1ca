"""Files with every pitfall of the published traces are read as what was drawn says."""

import pytest

from simulator.errors import InputError
from simulator.traces import read_trace, summarise
from tests.lookalikes import (
    CLIENTS,
    CODE,
    CONVERSATION,
    DAY,
    DURATIONS,
    GENTD26,
    INVOCATIONS,
    MOONCAKE,
    RAGPULSE,
    VARIANT,
    WINDOW,
    client_path,
    write_lookalikes,
)

EVENTS = [CODE, CONVERSATION, MOONCAKE, GENTD26, INVOCATIONS, RAGPULSE]
COUNTS = [WINDOW, DAY, VARIANT]
RATES = [client_path(model, client) for model, clients in CLIENTS.items() for client in clients]


@pytest.mark.parametrize("path", [*EVENTS, *COUNTS, *RATES])
def test_a_lookalike_is_read_as_it_was_drawn(lookalikes, path):
    folder, facts = lookalikes
    trace, held = read_trace(folder / path), facts[path]
    summary = summarise(trace)
    assert (trace.format, summary.requests) == (held.format, held.requests)
    assert summary.rate_per_s == pytest.approx(held.rate_per_s, rel=1e-5)
    assert summary.cv == (None if held.cv is None else pytest.approx(held.cv, rel=1e-9))
    assert summary.peak_to_mean == pytest.approx(held.peak_to_mean, rel=1e-9)
    if held.span_s is not None:
        assert (summary.span_s, trace.clock_start_s) == (held.span_s, held.clock_start_s)
    if path not in RATES:
        assert sorted(n for _, n in summary.sources) == sorted(held.sources.values())
    for words in held.said:
        assert words in " ".join(trace.notices)


@pytest.mark.parametrize("model", CLIENTS)
def test_clients_of_one_model_keep_their_own_rates(lookalikes, model):
    folder, facts = lookalikes
    paths = {client: client_path(model, client) for client in CLIENTS[model]}
    trace = read_trace([folder / path for path in paths.values()])
    summary = summarise(trace)
    assert (trace.kind, summary.span_s, trace.clock_start_s) == ("rates", 172800, 86400)
    rates = {name: requests / summary.span_s for name, requests in summary.sources}
    for client, path in paths.items():
        assert rates[f"chunk-{client}-trace"] == pytest.approx(facts[path].rate_per_s, rel=1e-5)


def test_rate_profiles_with_equal_names_are_told_apart_by_their_folders(tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "chunk-1.csv")
        paths[-1].write_text("0,1,1,Gamma,1,1\r\n600,0,0,,0,0\r\n")
    assert read_trace(paths).sources == ("a/chunk-1", "b/chunk-1")


def test_two_services_keep_their_common_clock(lookalikes):
    folder, _ = lookalikes
    trace = read_trace([folder / CODE, folder / CONVERSATION])
    first = [float(trace.content.arrival_s[trace.content.source == i][0]) for i in (0, 1)]
    # 18:45:10.134219 or a little later, and 18:45:00.346317.
    assert first[0] == pytest.approx(9.787902, abs=1e-4) and first[1] == 0
    assert trace.starts_at.isoformat() == "2023-11-16T18:45:00.346317+00:00"


def test_functions_of_one_name_in_two_apps_are_two(lookalikes):
    folder, facts = lookalikes
    for path in (WINDOW, INVOCATIONS):
        names = read_trace(folder / path).sources
        assert len(names) == len(set(names)) == len(facts[path].sources)


def test_a_durations_file_is_refused_with_the_name_of_what_is_needed(lookalikes):
    with pytest.raises(InputError, match="durations_500f.csv holds durations.*invocations_per_function"):
        read_trace(lookalikes[0] / DURATIONS)


def test_the_lookalikes_hold_what_they_are_for(lookalikes, tmp_path):
    """The pitfalls are in the files, so that a change of the generator cannot lose them; a seed repeats them."""
    folder, facts = lookalikes
    code = (folder / CODE).read_bytes()
    assert b"\r\n" in code and not code.endswith(b"\n") and code.splitlines()[1].split(b",")[0][-8:-7] == b"."
    ends = [row.split(",")[2:] for row in (folder / INVOCATIONS).read_text().splitlines()[1:]]
    assert any(float(a[0]) > float(b[0]) for a, b in zip(ends, ends[1:], strict=False))
    assert sum(duration == "0" for _, duration in ends) > 20
    assert max(map(len, (folder / MOONCAKE).read_text().splitlines())) > 1000
    assert (folder / RAGPULSE).read_text().endswith("\n\n")
    largest, *_ = sorted(facts[WINDOW].sources.values(), reverse=True)
    assert largest / facts[WINDOW].requests > 0.6 and 0 in facts[WINDOW].sources.values()
    assert any(b",0,0,,0,0\r\n" in (folder / path).read_bytes() for path in RATES)
    write_lookalikes(tmp_path)
    assert (tmp_path / GENTD26).read_bytes() == (folder / GENTD26).read_bytes()
