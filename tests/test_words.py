"""Numbers and sentences read as a person expects."""

import ast
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit import column_config

from app.look import table as tables
from app.look import words
from simulator.words import plain, typed

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


def spaced(text):
    """The text with ordinary spaces."""
    return text.replace(words.THIN, " ").replace(words.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.979, "97.9 %"), (0.0, "0 %"), (1.0, "100 %"), (0.9912, "99.12 %"), (0.99, "99.0 %"), (0.999999, ">99.99 %"),
     (0.0001, "<0.1 %"), (math.nan, "–"), (0.6494, "64.9 %")],
)  # fmt: skip
def test_shares_have_one_digit_and_two_above_99(value, text):
    assert spaced(words.share(value)) == text


@given(st.floats(0, 1))
def test_only_an_exact_share_reads_as_all_or_nothing(value):
    assert (spaced(words.share(value)) == "100 %") == (value == 1)
    assert (spaced(words.share(value)) == "0 %") == (value == 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "840 ms"), (1.19, "1.19 s"), (0.0042, "4.20 ms"), (0.9996, "1.00 s"), (0.9994, "999 ms"), (12.34, "12.3 s"),
     (1234.5, "1 234 s"), (0.0, "0 ms"), (-0.31, "−310 ms"), (math.nan, "–")],
)  # fmt: skip
def test_latencies_are_milliseconds_below_a_second_and_have_three_digits(seconds, text):
    assert spaced(words.duration(seconds)) == text


@given(st.floats(1e-4, 1e5))
def test_a_latency_read_back_is_right_to_half_a_per_cent(seconds):
    amount, unit = words.duration(seconds).replace(words.THIN, "").split(words.SPACE)
    assert float(amount) * {"ms": 1e-3, "s": 1.0}[unit] == pytest.approx(seconds, rel=5.1e-3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45.0 s"), (750, "12.5 min"), (11520, "3.20 h"), (1209600, "14.0 days"), (7199, "120 min")],
)
def test_spans_take_the_unit_that_fits(seconds, text):
    assert spaced(words.span(seconds)) == text


def test_counts_have_thin_spaces_between_thousands():
    assert words.count(7961) == f"7{words.THIN}961"
    assert words.count(1_000_000) == f"1{words.THIN}000{words.THIN}000"


@given(st.integers(-(10**15), 10**15))
def test_a_count_read_back_is_the_count(value):
    assert int(words.count(value).replace(words.THIN, "").replace(words.MINUS, "-")) == value


@pytest.mark.parametrize(
    ("value", "text"), [(40.0, "40"), (0.25, "0.25"), (1240, "1 240"), (3.14159, "3.14"), (0, "0"), (-2.5, "−2.5")]
)
def test_quantities_have_three_digits_at_most(value, text):
    assert spaced(words.number(value)) == text


@given(finite)
def test_no_number_is_written_with_an_exponent_or_a_hyphen(value):
    for text in (words.number(value), words.duration(value), words.count(value)):
        assert "e" not in text.replace("m", "") and "-" not in text and text


@pytest.mark.parametrize(
    ("value", "other", "text"),
    [(0.979, 0.651, "+32.8 points"), (0.5, 0.75, "−25.0 points"), (0.9, 0.9, "same"), (0.9912, 0.99, "+0.12 points"),
     (0.99001, 0.99, "same"), (math.nan, 0.5, "–")],
)  # fmt: skip
def test_a_difference_of_shares_says_direction_and_size(value, other, text):
    assert words.points_difference(value, other) == text


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_difference_turned_round_turns_its_sign_only(value, other):
    swap = {"+": words.MINUS, words.MINUS: "+"}
    there, back = words.points_difference(value, other), words.points_difference(other, value)
    assert there == back == "same" or there == swap[back[0]] + back[1:]


def test_differences_of_latencies_and_counts_say_their_direction():
    assert spaced(words.duration_difference(0.5, 0.81)) == "−310 ms"
    assert words.duration_difference(0.5, 0.50001) == "same"
    assert spaced(words.count_difference(3000, 373)) == "+2 627"
    assert words.count_difference(4, 4) == "same"


def test_a_peak_names_the_bins_it_was_counted_in():
    assert spaced(words.peak(2.345, 60.0)) == "2.35 (bins of 60 s)"
    assert words.peak(3.0, None) == "3 (its windows)"


def read_points(text):
    """Every number of an interval in words, in per cent."""
    return [float(x) for x in re.findall(r"\d+(?:\.\d+)?", text)]


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_an_interval_in_words_stays_within_all_and_nothing(value, half):
    text = words.uncertainty(value, half)
    points = read_points(text)
    assert all(0 <= point <= 100 for point in points)
    if text.startswith("±"):
        assert value - half >= 0 and value + half <= 1
    else:
        assert text.startswith(("at least", "at most")) == (value in (0.0, 1.0))


