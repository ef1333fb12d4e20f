"""Tables fit a width without breaking a word, whatever their texts."""

from hypothesis import given
from hypothesis import strategies as st

from simcore.__main__ import run
from simcore.cli import output, wrapping
from simcore.lab import printed_annex
from simcore.results import Table

TEXT = st.text("ab+-_ :/", max_size=40)


@given(TEXT, st.integers(1, 50))
def test_wrapping_loses_nothing_but_spaces_and_keeps_the_width(text, width):
    lines = wrapping.wrap(text, width).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line) <= width for line in lines)


def test_a_word_is_broken_only_where_it_is_longer_than_a_line():
    names = "zsum(hog + edges + layout + color + mobilenetv2 + efficientnet-lite0)"
    lines = wrapping.wrap(names, 30).split("\n")
    assert lines == ["zsum(hog + edges + layout +", "color + mobilenetv2 +", "efficientnet-lite0)"]
    assert wrapping.wrap("a" * 7, 3) == "aaa\naaa\na"


def test_the_widest_text_gives_way_and_numbers_do_not():
    rows = [["recipe", "recall@1 %"], ["hog + layout + color + texture", "12.3 [10.1, 14.5]"]]
    fitted = wrapping.fit(rows, [True, False], 36)
    assert fitted[1] == ["hog + layout +\ncolor + texture", "12.3 [10.1, 14.5]"]
    widths = [max(map(len, cell.split("\n"))) for cell in fitted[1]]
    assert sum(widths) + 3 <= 36


def test_the_list_of_backbones_fits_80_columns_in_whole_words(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["models", "list"]) == 0
    printed = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= 80
    assert "ready" in printed
    assert "license" in printed


@given(st.integers(1, 12), st.integers(1, 5), st.integers(10, 120), st.randoms())
def test_columns_that_do_not_fit_are_beneath_each_other_with_the_names(
    columns, count, width, random
):
    head = [f"column {n}" for n in range(columns)]
    body = [
        [f"row {row}", *(("a b " * random.randint(0, 9)).strip() for _ in head[1:])]
        for row in range(count)
    ]
    flexible = [True, *(random.random() < 0.5 for _ in head[1:])]
    blocks = wrapping.blocks([head, *body], flexible, width)
    assert [n for block in blocks for n in block[1:]] == list(range(1, columns))
    assert all(block[0] == 0 for block in blocks)
    for block in blocks:
        rows = [[row[n] for n in block] for row in [head, *body]]
        fitted = wrapping.fit(rows, [flexible[n] for n in block], width)
        needed = [
            max(len(line) for cell in column for line in cell.split("\n"))
            for column in zip(*fitted, strict=True)
        ]
        assert sum(needed) + 3 * (len(block) - 1) <= width or len(block) <= 2
    if sum(len(max(column, key=len)) + 3 for column in zip(head, *body, strict=True)) <= width:
        assert len(blocks) == 1


def test_the_names_of_rows_are_not_broken():
    rows = [["backbone", *"abcd"], ["mobilenetv2", *["one or two words"] * 4]]
    (block,) = wrapping.blocks(rows, [True] * 5, 70)
    fitted = wrapping.fit(rows, [True] * 5, 70)
    assert fitted[1][0] == "mobilenetv2"
    assert block == [0, 1, 2, 3, 4]


def test_rows_are_told_apart_by_as_many_columns_as_it_takes():
    head = ["backbone", "numbers", "first", "second"]
    rows = [head, ["barlow", "here", "0.1234", "0.2345"], ["barlow", "printed", "0.1", "0.2"]]
    blocks = wrapping.blocks(rows, [True, True, False, False], 31)
    assert blocks == [[0, 1, 2], [0, 1, 3]]
    same = [head, *[["barlow", "here", "0.1234", "0.2345"]] * 2]
    assert wrapping.blocks(same, [True, True, False, False], 20) == [[0, 1], [0, 2], [0, 3]]


def test_a_title_is_as_wide_as_the_terminal_not_as_its_table(capsys):
    output.table(Table(("recall", "ratio"), (("aR@1", 2.25),), "Annex, Table 1: all [backbones]"))
    assert capsys.readouterr().out.splitlines()[0] == "Annex, Table 1: all [backbones]"


def test_a_wide_table_is_printed_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    annex = printed_annex.ANNEX.to_table()
    output.table(annex)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    words = " ".join(lines).split()
    for row in annex.rows:
        assert sum(word == f"{row[-1]}" for word in words) >= 1
    assert sum(line.startswith("alexnet") for line in lines) > 1
    assert sum(annex.title in line for line in lines) == 1
