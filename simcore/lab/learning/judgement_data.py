"""Judgements as training data of fine-tuning, and agreement of its test trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError
from simcore.evaluate.judgements import triplets, two_afc
from simcore.evaluate.statistics import bootstrap
from simcore.lab.judgements import sets
from simcore.lab.library import extraction
from simcore.results import Table, to_dict
from simcore.training import splits
from simcore.training.finetune import judgement_examples
from simcore.training.finetune.paradigms import EmbedRows, Examples
from simcore.types import JSON, METRICS, Array, Features, ImageSet, Monitor, Score

METRIC = METRICS[0]  # agreement is measured by cosine, as the recall of pairs is


@dataclass(frozen=True)
class TrialCounts:
    """How many trials each part of a split has.

    Attributes:
        undecided: of train and validation, without a majority: not learned from.
        across: in no part, because they show images of several.
        split: one of `splits.GUARANTEES`. shared: test trials with an image that training or
            validation trials show.
        learned_from: what `train` and `validation` count.
    """

    train: int
    validation: int
    test: int
    undecided: int
    across: int
    split: splits.TrialRule = "images"
    shared: int = 0
    learned_from: Literal["judgements", "images"] = "judgements"

    @property
    def left_out(self) -> str:
        """Which judgements are in no part, and how to keep more of them where that is most."""
        if self.split == "references":
            return f"{self.across:,} judgements that show a test reference were left out."
        used = self.train + self.validation + self.test
        hint = " The split 'references' keeps more of them." if self.across > used else ""
        return f"{self.across:,} judgements with images of two parts were left out.{hint}"

    @property
    def guarantee(self) -> str:
        """What the split guarantees, and how many test trials it is no guarantee for."""
        text = splits.GUARANTEES[self.split]
        if self.split == "all" and self.learned_from == "images":
            text = "None: every image is learned from, whatever test trials show."
        if not self.shared:
            return text
        return f"{text} {self.shared:,} of {self.test:,} test trials show an image of training."


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of a network with people's judgements.

    Attributes:
        votes: mean share of the votes for the image that the network finds nearer, over groups.
        majority: share of the trials decided as by most people, over groups.
        groups: group -> score as in `votes`.
    """

    votes: Score
    majority: Score
    groups: dict[str, Score]


@dataclass(frozen=True, eq=False)
class TrialEvaluation:
    """Agreement on the test trials, before and after training.

    Attributes:
        difference: of the agreement with the votes, paired; None unless both are known.
    """

    judgements: str
    trials: TrialCounts
    test_trials: tuple[int, ...]
    before: Agreement | None
    after: Agreement | None
    difference: Score | None

    def to_dict(self) -> JSON:
        """For the document of a run."""
        document: JSON = {"judgements": self.judgements, "trials": to_dict(self.trials)}
        for stage, agreement in (("before", self.before), ("after", self.after)):
            document[stage] = agreement and {
                "agreement": to_dict(agreement.votes),
                "majority": to_dict(agreement.majority),
                "groups": to_dict(agreement.groups),
            }
        document["guarantee"] = self.trials.guarantee
        document["left_out"] = self.trials.left_out if self.trials.across else ""
        return document | {"difference": to_dict(self.difference)}

    def to_table(self, names: Sequence[str], epoch: int, *, source: str = "") -> Table:
        """One row before and one after, in percent with 95 % intervals.

        Args:
            source: what was learned from, by default the judgements.
        """
        rows = tuple(
            (name, _percent(agreement.votes), _percent(agreement.majority))
            for name, agreement in zip(names, (self.before, self.after), strict=True)
            if agreement is not None
        )
        counts, notes = self.trials, []
        if self.difference is not None:
            notes.append(f"Paired difference: {_percent(self.difference)} percentage points.")
        if counts.undecided:
            notes.append(f"{counts.undecided:,} judgements without a majority were not used.")
        if counts.across:
            notes.append(counts.left_out)
        if counts.test:
            notes.append(f"Split {counts.split!r}: {counts.guarantee}")
        kind = "" if counts.learned_from == "judgements" else f" {counts.learned_from}"
        title = (
            f"{source or self.judgements}: {counts.train:,} training{kind}, {counts.validation:,} "
            f"validation{kind} and {counts.test:,} test judgements, epoch {epoch} kept"
        )
        if self.after is None:
            notes.append(
                "No judgements to test on. Score it on a set with `simcore evaluate triplets`."
            )
        columns = ("", "agreement with votes %", "with majority %")
        return Table(columns, rows, title, tuple(notes))

    def lineage_fields(self) -> JSON:
        """Test trials and agreement."""
        return {
            "judgements": self.judgements,
            "test_trials": self.test_trials,
            "agreement": self.after and self.after.votes.value,
        }


