"""Test the papers' claims on a collection: every claim in every universe, stored once computed."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import cache_dir, file_locks, state_files
from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError, SimError, Stopped, unknown_name
from simcore.evaluate.claims import resampling, verdicts
from simcore.evaluate.claims.verdicts import Evidence
from simcore.lab.claims import (
    choices,
    combination_statistics,
    judgement_statistics,
    margaritescu2024_claims,
    next_steps,
    pair_statistics,
    risser_maroux2021_claims,
    rosenfeld2018_claims,
    rosenfeld2019_claims,
    training_statistics,
    universe_pairs,
)
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.claim import Claim, UndecidableError
from simcore.lab.claims.claims_report import (
    NOT_COMPUTED,
    ClaimsReport,
    ClaimVerdict,
    UniverseResult,
)
from simcore.lab.claims.judgement_statistics import JudgementData
from simcore.lab.claims.pair_statistics import Estimate
from simcore.lab.claims.training_statistics import TrainingData
from simcore.lab.claims.uncomputed import UncomputedJudgements, UncomputedPairs
from simcore.lab.claims.universe_pairs import Lookups, PairData
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.library import collections, duplicates, features, subsets
from simcore.lab.papers import reproduce
from simcore.types import JSON, Collection, Monitor

FORMAT = 1  # raised when the same input would have other numbers
MAIN_DRAWS, CELL_DRAWS = 4000, 1000  # bootstrap samples of the verdict, and of each other universe
SAVE_SECONDS = 2.0  # a run that is killed loses so much
CLAIMS: tuple[Claim, ...] = (
    *rosenfeld2018_claims.CLAIMS,
    *rosenfeld2019_claims.CLAIMS,
    *risser_maroux2021_claims.CLAIMS,
    *margaritescu2024_claims.CLAIMS,
)
PAPERS = tuple(dict.fromkeys(claim.paper for claim in CLAIMS))
SEARCHES = frozenset(combination_statistics.STATISTICS)
PAIR_STATISTICS = pair_statistics.STATISTICS | combination_statistics.STATISTICS
OptionsByPaper = dict[str, choices.Options]
HitShares = dict[str, float]  # by backbone


@dataclass(frozen=True)
class ClaimsQuestion:
    """What the claims are tested on; the fields are CLI options and URL parameters.

    Attributes:
        collection: pairs with known mates.
        models: backbones; empty means all that are extracted, except those of face crops, which
            one claim is about.
        judgements: names of sets of triplets; the first is used.
        papers: whose claims; empty means all four.
        train: whether claims about adaptation are tested, which trains for minutes.
    """

    collection: str
    models: tuple[str, ...] = ()
    judgements: tuple[str, ...] = (sets.KNOWN,)
    papers: tuple[str, ...] = ()
    train: bool = False

    def validate(self) -> None:
        """Check the names.

        Raises:
            UnknownNameError: no such paper or collection. BadDataError: no known mates.
        """
        for paper in self.papers:
            if paper not in PAPERS:
                raise unknown_name("paper", paper, PAPERS)
        collections.open_(self.collection).pairs()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of the papers."""
        return tuple(claim for claim in CLAIMS if not self.papers or claim.paper in self.papers)

    def to_args(self) -> list[str]:
        """The arguments of `simcore claims`; defaults are left out.

        >>> ClaimsQuestion("mine", papers=("rosenfeld2019",)).to_args()
        ['mine', '--papers', 'rosenfeld2019']
        """
        args = [self.collection]
        if self.models:
            args += ["--models", ",".join(self.models)]
        if self.judgements != (sets.KNOWN,):
            args += ["--judgements", ",".join(self.judgements) or "none"]
        if self.papers:
            args += ["--papers", ",".join(self.papers)]
        return args + (["--train"] if self.train else [])


def run(question: ClaimsQuestion, *, monitor: Monitor = Monitor()) -> ClaimsReport:
    """Test all claims in all universes; what was computed before is read from the cache.

    Raises:
        UnknownNameError: no such collection, paper or set of judgements.
        BadDataError: no known mates, or no features.
        Stopped: `monitor` asked to stop; finished universes are kept.
    """
    question.validate()
    session = _Session(question, monitor)
    session.prepare_judgements()
    tasks = [task for claim in question.claims for task in session.tasks(claim)]
    tasks.sort(key=_order)
    try:
        for number, task in enumerate(tasks):
            monitor.check(
                f"Stopped after {number:,} of {len(tasks):,} universes; they are kept. "
                "Start again to resume."
            )
            monitor.report("universes", number, len(tasks))
            session.compute(task)
            session.save(every=SAVE_SECONDS)
    finally:
        session.save()
    monitor.report("universes", len(tasks), len(tasks))
    return session.report()


