"""Signs in names mean nothing: not to Markdown, not to Plotly, not to a spreadsheet."""

import pandas as pd
import pytest

from app.figures.drawing import escape
from app.look.style import plain_text
from app.panels.keep import table_csv
from tests.hostile.names import SAYINGS, name


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("a_b*c", r"a\_b\*c"),
        (r"\_", r"\\\_"),
        ("$x$ &lt;", r"\$x\$ \&lt;"),
        (":material/star: :streamlit:", "\\:\u2060material/star\\: \\:\u2060streamlit\\:"),
        ("http://a www.a me@a.org", "http\\:/\u2060/a www\u2060.a me@\u2060a.org"),
        ("- a\n    b\n1. c\n==", "\\- a\nb\n1\\. c\n\\=="),
        ("-5 % of 1.5 s", "-5 % of 1.5 s"),
    ],
)
def test_markdown_reads_no_sign_of_a_sentence(said, written):
    assert plain_text(said) == written


def test_plotly_reads_no_sign_of_a_name():
    for letter in SAYINGS:
        written = escape(name(letter))
        assert not any(sign in written for sign in ("<", "%{", "$", "\u202e"))


def test_a_name_in_a_table_is_no_formula_and_a_number_stays_one():
    table = pd.DataFrame(
        {"=name": ["=cmd|' /C calc'!A0", "@a", "+x", "-5 %", "-", "ok"], "change": [-1.5, 2, 3, 4, 5, 6]}
    )
    assert table_csv(table).splitlines() == [
        "'=name,change", "'=cmd|' /C calc'!A0,-1.5", "'@a,2", "'+x,3", "-5 %,4", "-,5", "ok,6",
    ]  # fmt: skip