def test_intervals_near_all_and_nothing_are_said_by_their_ends():
    assert words.uncertainty(0.5, 0.013) == "±1.3"
    assert words.uncertainty(1.0, 0.003) == "at least 99.70\u00a0%, taking requests as independent"
    assert words.uncertainty(1.0, 1e-6) == "at least 99.99\u00a0%, taking requests as independent"
    assert words.uncertainty(0.0, 1e-6) == "at most 0.1\u00a0%, taking requests as independent"
    assert words.uncertainty(0.0, 0.003) == "at most 0.3\u00a0%, taking requests as independent"
    assert words.uncertainty(0.999, 0.002).endswith("to 99.99\u00a0%")
    assert words.uncertainty(0.999, math.nan) == words.uncertainty(math.nan, 0.1) == ""
    assert words.interval(math.nan, math.nan) == words.NOTHING


def test_half_widths_are_points_with_a_sign():
    assert words.half_width(0.003) == "±0.3"
    assert words.half_width(0.0004) == "±0.04"
    assert words.half_width(math.nan) == ""


def test_prices_have_cents_only_where_they_matter():
    assert spaced(words.usd_per_hour(48.96)) == "$ 49 / h"
    assert spaced(words.usd_per_hour(3.06)) == "$ 3.06 / h"
    assert spaced(words.usd_per_hour(4.0)) == "$ 4 / h"


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1 device"), (0, "0 devices"), (2, "2 devices"), (1500, "1 500 devices")]
)
def test_a_noun_follows_its_count(value, text):
    assert spaced(words.plural(value, "device")) == text


def test_a_plural_of_its_own_is_used():
    assert words.plural(2, "entry", "entries") == "2 entries"


@given(st.text(max_size=200), st.integers(3, 60))
def test_a_shortened_name_fits_and_keeps_both_ends(name, longest):
    short = words.shorten(name, longest)
    assert len(short) <= longest
    assert short == name or ("…" in short and short[0] == name[0] and short[-1] == name[-1])


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_an_enumeration_ends_with_and(parts, text):
    assert words.join(parts) == text


@pytest.mark.parametrize(
    ("pp", "tp", "text"),
    [(1, 1, "1 device"), (4, 1, "4 stages of 1 device (pp 4, tp 1)"), (2, 2, "2 stages of 2 devices (pp 2, tp 2)"),
     (1, 4, "4 devices that share every operator (tp 4)")],
)  # fmt: skip
def test_a_group_size_is_plain_words_first(pp, tp, text):
    assert words.group_size(pp, tp) == text


def test_the_verdict_says_the_answer_the_others_and_what_the_target_needs():
    text = words.verdict(["AlpaServe", "Dedicated"], [0.979, 0.649], [0.003, 0.01], [16, 16], 0.99, 20)
    assert spaced(text) == (
        "AlpaServe on 16 devices meets 97.9 % of deadlines (±0.3). Dedicated meets 64.9 %. 99 % needs 20 devices."
    )


def test_the_verdict_on_many_placements_names_two_and_the_range_of_the_others():
    none = [math.nan] * 5
    text = words.verdict(["A", "B", "C", "D", "E"], [0.9, 0.8, 0.7, 0.65, 0.6], none, [4] * 5)
    assert spaced(text) == "A on 4 devices meets 90.0 % of deadlines. B meets 80.0 %, the 3 others 60.0 % to 70.0 %."
    text = words.verdict(["A", "B", "C", "D"], [0.9, 0.8, 0.7, 0.7], none[:4], [4] * 4)
    assert spaced(text).endswith("B meets 80.0 %, the 2 others 70.0 %.")
    assert "D on 8 devices meets" in words.verdict(["A", "B", "C", "D"], [0.9, 0.8, 0.7, 0.7], none[:4], [4, 4, 4, 8])


def test_the_verdict_names_devices_where_they_differ():
    text = words.verdict(["A", "B"], [0.5, 0.4], [math.nan, math.nan], [16, 8])
    assert spaced(text) == "A on 16 devices meets 50.0 % of deadlines. B on 8 devices meets 40.0 %."


def test_the_verdict_without_requests_says_so():
    assert words.verdict(["A"], [math.nan], [math.nan], [1]).startswith("No request arrives")


ROOT = Path(__file__).parent.parent
# Fixed digits are for machines or for the tables of the replay; with a unit behind them they are for a person.
UNIT = re.compile(r"[ \u00a0]?(%|ms\b|s\b|GiB|points?\b|req)")


