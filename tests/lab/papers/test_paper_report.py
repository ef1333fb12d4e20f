"""Reports on papers: sections are made one by one, stored, and a stopped report continues."""

import os

import pytest

from simcore.errors import BadDataError, SimError
from simcore.lab import printed_values
from simcore.lab.papers import paper_report, section_store
from simcore.lab.papers.comparisons import Compared, number, share
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Chart, Level, Pictures, Section, Series
from simcore.results import Table
from simcore.types import Monitor

FULL = Section(
    "everything",
    "a note",
    Table(("a", "b"), (("x", 1), (None, 0.5)), "title", ("a", "note")),
    printed_values.FACES,
    (Compared("hits", share(2, 5), number(2.25), None, number(1)),),
    (
        Chart(
            "lines",
            "k",
            "recall, %",
            (Series("hog", (1, 2), (0.5, 0.75), (0.25, 0.5), (0.75, 1.0)),),
            log_x=True,
            levels=(Level("chance", 0.1),),
        ),
        Chart("bars", "faces", "%", (Series("images", ("0", "1"), (1.0, 2.0)),)),
    ),
    (Pictures("row", ("k1", "k2"), ("query", "mate"), 1),),
)


def steps(log, titles=("one", "two"), inputs=None):
    def make(title):
        log.append(title)
        return Section(title)

    return [Step(title, lambda title=title: make(title), inputs) for title in titles]


def test_a_report_can_be_stopped_between_its_sections():
    log = []
    with pytest.raises(SimError, match="before two"):
        paper_report.make_sections(steps(log), Monitor(stop=lambda: bool(log)))
    assert log == ["one"]


def test_a_stopped_report_continues_with_the_first_section_that_is_missing():
    log, inputs = [], {"pairs": "digest"}
    with pytest.raises(SimError, match="1 of 2 sections are stored"):
        paper_report.make_sections(steps(log, inputs=inputs), Monitor(stop=lambda: bool(log)))
    sections = paper_report.make_sections(steps(log, inputs=inputs), Monitor())
    assert log == ["one", "two"]
    assert [section.title for section in sections] == ["one", "two"]
    paper_report.make_sections(steps(log, inputs={"pairs": "others"}), Monitor())
    assert log == ["one", "two"] * 2


def test_a_section_that_fails_says_why_and_the_others_follow():
    def fail():
        raise BadDataError("No features of hog.")

    failing = Step("one", fail, printed=printed_values.FACES)
    first, second = paper_report.make_sections(
        [failing, Step("two", lambda: Section("two"))], Monitor()
    )
    assert first.note == "Left out: No features of hog."
    assert first.left_out
    assert first.printed == printed_values.FACES  # shown although there is no own value
    assert second == Section("two")


def test_a_section_that_was_left_out_is_made_once_the_data_change():
    features = []

    def make():
        if not features:
            raise BadDataError("No features.")
        return Section("made")

    step = Step("one", make, {"pairs": "digest"})
    assert paper_report.make_sections([step], Monitor(), "none")[0].left_out
    features.append("hog")
    assert paper_report.make_sections([step], Monitor(), "none")[0].left_out
    assert paper_report.make_sections([step], Monitor(), "hog") == [Section("made")]
    features.clear()
    assert paper_report.make_sections([step], Monitor(), "none") == [Section("made")]


def test_a_stored_section_is_read_as_it_was():
    section_store.save("key", "", FULL)
    assert section_store.load("key", "") == FULL
    assert section_store.load("another", "") is None


def test_missing_values_survive_the_store():
    nan = float("nan")
    chart = Chart("bars", "x", "y", (Series("a", ("0", "1"), (nan, 1.0), (nan, 0.5), (nan, 2.0)),))
    section_store.save("key", "", Section("gaps", charts=(chart,)))
    (series,) = section_store.load("key", "").charts[0].series
    assert str(series) == str(chart.series[0])


def test_the_key_depends_on_every_input_and_on_the_code(monkeypatch):
    before = section_store.key({"a": 1, "b": 2})
    assert before == section_store.key({"b": 2, "a": 1})
    assert before != section_store.key({"a": 1, "b": 3})
    monkeypatch.setattr(section_store, "code_digest", lambda: "other code")
    assert before != section_store.key({"a": 1, "b": 2})


def test_the_oldest_sections_are_deleted(monkeypatch, cache):
    monkeypatch.setattr(section_store, "MAX_STORED", 2)
    for age, name in enumerate("abc"):
        section_store.save(name, "", Section(name))
        path = cache / "reports" / f"{name}.json"
        os.utime(path, (age, age))
    section_store.save("d", "", Section("d"))
    assert [name for name in "abcd" if section_store.load(name, "")] == ["c", "d"]
