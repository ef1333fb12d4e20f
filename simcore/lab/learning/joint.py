"""Learning from pairs and judgements together: the run, what each of both adds, the backbone."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.retrieval.asymmetric_recall import RecallOverRuns
from simcore.lab.judgements import sets
from simcore.lab.learning import joint_scores, learned_backbones
from simcore.lab.learning.adaptation import gather_inputs, store_features, store_rows
from simcore.lab.learning.joint_scores import STAGES, JointScore, Outcomes, Stage, Testing
from simcore.lab.library import extraction, features, provenance, subsets
from simcore.lab.library.collections import keys as content_keys
from simcore.lab.library.duplicates import pair_groups
from simcore.models import forward, lineage, registry
from simcore.models.adapter import Adapter
from simcore.models.lineage import Lineage
from simcore.results import Table, TableResult
from simcore.training import picture_folds
from simcore.training.adapt import adaptation, joint_training, judgement_loss
from simcore.training.adapt import inputs as adapt_inputs
from simcore.training.adapt.joint_training import JointInputs, JointRun, JointSettings
from simcore.types import JSON, Array, Collection, Monitor, Score


def make_settings(
    *,
    term: str = "triplet",
    margin: float | None = None,
    balance: float = 0.5,
    folds: int = 4,
    seed: int = 0,
) -> JointSettings:
    """The settings of a run.

    Args:
        margin: of the distances of the judgements; None takes the default. The second margin of
            quadruplets is half of it, as in margaritescu2024.

    Raises:
        UnknownNameError: no such term. BadDataError: a number out of range.
    """
    margin = JointSettings.margin if margin is None else margin
    return JointSettings(
        term=judgement_loss.check_term(term),
        margin=margin,
        second_margin=margin / 2,
        balance=balance,
        folds=folds,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class JointResult(TableResult):
    """What was learned from pairs, from judgements and from both, on pictures never seen.

    Attributes:
        runs: one per fold of pictures. tested: what is scored.
        outcomes: of each stage, see `joint_scores.STAGES`.
        duplicates_by: the backbone that found the near-duplicates, as in `AdaptationResult`.
    """

    collection: Collection
    judgements: JudgementSet
    models: tuple[str, ...]
    settings: JointSettings
    inputs: JointInputs
    runs: tuple[JointRun, ...]
    tested: Testing
    outcomes: dict[Stage, Outcomes]
    duplicates_by: str
    seconds: float

    @property
    def adapter(self) -> Adapter:
        """That of the first fold from both sources, the one that is saved."""
        return self.runs[0].adapters["both"]

    def score(self, stage: Stage) -> JointScore:
        """Recall and agreement at a stage."""
        return joint_scores.score(self.outcomes[stage], self.tested)

    def gain(self, before: Stage, after: Stage) -> JointScore:
        """Paired differences of two stages."""
        return joint_scores.gain(self.outcomes[before], self.outcomes[after], self.tested)

    def recall(self, stage: Stage) -> RecallOverRuns:
        """Asymmetric recall over the folds."""
        ends = np.cumsum([len(self.inputs.folds.test_pairs(run.fold)) for run in self.runs])[:-1]
        return asymmetric_recall.over_runs(np.split(self.outcomes[stage].ranks, ends))

    def to_dict(self) -> JSON:
        """The document of `simcore learn joint --json`."""
        folds = self.inputs.folds
        return {
            "collection": self.collection.name,
            "judgements": self.judgements.name,
            "judgements_digest": self.judgements.digest,
            "models": list(self.models),
            "settings": asdict(self.settings),
            "pairs": {"all": len(self.tested.pairs), "test": len(folds.test_pairs(0))},
            "trials": {
                "all": len(self.judgements.triplets),
                "tested": len(self.tested.trials),
                "across": folds.across,
            },
            "duplicates_by": self.duplicates_by,
            "width": self.adapter.width,
            "scores": {stage: _score_dict(self.score(stage)) for stage in STAGES},
            "gains": {
                f"{after} - {before}": _score_dict(self.gain(before, after))
                for before, after in COMPARISONS
            },
            "before": self.recall("before").to_dict(),
            "pca": self.recall("start").to_dict(),
            "after": self.recall("both").to_dict(),
            "loss": adaptation.mean_curve([run.losses for run in self.runs]).tolist(),
            "check": adaptation.mean_curve([run.validation_losses for run in self.runs]).tolist(),
            "seconds": self.seconds,
        }

    def to_table(self) -> Table:
        """One row per stage, with differences from the features side by side, in percent."""
        return scores_table(self.to_dict())


# What is compared, (before, after): transfer, then what both sources add to one of them.
COMPARISONS: tuple[tuple[Stage, Stage], ...] = (
    ("before", "start"),
    ("before", "pairs"),
    ("before", "judgements"),
    ("before", "both"),
    ("start", "pairs"),
    ("start", "judgements"),
    ("pairs", "both"),
    ("judgements", "both"),
)


def scores_table(document: JSON) -> Table:
    """The table of a run, from its document: also of a run that was saved."""
    rows = []
    for stage, label in STAGES.items():
        recall, agreement = (document["scores"][stage][k] for k in ("recall", "agreement"))
        gains = document["gains"].get(f"{stage} - before")
        rows.append(
            (
                label,
                _percent(recall),
                _percent(gains["recall"], sign=True) if gains else "",
                _percent(agreement),
                _percent(gains["agreement"], sign=True) if gains else "",
            )
        )
    pairs, trials = document["pairs"], document["trials"]
    title = (
        f"{document['collection']} and {document['judgements']}: {pairs['all']:,} pairs in "
        f"galleries of {pairs['test']:,}, {trials['tested']:,} judgements, none with a picture of "
        "training"
    )
    columns = ("", "aR@1 %", "difference", "agreement with votes %", "difference")
    return Table(columns, tuple(rows), title, _notes(document))


def _notes(document: JSON) -> tuple[str, ...]:
    gains, trials = document["gains"], document["trials"]
    notes = [
        "Learned from pairs, beyond the z-sum it began with: agreement "
        f"{_percent(gains['pairs - start']['agreement'], sign=True)}.",
        "Learned from judgements, beyond the z-sum: aR@1 "
        f"{_percent(gains['judgements - start']['recall'], sign=True)}.",
    ]
    for source in ("pairs", "judgements"):
        recall, agreement = (
            _percent(gains[f"both - {source}"][score], sign=True)
            for score in ("recall", "agreement")
        )
        notes.append(f"Both beyond {source} alone: aR@1 {recall}, agreement {agreement}.")
    if trials["across"]:
        notes.append(
            f"{trials['across']:,} of {trials['all']:,} judgements show pictures of several folds "
            "and are not tested."
        )
    return tuple(notes)


def _percent(score: JSON, *, sign: bool = False) -> str:
    form = "+.1f" if sign else ".1f"
    value, low, high = (format(100 * score[name], form) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _score_dict(score: JointScore) -> JSON:
    def interval(part: Score) -> JSON:
        return {"value": part.value, "low": part.low, "high": part.high}

    return {"recall": interval(score.recall), "agreement": interval(score.agreement)}


def learn(
    pairs: str,
    judgements: str,
    models: Sequence[str],
    settings: JointSettings | None = None,
    *,
    subset: str = "all",
    device: str = "auto",
    save: str = "",
    monitor: Monitor = Monitor(),
) -> JointResult:
    """Learn one adaptation from pairs and judgements, and test both on pictures never seen.

    A call that was stopped or killed resumes when it is repeated, with the same numbers.

    Args:
        pairs: a collection of pairs, with features. judgements: a set of triplets, whose features
            are computed where they are missing.
        models: backbones, which are put side by side.
        subset: which of the pairs.
        save: the name that `save_backbone` will get; the checkpoint has it until then.

    Raises:
        UnknownNameError: no such collection, set or backbone.
        BadDataError: too little data, or the checkpoint of that name is that of another run.
        Stopped: on request.
    """
    began = time.monotonic()
    settings = settings or JointSettings()
    collection = subsets.open_subset(pairs, subset, monitor=monitor)
    models = tuple(registry.expand_groups(models))
    judged = _open_triplets(judgements, monitor.part(0, 0.05))
    for name, digest, keys in (
        (pairs, collection.digest, content_keys(collection)),
        (judgements, judged.digest, judged.triplets.images.keys),
    ):
        provenance.require_unseen(name, digest, keys, models)
    groups, duplicates_by = pair_groups(collection, monitor=monitor)
    pictures = picture_folds.number(judged.triplets, collection.pairs(), groups)
    inputs = JointInputs(
        gather_inputs(collection, models),
        _judged_rows(judged, models, monitor.part(0.05, 0.3)),
        judged,
        picture_folds.deal(pictures, settings.folds, settings.seed),
    )
    checkpoint_name = save or f"unnamed-{inputs.fingerprint(settings)[:12]}"
    runs = joint_training.train(
        inputs,
        settings,
        device=forward.resolve_device(device),
        checkpoint=lineage.path(checkpoint_name, "ckpt"),
        monitor=monitor.part(0.3, 1),
    )
    if not save:
        lineage.forget_unfinished(checkpoint_name)
    return JointResult(
        collection,
        judged,
        models,
        settings,
        inputs,
        tuple(runs),
        joint_scores.testing(inputs),
        {stage: joint_scores.outcomes(inputs, runs, stage) for stage in STAGES},
        duplicates_by,
        time.monotonic() - began,
    )


def _open_triplets(name: str, monitor: Monitor) -> JudgementSet:
    judged = sets.open_(name, monitor=monitor)
    if not len(judged.triplets):  # raises for other kinds of trials
        raise BadDataError(f"{name!r} has no trials. Choose another set of judgements.")
    return judged


def _judged_rows(judged: JudgementSet, models: Sequence[str], monitor: Monitor) -> Array:
    """(I, D) features of the judged images side by side; missing ones are computed.

    Raises:
        BadDataError: images that cannot be read. Stopped: on request.
    """
    images = judged.triplets.images
    missing = [model for model in models if not features.has_features(images, model)]
    if missing:
        extraction.extract_images(images, missing, monitor)
        monitor.check("Stopped. Run the same command again to resume.")
    blocks = []
    for model in models:
        rows = features.for_images(images, model)
        if rows is None:
            raise BadDataError(
                f"Some images of {judged.name!r} have no features of {model}. Add the set again "
                "without the images that cannot be read."
            )
        blocks.append(rows)
    return adapt_inputs.side_by_side(blocks)


def save_backbone(result: JointResult, name: str) -> Lineage:
    """Save what the first fold learned from both as the backbone `learned:NAME`.

    Its features of the collection and of the judged images are stored.

    Raises:
        BadDataError: the name is in use or not allowed.
    """
    lineage.check_available(name)
    collection, folds = result.collection, result.inputs.folds
    file = lineage.path(name, "npz")
    result.adapter.save(file)
    test_pairs, test_trials = folds.test_pairs(0), folds.test_trials(0)
    ranks = result.outcomes["both"].ranks[: len(test_pairs)]
    earned = result.outcomes["both"].credits[: len(test_trials)]
    trial_groups = result.tested.trial_groups[: len(test_trials)].tolist()
    base = " + ".join(result.models)
    info = Lineage(
        name=lineage.PREFIX + name,
        kind="adaptation",
        paradigm=learned_backbones.JOINT,
        digest=collection.digest,
        base=result.models,
        settings=asdict(result.settings),
        seed=result.settings.seed,
        dim=result.adapter.width,
        description=f"Adapted from {base} on {collection.name} and {result.judgements.name}.",
        paper="",
        result=result.to_dict(),
        collection=collection.name,
        test_ids=tuple(collection.left.ids[row] for row in test_pairs),
        recall={str(k): float((ranks <= k).mean()) for k in asymmetric_recall.KS},
        judgements=result.judgements.name,
        test_trials=tuple(test_trials.tolist()),
        agreement=two_afc.over_groups(earned, trial_groups).value,
    )
    info = lineage.save(info, file, _training_keys(result))
    store_features(collection, info.name, result.adapter)
    judged = result.judgements.triplets.images
    store_rows(judged.keys, info.name, result.adapter, result.inputs.images)
    lineage.forget_unfinished(name)
    return info


def _training_keys(result: JointResult) -> list[str]:
    """Content keys of all pictures that the first fold may have learned from."""
    folds, triplets = result.inputs.folds, result.judgements.triplets
    trials = triplets.take(folds.seen_trials(0))
    rows = np.unique(np.concatenate([trials.ref, trials.left, trials.right]))
    keys = [triplets.images.keys[row] for row in rows]
    if result.settings.term == "quadruplet" and result.judgements.alternatives is not None:
        alternatives = result.judgements.alternatives[folds.seen_trials(0)]
        alternatives = np.unique(alternatives[alternatives >= 0])
        alternatives = alternatives[folds.fold[folds.pictures.images[alternatives]] != 0]
        keys += [triplets.images.keys[row] for row in alternatives]
    return [*content_keys(result.collection, folds.seen_pairs(0)), *keys]