def _percent(score: Score) -> str:
    return f"{100 * score.value:.1f}  [{100 * score.low:.1f}, {100 * score.high:.1f}]"


@dataclass(frozen=True, eq=False)
class JudgementData:
    """A set of triplets; images have the numbers that they have in the set."""

    judgements: JudgementSet
    split: splits.TrialSplit
    train: Examples
    validation: Examples

    @property
    def name(self) -> str:
        """Of the set."""
        return self.judgements.name

    @property
    def digest(self) -> str:
        """Of the set."""
        return self.judgements.digest

    @property
    def images(self) -> tuple[ImageSet, ...]:
        """Those of the set."""
        return (self.judgements.triplets.images,)

    def test(self, embed: EmbedRows) -> Array:
        """(2, T) similarity of each test trial's reference to its left and right image."""
        return similarities(self.judgements.triplets.take(self.split.test), embed)

    def compare(self, before: Array | None, after: Array | None) -> TrialEvaluation:
        """Agreement from the similarities before and after."""
        return evaluate(self.judgements, self.split, self._counts(), before, after)

    def _counts(self) -> TrialCounts:
        split = self.split
        rows = np.concatenate([split.train, split.validation])
        decided = judgement_examples.has_majority(self.judgements.triplets, split.images)[rows]
        return TrialCounts(
            len(split.train),
            len(split.validation),
            len(split.test),
            int((~decided).sum()),
            split.across,
            split.rule,
            split.shared,
        )

    def extract(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Compute the features of these backbones for the images of the set."""
        extraction.extract_images(self.judgements.triplets.images, names, monitor)


def similarities(trials: Triplets, embed: EmbedRows) -> Array:
    """(2, T) similarity of each trial's reference to its left and right image.

    Args:
        embed: rows of `trials.images` -> features.
    """
    rows, index = np.unique(np.stack([trials.ref, trials.left, trials.right]), return_inverse=True)
    ref, left, right = index.reshape(3, -1)
    features = Features("", np.arange(rows.size), embed(rows), rows.size)
    return np.stack(
        [triplets.pair_similarity(features, ref, side, METRIC) for side in (left, right)]
    )


def evaluate(
    judgements: JudgementSet,
    split: splits.TrialSplit,
    counts: TrialCounts,
    before: Array | None,
    after: Array | None,
) -> TrialEvaluation:
    """Agreement on the test trials of a split.

    Args:
        before, after: their `similarities`, None where unknown.
    """
    part = judgements.triplets.take(split.test)
    difference = None
    if before is not None and after is not None:
        credit_before, credit_after = (
            two_afc.credit(sides[0], sides[1], part.vote) for sides in (before, after)
        )
        clusters = splits.resampling_clusters(split)
        difference = bootstrap.difference(
            credit_before,
            credit_after,
            np.array(part.group),
            clusters,
            zero_is_exact=np.array_equal(before, after),  # the network as it was is kept
        )
    return TrialEvaluation(
        judgements.name,
        counts,
        tuple(split.test.tolist()),
        _agreement(part, before),
        _agreement(part, after),
        difference,
    )


def _agreement(trials: Triplets, sides: Array | None) -> Agreement | None:
    """Agreement with the votes, from (2, T) similarities to the left and right images."""
    if sides is None:
        return None
    left, right = sides
    share = two_afc.credit(left, right, trials.vote)
    majority = two_afc.credit(left, right, trials.vote, counting="majority")
    return Agreement(
        two_afc.over_groups(share, trials.group),
        two_afc.over_groups(majority, trials.group),
        two_afc.by_group(share, trials.group),
    )


def open_(
    name: str,
    paradigm: str,
    *,
    seed: int = 0,
    rule: splits.TrialRule = "images",
    monitor: Monitor = Monitor(),
) -> JudgementData:
    """A set of triplets, split by the seed.

    Args:
        rule: one of `splits.GUARANTEES`.

    Raises:
        UnknownNameError: no such set. BadDataError: no triplets, or too few.
    """
    judgements = sets.open_(name, monitor=monitor)
    try:
        trials = judgements.triplets
    except BadDataError as error:
        raise BadDataError(
            f"{judgements.name!r} can test a network but not train it: only triplets can."
        ) from error
    split = splits.split_trials(splits.trial_images(trials), seed, rule)
    train, validation = (
        judgement_examples.examples(
            judgements, split, part, fourth=paradigm == "quadruplet", seed=seed
        )
        # Without validation trials the run has a fixed number of epochs and looks at none.
        for part in ("train", "train" if rule == "all" else "validation")
    )
    return JudgementData(judgements, split, train, validation)
