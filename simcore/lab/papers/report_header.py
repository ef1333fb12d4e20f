"""What a report has to say so that it can be cited: paper, software, data, networks, judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from simcore.data.judgements.trials import JudgementSet
from simcore.data.store.feature_key import FeatureKey
from simcore.evaluate.retrieval import near_duplicates
from simcore.lab.judgements import pair_similarities
from simcore.lab.library import collections, duplicates, features, subsets
from simcore.lab.papers import section_store
from simcore.models import registry, weights
from simcore.models.distances import pair_distances
from simcore.recipe import Question
from simcore.results import Result, Table
from simcore.types import Collection


@dataclass(frozen=True)
class Citation(Result):
    """How a paper is cited."""

    authors: str
    title: str
    venue: str
    year: int
    url: str

    @property
    def text(self) -> str:
        """One sentence for a list of references."""
        return f"{self.authors}. {self.title}. {self.venue}, {self.year}. {self.url}"


ROSENFELD2019 = Citation(
    "A. Rosenfeld, R. Zemel, J. K. Tsotsos",
    "High-Level Perceptual Similarity is Enabled by Learning Diverse Tasks",
    "arXiv:1903.10920",
    2019,
    "https://arxiv.org/abs/1903.10920",
)
CITATIONS = {
    "rosenfeld2018": Citation(
        "A. Rosenfeld, M. D. Solbach, J. K. Tsotsos",
        "Totally Looks Like - How Humans Compare, Compared to Machines",
        "arXiv:1803.01485v3",
        2018,
        "https://arxiv.org/abs/1803.01485",
    ),
    "rosenfeld2019": ROSENFELD2019,
    "bapps": ROSENFELD2019,
    "risser-maroux2021": Citation(
        "O. Risser-Maroux, A. Marzouki, H. Djeghim, C. Kurtz, N. Lomenie",
        "Learning an Adaptation Function to Assess Image Visual Similarities",
        "ORASIS",
        2021,
        "https://hal.science/hal-03339731v2",
    ),
    "margaritescu2024": Citation(
        "F. Margaritescu",
        "Towards Improving Machine Learning Models for Predicting Human Estimates of Image "
        "Similarity",
        "MInf Project (Part 2) Report, School of Informatics, University of Edinburgh",
        2024,
        "",
    ),
}


LEFT_OUT = "left out:"  # start of the name of a fact about what the report lacks


@dataclass(frozen=True)
class Fact(Result):
    """One line of a header."""

    name: str
    value: str


@dataclass(frozen=True)
class ReportHeader(Result):
    """The first table of a report.

    Attributes:
        paper: its name here.
        citation: how it is cited.
        software: name, version and a digest of the code.
        created: date and time, UTC.
        command: the command line that makes the same report.
        facts: data, backbones with their weights, detector, judge of near-duplicates.
    """

    paper: str
    citation: Citation
    software: str
    created: str
    command: str
    facts: tuple[Fact, ...]

    def to_table(self) -> Table:
        """One row per fact."""
        rows = [
            ("paper", self.citation.text.strip()),
            ("software", self.software),
            ("made", self.created),
            ("command", self.command),
            *((fact.name, fact.value) for fact in self.facts),
        ]
        return Table(("", "report"), tuple(rows))


def make(paper: str, command: str, facts: Sequence[Fact]) -> ReportHeader:
    """A header of now."""
    software = f"simcore {version('simcore')} (code {section_store.code_digest()})"
    created = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return ReportHeader(paper, CITATIONS[paper], software, created, command, tuple(facts))


def question_facts(question: Question) -> list[Fact]:
    """The pairs of a question, its backbones, the detector, and the judge of near-duplicates."""
    whole = collections.open_(question.collection)
    part = subsets.open_subset(question.collection, question.subset)
    description = subsets.SUBSETS.get(question.subset, question.subset)
    facts = [
        Fact("collection", f"{whole.name} ({whole.kind}), {len(whole.left):,} pairs"),
        Fact("collection digest", whole.digest),
        Fact("pairs", f"{len(part.left):,}, subset {question.subset}: {description}"),
    ]
    facts += [
        Fact(f"backbone {name}", _weights(features.collection_key(whole, name)))
        for name in question.backbones
    ]
    return [*facts, Fact("face detector", _detector(whole)), *_near_duplicates(whole)]


def judgement_facts(
    judged: Sequence[JudgementSet], names: Sequence[str], wanted: Sequence[str]
) -> list[Fact]:
    """Sets of judgements and the similarities that are scored on them.

    Args:
        names: those that are ready. wanted: those asked for; the others are named with the reason.
    """
    facts = []
    for each in judged:
        facts.append(Fact(f"judgements {each.name}", f"{each.kind}, {len(each.trials):,} trials"))
        facts.append(Fact("digest", each.digest))
    for name in names:
        if pair_similarities.is_distance(name):
            facts.append(Fact(f"distance {name}", _distance(name)))
        else:
            key = features.complete_key([judged[0].trials.images], name)
            facts.append(Fact(f"backbone {name}", _weights(key)))
    for name in wanted:
        if name not in names:
            reason = pair_similarities.why_not_ready(name)
            facts.append(Fact(f"{LEFT_OUT} {name}", reason))
    return facts


def _weights(key: FeatureKey | None) -> str:
    if key is None:
        return "no features"
    files = registry.get(key.backbone).weights
    digests = [f"{file.file} sha256 {weights.file_digest(file)}" for file in files]
    return (
        f"features {key.table}, {key.precision}, version {key.version}; "
        f"{', '.join(digests) or 'no weight file'}"
    )


def _distance(name: str) -> str:
    files = pair_distances.files(name.partition("/")[0])
    digests = [weights.file_digest(file) for file in files if weights.ready(file)]
    source = f"weights sha256 {', '.join(digests)}" if digests else "no weights"
    return f"{source}, images of {pair_distances.SIDE} px"


def _detector(collection: Collection) -> str:
    ready = [name for name in subsets.DETECTORS if features.is_ready(collection, name)]
    return "; ".join(f"{name}: {subsets.DETECTORS[name]}" for name in ready) or "none has run"


def _near_duplicates(collection: Collection) -> list[Fact]:
    judge = duplicates.default_backbone_if_ready(collection)
    if not judge:
        return [Fact("near-duplicates judged by", "no network has features")]
    refused = len(duplicates.read_verdicts(collection.name))
    return [
        Fact("near-duplicates judged by", f"{judge} ({registry.get(judge).metric} distance)"),
        Fact(
            "near-duplicate thresholds",
            f"tlld and tllobj (text): {near_duplicates.TEXT:g}, faces "
            f"{near_duplicates.FACES_TEXT:g}; tlld-paper and tllobj-paper (notebook): "
            f"{near_duplicates.WITHIN:g} within a side, {near_duplicates.ACROSS:g} across, faces "
            f"{near_duplicates.FACES_NOTEBOOK:g}. Chosen for densenet121.",
        ),
        Fact("near-duplicates refused by people", f"{refused:,}"),
    ]
