"""A report on a paper: its header, its sections, and how far they are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simcore.errors import SimError, Stopped
from simcore.lab.papers import section_store
from simcore.lab.papers.report_header import ReportHeader
from simcore.lab.papers.sections import Section, mark_trained
from simcore.lab.printed_values import PrintedTable
from simcore.results import Result, to_dict
from simcore.types import JSON, Monitor


@dataclass(frozen=True)
class Step:
    """One section that can be made.

    Attributes:
        title: short, for the progress.
        make: makes the section; raises SimError where the data do not allow it.
        inputs: everything its numbers depend on, as JSON can hold it; None is never stored.
        printed: the numbers of the paper, shown also where the section cannot be made.
    """

    title: str
    make: Callable[[], Section]
    inputs: JSON | None = None
    printed: PrintedTable | None = None

    @property
    def key(self) -> str:
        """The key under which the section is stored; "" if it never is."""
        if self.inputs is None:
            return ""
        return section_store.key({"section": self.title, **self.inputs})


@dataclass(frozen=True)
class Report(Result):
    """A paper reproduced on a collection or on sets of judgements.

    Attributes:
        header: what the report is about, to cite it.
        collection: name of the collection, or of the sets.
        pairs: number of pairs, or of trials.
        models: the backbones used.
        sections: in the order of the paper.
        subset: which of the pairs.
        unit: what `pairs` counts.
    """

    header: ReportHeader
    collection: str
    pairs: int
    models: tuple[str, ...]
    sections: tuple[Section, ...]
    subset: str = "all"
    unit: str = "pairs"

    @property
    def title(self) -> str:
        """Paper, data and their number."""
        return f"{self.header.paper} on {self.collection}: {self.pairs:,} {self.unit}"

    def to_dict(self) -> JSON:
        """The document that `simcore reproduce --json` prints."""
        return {
            "paper": self.header.paper,
            "collection": self.collection,
            self.unit: self.pairs,
            "subset": self.subset,
            "models": list(self.models),
            "header": to_dict(self.header),
            "sections": to_dict(self.sections),
        }


@dataclass(frozen=True)
class ReportPlan:
    """A report before it is made: what it contains, and which sections are stored already.

    Attributes:
        report: the report without sections.
        steps: one per section.
        state: of the data; sections that were left out are tried again when it changes.
        trained: backbones that were trained on the pictures of the report; their rows are marked.
    """

    report: Report
    steps: tuple[Step, ...]
    state: str = field(default="")
    trained: tuple[str, ...] = ()

    def stored(self) -> list[Section | None]:
        """The section of each step, None where it is not made yet; nothing is computed."""
        sections = [_load(step, self.state) for step in self.steps]
        return [section and mark_trained(section, self.trained) for section in sections]

    def with_sections(self, sections: Sequence[Section]) -> Report:
        """The report with its sections."""
        fields: dict[str, Any] = {**vars(self.report), "sections": tuple(sections)}
        return Report(**fields)

    def make(self, monitor: Monitor) -> Report:
        """The whole report; stored sections are read.

        Raises:
            Stopped: `monitor` asked to stop; sections that were made are stored.
        """
        sections = make_sections(self.steps, monitor, self.state)
        return self.with_sections([mark_trained(each, self.trained) for each in sections])


def make_sections(steps: Sequence[Step], monitor: Monitor, state: str = "") -> list[Section]:
    """All sections, each stored once it is made; the note of one left out says why.

    Raises:
        Stopped: `monitor` asked to stop, which is checked before each section.
    """
    sections = []
    for number, step in enumerate(steps):
        monitor.check(
            f"Stopped before {step.title}. {number} of {len(steps)} sections are stored; the same "
            "command continues with the others."
        )
        monitor.report(step.title, number, len(steps))
        sections.append(_load(step, state) or _make(step, state))
    monitor.report("done", len(steps), len(steps))
    return sections


def _load(step: Step, state: str) -> Section | None:
    return section_store.load(step.key, state) if step.inputs is not None else None


def _make(step: Step, state: str) -> Section:
    try:
        section = step.make()
    except Stopped:
        raise
    except SimError as error:
        note = f"Left out: {str(error).removesuffix('.')}."
        section = Section(step.title, note, printed=step.printed, left_out=True)
    if step.inputs is not None:
        section_store.save(step.key, state, section)
    return section
