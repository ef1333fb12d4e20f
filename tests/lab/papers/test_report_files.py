"""Reports as files: nothing in a cell or name is read as markup, in none of the formats."""

import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest

from simcore.lab import html_document, printed_annex
from simcore.lab.papers import paper_charts, report_files
from simcore.lab.papers.comparisons import Compared, percentage
from simcore.lab.papers.paper_report import Report
from simcore.lab.papers.report_header import CITATIONS, Fact, ReportHeader
from simcore.lab.papers.sections import Chart, Section, Series
from simcore.results import Table

EVIL = "a_b|c <script>alert(1)</script> $x$ \\input{y} 50 % & #1 [z](http://w) ~^"


@pytest.fixture
def report():
    header = ReportHeader(
        "rosenfeld2018", CITATIONS["rosenfeld2018"], "simcore", "today", EVIL, (Fact(EVIL, EVIL),)
    )
    series = [Series(f"{EVIL} {n}", (1, 2), (0.5, 1.0), (0.4, 0.9), (0.6, 1.1)) for n in range(9)]
    section = Section(
        EVIL,
        EVIL,
        Table((EVIL, "n"), ((EVIL, 1234), (None, 0.5))),
        compared=(Compared(EVIL, percentage(5.8), None),),
        charts=(Chart("lines", "k", "recall, %", tuple(series), log_x=True),),
    )
    return Report(header, EVIL, 3, ("hog",), (section, Section("empty", EVIL, left_out=True)))


def test_a_deviation_is_beside_its_mean_in_every_format(report):
    columns = ("model", "aR", "aR ±", "PCA", "n ±")
    rows = (("here", 0.405, 0.0913, 0.1, 3.0), ("printed", 0.1781, None, None, None))
    section = Section("annex", table=Table(columns, rows), printed=printed_annex.ANNEX)
    own, printed = report_files.tables_of(section)
    assert own.columns == ("model", "aR", "PCA", "n ±")
    assert own.rows == (("here", "0.4050 ± 0.0913", 0.1, 3.0), ("printed", 0.1781, None, None))
    row = dict(zip(printed.columns, printed.rows[0], strict=True))
    assert row["sigma 1"] == "0.1781 ± 0.0041"
    assert row["PCA"] == 0.1357
    whole = replace(report, sections=(section,))
    for file_format in report_files.FORMATS.values():
        assert "0.4050 ± 0.0913" in file_format.write(whole).replace(r"$\pm$", "±")


def test_html_escapes(report):
    page = report_files.to_html(report)
    body = page[page.index("<body>") :]
    assert "<script>alert" not in re.sub(r'"name":"[^"]*"', "", body)
    assert "1,234" in body
    assert "5.80 %" in body


def test_markdown_escapes_and_its_tables_have_the_same_cells_in_each_row(report):
    text = report_files.to_markdown(report)
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(http", text)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block


def test_latex_escapes(report):
    text = report_files.to_latex(report)
    content = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert r"a\_b\textbar{}c" in content
    assert r"\input{" not in content
    assert not re.search(r"(?<!\\)[%#]", content)
    assert content.count(r"\begin{longtable}") == content.count(r"\end{longtable}") == 3


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(report, tmp_path):
    document = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}"
    (tmp_path / "r.tex").write_text(
        document + "\n" + report_files.to_latex(report) + "\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "r.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_no_two_lines_and_no_two_bars_look_the_same():
    lines = [html_document.line_style(n) for n in range(200)]
    assert len({(line["color"], line["dash"]) for line in lines}) == 200
    for first, second in pairwise(lines):
        assert first["color"] != second["color"]
        assert first["dash"] != second["dash"]
    bars = [html_document.bar_style(n) for n in range(56)]
    assert len({(bar["color"], bar["pattern"]["shape"]) for bar in bars}) == 56


def test_charts_have_titled_axes_and_intervals(report):
    (chart,) = report.sections[0].charts
    figure = paper_charts.figure(chart)
    assert figure.layout.xaxis.title.text == "k"
    assert figure.layout.yaxis.title.text == "recall, %"
    assert figure.layout.xaxis.type == "log"
    assert figure.data[0].error_y.array[0] == pytest.approx(0.1)
    many = Series("band", tuple(range(1, 50)), (0.5,) * 49, (0.4,) * 49, (0.6,) * 49)
    band, line = paper_charts.figure(Chart("lines", "k", "%", (many,))).data
    assert band.fill == "toself"
    assert max(band.y) == 0.6
    assert min(band.y) == 0.4
    assert line.mode == "lines"
