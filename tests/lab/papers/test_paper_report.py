"""Reports on papers: sections are made one by one, and a report can be stopped between them."""

import pytest

from simcore.errors import BadDataError, SimError
from simcore.lab.papers import paper_report
from simcore.lab.papers.paper_report import Section
from simcore.types import Monitor


def test_a_report_can_be_stopped_between_its_sections():
    sections = []

    def step():
        sections.append(1)
        return Section("one")

    with pytest.raises(SimError, match="before two"):
        paper_report.make([("one", step), ("two", step)], Monitor(stop=lambda: bool(sections)))
    assert len(sections) == 1


def test_a_section_that_fails_says_why_and_the_others_follow():
    def fail():
        raise BadDataError("No features of hog.")

    first, second = paper_report.make([("one", fail), ("two", lambda: Section("two"))], Monitor())
    assert first.note == "Left out: No features of hog."
    assert second == Section("two")
