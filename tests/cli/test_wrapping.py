"""Tables fit a width without breaking a word, whatever their texts."""

from hypothesis import given
from hypothesis import strategies as st

from simcore.__main__ import run
from simcore.cli import wrapping

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