def own_formats(path):
    """Lines of f-strings that format a number for a person by themselves: thousands, per cent, digits and a unit."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for part, after in zip(node.values, [*node.values[1:], None], strict=True):
            if not isinstance(part, ast.FormattedValue) or part.format_spec is None:
                continue
            spec = "".join(p.value for p in part.format_spec.values if isinstance(p, ast.Constant))
            has_unit = isinstance(after, ast.Constant) and UNIT.match(str(after.value))
            if "," in spec or spec.endswith("%") or (has_unit and re.search(r"\.\d*[fg]$", spec)):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def test_quantities_are_formatted_in_one_module():
    ours = ROOT / "simulator" / "words.py"
    paths = [p for room in ("app", "planner", "simulator") for p in (ROOT / room).rglob("*.py") if p != ours]
    assert own_formats(ours)
    # The generated document of the cost model's errors is a table of its own.
    strays = [line for p in paths if p != ROOT / "planner" / "parallelise" / "evidence.py" for line in own_formats(p)]
    assert strays == []


# "stage 3" and "Groups 1 and 2" are names; "every group 97 %" is none. A heatmap's hover reads its axis.
NUMBERED = re.compile(rf"(?<!every )\b({'|'.join(words.FIRST_NUMBER)})s? $", re.IGNORECASE)
TEMPLATE = re.compile(rf"(?<!every )\b({'|'.join(words.FIRST_NUMBER)})s? (\{{|%\{{(?![xy]\}}))", re.IGNORECASE)


def own_names(path):
    """Lines of f-strings and templates that write the number of a group, node, device or stage by themselves."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        pairs = zip(parts, parts[1:], strict=False)
        by_hand = any(
            isinstance(part, ast.Constant) and NUMBERED.search(part.value) and isinstance(after, ast.FormattedValue)
            for part, after in pairs
        )
        is_template = isinstance(node, ast.Constant) and isinstance(node.value, str) and TEMPLATE.search(node.value)
        if by_hand or is_template:
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def test_groups_nodes_devices_and_stages_are_named_in_one_function(tmp_path, monkeypatch):
    paths = [p for room in ("app", "planner", "simulator") for p in (ROOT / room).rglob("*.py")]
    assert [line for path in paths for line in own_names(path)] == []
    monkeypatch.setattr("tests.test_words.ROOT", tmp_path)
    path = tmp_path / "by_hand.py"
    path.write_text(
        "a = f'at group {g}'\nb = 'stage %{customdata[0]}'\nc = 'Group {} is full'\nd = f'on every group {n}'\n"
    )
    assert own_names(path) == ["by_hand.py:1", "by_hand.py:2", "by_hand.py:3"]


@pytest.mark.parametrize(
    ("what", "indices", "text"),
    [("group", (0,), "group 0"), ("stage", (0,), "stage 1"), ("node", (0, 1), "nodes 0 and 1"),
     ("device", (4, 5, 6), "devices 4, 5 and 6"), ("stage", (1, 2), "stages 2 and 3")],
)  # fmt: skip
def test_names_count_from_where_the_document_says(what, indices, text):
    assert words.numbered(what, *indices) == text
    rule = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    assert "Groups, nodes and devices count from 0" in rule and "Stages count from 1" in rule


def test_the_command_line_prints_through_one_function():
    commands = [p for p in (ROOT / "planner" / "commands").glob("*.py") if p.name != "report.py"]
    calls = [n for p in commands for n in ast.walk(ast.parse(p.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


@given(finite)
def test_what_a_terminal_gets_is_in_every_encoding(value):
    texts = (words.count(value), words.number(value), words.duration(value), words.signed(value, 2), words.share(0.5))
    assert all(typed(text).isascii() for text in texts)


@pytest.mark.parametrize(("value", "text"), [(1234.5, "+1 234.50"), (-0.31, "−0.31"), (math.nan, "–")])
def test_signed_numbers_have_their_sign(value, text):
    assert spaced(words.signed(value, 2)) == text


@pytest.mark.parametrize(("value", "text"), [(1e6, "1 000 000"), (0.25, "0.25"), (1e12, "1e+12"), (math.inf, "inf")])
def test_limits_read_as_they_were_set(value, text):
    assert spaced(plain(value)) == text


def test_tables_write_numbers_from_a_thousand_on_as_sentences_do():
    table = pd.DataFrame({
        "name": ["a", "b"], "requests": [14777, 12], "share": [12.345, 99.0], "price": [1234.5, math.nan],
        "gain": [1700.0, -2.0], "free": [2000.25, 0.5],
    })  # fmt: skip
    number = column_config.NumberColumn
    columns = {
        "share": number(format="%.1f %%"),
        "price": number("Cost", format="%.2f $"),
        "gain": number(format="%+.2f"),
    }
    written, left = tables.spaced(table, columns)
    body = written._translate(False, False)["body"]
    rows = [[spaced(str(cell["display_value"])) for cell in row if cell["type"] == "td"] for row in body]
    assert rows[0][1:] == ["14 777", "12.345", "1 234.50 $", "+1 700.00", "2 000.25"]
    assert rows[1][3:] == [words.NOTHING, "−2.00", "0.5"]
    assert left["price"]["type_config"]["format"] is None and left["price"]["label"] == "Cost"
    assert left["share"] == columns["share"]
    assert tables.spaced(table[["name", "share"]], columns)[0].equals(table[["name", "share"]])


def test_columns_of_tables_have_no_format_of_their_own_for_thousands():
    for path in (ROOT / "app").rglob("*.py"):
        assert not re.search(r'Column\([^()]*format="(localized|%,?d|%,.*)"', path.read_text(encoding="utf-8")), path