def stored(question: ClaimsQuestion) -> ClaimsReport:
    """What was computed before, and what the other claims lack.

    Of few pairs near-duplicates are computed, which some universes leave out; of many nothing is.

    Raises:
        UnknownNameError: no such collection, paper or set of judgements. BadDataError: no known
            mates, or no features.
    """
    question.validate()
    return _Session(question, Monitor(), waits=False).report()


@dataclass(frozen=True)
class _Task:
    """One claim in one universe."""

    claim: Claim
    universe: Universe
    main: bool

    @property
    def draws(self) -> int:
        return MAIN_DRAWS if self.main else CELL_DRAWS


def _order(task: _Task) -> tuple[Any, ...]:
    """Verdicts first, sensitivity afterwards; claims about the same universe one after another."""
    return (
        not task.main,
        task.claim.data,
        tuple(task.universe.get(name) for name in choices.CHOICES),
    )


@dataclass
class _Session:
    """The data of one question, opened once, and the files of its results.

    Attributes:
        waits: whether near-duplicates among many pairs are computed.
    """

    question: ClaimsQuestion
    monitor: Monitor
    waits: bool = True
    _paths: dict[str, Path] = field(default_factory=dict)  # by claim
    _files: dict[Path, JSON] = field(default_factory=dict)
    _changed: set[Path] = field(default_factory=set)
    _saved: float = field(default_factory=time.monotonic)
    _pairs: dict[tuple[Universe, bool], PairData] = field(default_factory=dict)
    _obstacles: dict[str, UndecidableError] = field(default_factory=dict)  # by claim

    @cached_property
    def collection(self) -> Collection:
        return collections.open_(self.question.collection)

    @cached_property
    def lookups(self) -> Lookups:
        return Lookups(self.question.collection)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Those of the question; by default all extracted ones that see whole images."""
        if self.question.models:
            return self.question.models
        names = collections.default_backbones(self.question.collection)
        return tuple(name for name in names if name.partition(":")[0] not in pair_statistics.CROPS)

    @cached_property
    def judged(self) -> JudgementSet | None:
        """The first set of judgements; None where none is named or it was never made."""
        for name in self.question.judgements:
            if name in sets.names():
                return sets.open_(name)
            if name != sets.KNOWN:
                sets.open_(name)  # raises with a suggestion
        return None

    @cached_property
    def identity(self) -> str:
        """Changes with everything that the results of all claims depend on."""
        collection = self.collection
        votes = b"" if collection.votes is None else collection.votes.tobytes()
        parts = (
            FORMAT,
            [side.digest for side in collection.sides()],
            hashlib.sha256(votes).hexdigest(),
            [(name, features.identity(collection, name)) for name in self.models],
            [str(features.collection_key(collection, name)) for name in self._deciding()],
            sorted(duplicates.read_verdicts(collection.name)),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _deciding(self) -> list[str]:
        """Backbones whose features decide about subsets, faces and near-duplicates."""
        generic = duplicates.default_backbone_if_ready(self.collection)
        return [*choices.CHOICES["detector"], *([generic] if generic else [])]

    def _own_backbones(self, claim: Claim) -> list[str]:
        """Backbones beside the question's that only one claim is about."""
        named = [*claim.parameters.get("first", ()), *claim.parameters.get("second", ())]
        if claim.statistic == pair_statistics.whole_minus_face_crops.__name__:
            networks = filter(universe_pairs.takes_crops, self.models)
            named += [f"{crop}:{name}" for name in networks for crop in pair_statistics.CROPS]
        return named

    @cached_property
    def options(self) -> OptionsByPaper:
        """Values of each choice, those of the paper's own pairs first."""
        bases = {
            paper: reproduce.default_subset(paper, self.question.collection) for paper in PAPERS
        }
        by_base = {
            base: choices.available(self.collection, base, waits=self.waits, monitor=self.monitor)
            for base in set(bases.values())
        }
        return {paper: by_base[base] for paper, base in bases.items()}

    def prepare_judgements(self) -> None:
        """Open the sets of judgements, and extract what claims about them need."""
        claims = [claim for claim in self.question.claims if claim.data == "judgements"]
        if not claims or not self.question.judgements:
            return
        name = self.question.judgements[0]
        try:
            judged = sets.open_(name, monitor=self.monitor)
            absent = [
                model
                for model in self.models
                if not model.startswith(("face", "learned"))
                and not pair_similarities.ready(judged, model)
            ]
            if absent:
                pair_similarities.prepare(judged, absent, monitor=self.monitor)
        except Stopped:
            raise
        except SimError:
            if name != sets.KNOWN:
                raise
        self.__dict__.pop("judged", None)  # made only now

    def tasks(self, claim: Claim) -> list[_Task]:
        """A claim in all its universes, the main one first."""
        if not claim.statistic:
            return []
        rows = choices.universes(
            claim.choices, self.options[claim.paper], search=claim.statistic in SEARCHES
        )
        return [_Task(claim, universe, not number) for number, universe in enumerate(rows)]

    def compute(self, task: _Task) -> None:
        """Compute and store a task that is not stored yet."""
        path, entries = self._entries(task.claim)
        key = f"{task.universe.to_text()} {task.draws}"
        if key in entries:
            return
        try:
            data, statistics = self._data(task)
            estimate = statistics[task.claim.statistic](data, **task.claim.parameters)
            resampled = resampling.resample(estimate.statistic, data.weights(task.draws))
        except (UndecidableError, BadDataError):
            return  # never stored, since what is missing may be there at the next call
        evidence = verdicts.weigh(resampled, task.claim.rule)
        entries[key] = {
            "evidence": asdict(evidence),
            "member": estimate.members[evidence.member] if len(estimate.members) > 1 else "",
            "note": estimate.note,
            "pairs": len(data.groups),
        }
        self._changed.add(path)

    def save(self, *, every: float = 0.0) -> None:
        """Write what is new, at most once in so many seconds.

        Another process may test the same claims; what it has stored meanwhile is kept.
        """
        if not self._changed or time.monotonic() - self._saved < every:
            return
        # Without the monitor: the lock is held for a moment, and a stopped run saves, too.
        with file_locks.exclusive(cache_dir.root() / "claims"):
            for path in self._changed:
                self._files[path] = _read_entries(path) | self._files[path]
                cache_dir.write_atomic(path, json.dumps(self._files[path]).encode())
        self._changed.clear()
        self._saved = time.monotonic()

    def _data(
        self, task: _Task, *, computing: bool = True
    ) -> tuple[Any, dict[str, Callable[..., Estimate]]]:
        """The data of a task and the statistics that take it.

        Args:
            computing: False for data that only tells what is missing.

        Raises:
            UndecidableError: there is none.
        """
        claim, universe = task.claim, task.universe
        if claim.data == "judgements":
            if self.judged is None:
                raise UndecidableError("a set of triplets: name one in `--judgements`")
            judgement_data = JudgementData if computing else UncomputedJudgements
            hits = self._pair_hits(computing)
            data = judgement_data(self.judged, self.models, universe, hits)
            return data, judgement_statistics.STATISTICS
        if claim.data == "training":
            if not self.question.train:
                PairData(self.question.collection, self.models, universe, self.lookups).of_kind(
                    "networks"
                )
                raise UndecidableError(
                    "training: repeat with `--train` (minutes, resumable)", training=True
                )
            base = ("subset", self.options[claim.paper]["subset"][0])
            placed = Universe((base, *universe.values))
            args = self.question.collection, self.models, placed, self.monitor
            return TrainingData(*args), training_statistics.STATISTICS
        pair_data = PairData if computing else UncomputedPairs
        key = universe, computing
        if key not in self._pairs:
            self._pairs[key] = pair_data(
                self.question.collection, self.models, universe, self.lookups
            )
        return self._pairs[key], PAIR_STATISTICS

    def _pair_hits(self, computing: bool) -> HitShares:
        """Share of hits at 1 on the pairs of the main verdict."""
        pair_data = PairData if computing else UncomputedPairs
        data = pair_data(self.question.collection, self.models, Universe(()), self.lookups)
        return {name: float(data.hits(name).mean()) for name in self.models}

    def report(self) -> ClaimsReport:
        """The verdicts on what is computed."""
        rows = [(claim, self._results(claim)) for claim in self.question.claims]
        tested = [cells[0].evidence for _, cells in rows if cells and cells[0].evidence]
        outcomes = iter(verdicts.decide(tested))
        reports = []
        for claim, cells in rows:
            main = cells[0] if cells else None
            decided = main is not None and main.evidence is not None
            outcome = next(outcomes) if decided else "undecided"
            reason = self._reason(claim, main) if outcome == "undecided" else ""
            computed = tuple(cell for cell in cells if cell.evidence is not None)
            expected = len(self.tasks(claim))
            reports.append(ClaimVerdict(claim, outcome, main, reason, computed, expected))
        judged = () if self.judged is None else (self.judged.name,)
        pairs = len(self.collection.left)
        train = tuple(replace(self.question, train=True).to_args())
        steps = next_steps.next_steps(self.question.collection, train, self._obstacles)
        return ClaimsReport(
            self.question.collection, pairs, self.models, judged, tuple(reports), steps
        )

    def _reason(self, claim: Claim, main: UniverseResult | None) -> str:
        if main is None:
            return f"needs {claim.needs}"
        if main.evidence is None:
            return main.note
        number = verdicts.pairs_needed(main.evidence, claim.rule, main.pairs)
        needed = "" if number is None else f"; about {_rounded(number)} would decide it"
        unit = "trials" if claim.data == "judgements" else "pairs"
        return f"needs more than {main.pairs:,} {unit}{needed}"

    def _results(self, claim: Claim) -> list[UniverseResult]:
        return list(self._read(claim))

    def _read(self, claim: Claim) -> Iterator[UniverseResult]:
        tasks = self.tasks(claim)
        if not tasks:
            return
        _, entries = self._entries(claim)
        for task in tasks:
            entry = entries.get(f"{task.universe.to_text()} {task.draws}")
            if entry is None:
                if task.main:
                    yield UniverseResult(
                        task.universe, "undecided", None, "", self._missing(task), 0
                    )
                continue
            evidence = Evidence(**entry["evidence"])
            yield UniverseResult(
                task.universe,
                verdicts.outcome(evidence),
                evidence,
                entry["member"],
                entry["note"],
                entry["pairs"],
            )

    def _missing(self, task: _Task) -> str:
        """Why the main universe has no numbers."""
        chosen = (value for choice, value in task.universe.values if choice in ("subset", "tlld"))
        if not self.waits and not all(subsets.is_quick(self.collection.name, s) for s in chosen):
            return NOT_COMPUTED
        try:
            data, statistics = self._data(task, computing=False)
            if task.claim.data != "training":
                statistics[task.claim.statistic](data, **task.claim.parameters)
        except UndecidableError as error:
            self._obstacles[task.claim.id] = error
            return f"needs {error}"
        except BadDataError as error:
            return str(error)
        return NOT_COMPUTED

    def _entries(self, claim: Claim) -> tuple[Path, JSON]:
        """The file of a claim's results, and what is in it."""
        if claim.id not in self._paths:
            self._paths[claim.id] = self._path(claim)
        path = self._paths[claim.id]
        if path not in self._files:
            self._files[path] = _read_entries(path)
        return path, self._files[path]

    def _path(self, claim: Claim) -> Path:
        """Where a claim's results are; another place for whatever else would change them."""
        definition = {
            "data": self.identity,
            "claim": [claim.id, claim.paper, claim.statistic, asdict(claim.rule)],
            "parameters": repr(sorted(claim.parameters.items())),
            "backbones": [
                str(features.collection_key(self.collection, name))
                for name in self._own_backbones(claim)
            ],
        }
        if claim.data == "judgements" and self.judged is not None:
            definition["judgements"] = [
                self.judged.digest,
                *(repr(pair_similarities.identity(self.judged, name)) for name in self.models),
            ]
        digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
        return cache_dir.root() / "claims" / f"{claim.paper}-{claim.id}-{digest[:24]}.json"


def _read_entries(path: Path) -> JSON:
    """The stored results of a claim; none where the file is absent or damaged."""
    return state_files.read_json(path, dict, rebuild=True) or {}


def _rounded(number: int) -> str:
    """Two leading digits.

    >>> _rounded(23424)
    '23,000'
    """
    digits = max(0, int(np.floor(np.log10(number))) - 1)
    return f"{round(number, -digits):,}"
