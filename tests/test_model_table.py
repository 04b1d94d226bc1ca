"""The table of models: written and read back the same, read as people write it, refused with line and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.scenario.model_sections import ModelSection
from planner.scenario.model_table import deadline_text, read_model_table, write_model_table
from simulator import InputError

sections = st.builds(
    lambda name, count, deadline, target, weight, replicas: ModelSection(
        name=f"{name}-{{i}}" if count > 1 else name, profile="bert-1.3b", count=count, target=target, weight=weight,
        min_replicas=replicas, **deadline,
    ),
    st.text("abc,;\"' xyz", min_size=1, max_size=8).filter(lambda text: text.strip() == text), st.integers(1, 40),
    st.one_of(st.floats(1e-6, 1e6).map(lambda x: {"slo_scale": x}), st.floats(1e-6, 1e6).map(lambda x: {"slo_s": x})),
    st.none() | st.floats(1e-6, 1), st.none() | st.integers(1, 1000), st.none() | st.integers(1, 9),
)  # fmt: skip


@given(st.lists(sections, min_size=1, max_size=5))
def test_a_table_is_read_back_as_it_was_written(found):
    assert read_model_table(write_model_table(found), "table") == found


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_is_read_as_people_write_it(sign):
    text = (
        "Name,Kind,Count,Deadline,Target,Minimum replicas\nsearch,bert-1.3b,,5,99 %,2\nads,bert-2.6b,4,800 ms,0.9,\n\n"
    )
    first, second = read_model_table(text.replace(",", sign), "table")
    assert first == ModelSection(name="search", profile="bert-1.3b", slo_scale=5, target=0.99, min_replicas=2)
    assert second == ModelSection(name="ads-{i}", profile="bert-2.6b", count=4, slo_s=0.8, target=0.9)


def test_a_deadline_is_written_as_it_is_read():
    assert deadline_text(ModelSection(name="m", profile="p", slo_scale=5)) == "5 x"
    assert deadline_text(ModelSection(name="m", profile="p", slo_s=1.25)) == "1.25 s"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "table is empty; a line of column names and a line a model are needed."),
        ("name,deadline\n", "table, line 1: the columns are name, deadline; name, profile and deadline are needed"),
        ("name,colour\n", "table, line 1: column 'colour' is not known; name, profile, count, deadline,"),
        ("name,profile,deadline\n", "table holds 0 models; from 1 to 1000 lines of models are allowed."),
        ("name,profile,deadline\nm,p,5,6", "table, line 2 has 4 cells; 3 columns are named."),
        (
            "name,profile,deadline\nm,p,soon",
            "table, line 2: the deadline is 'soon'; a number of times alone",
        ),
        ("name,profile,deadline\nm,p,", "table, line 2: the deadline is missing; a number of times alone"),
        ("name,profile,deadline,target\nm,p,5,much", "table, line 2: key 'target' is 'much'; a number above 0 and"),
        ("name,profile,deadline,target\nm,p,5,x %", "table, line 2: the target is 'x %'; a share or per cent"),
        ("name,profile,deadline,count\nm,p,5,many", "table, line 2: key 'count' is 'many'; a whole number from 1"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(text, sentence):
    with pytest.raises(InputError) as caught:
        read_model_table(text, "table")
    assert sentence in str(caught.value)
