"""Losses of a run on its way, for whoever watches it: one small file beside what it makes."""

import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.data import cache_dir
from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.learning import adaptation, training_data
from simcore.lab.library import features, provenance, subsets
from simcore.models import adapter, registry
from simcore.models import lineage as models_lineage
from simcore.models.extract import extraction
from simcore.sim import rank
from simcore.sim.metrics import normalized
from simcore.types import Array, Collection

Curve = dict[str, list[float]]

CHANGES = ("right", "wrong", "all")

TEN_LINES = adapter.NUMPY_SNIPPET
SHOWN = 8  # pictures a row of the galleries (Fig. 4)


def write(save: str, losses: list[float], checks: list[float]) -> None:
    """Losses on the pairs learned from and on those that say when to stop, so far."""
    text = json.dumps({"loss": losses, "check": checks})
    cache_dir.write_atomic(models_lineage.path(save, "curve"), text.encode())


def read(save: str) -> Curve:
    """{"loss", "check"} of a run so far; empty where there is none of that name.

    Raises:
        BadDataError: the name is not allowed.
    """
    place = models_lineage.path(models_lineage.check_syntax(save), "curve")
    found: Curve = {"loss": [], "check": []}
    return json.loads(place.read_text()) if place.exists() else found


@dataclass(frozen=True, eq=False)
class TrialOutcome:
    """One learned backbone on its test trials.

    Attributes:
        judged: the test trials. before, after: (T,) what the base and the learned backbone earn by
            the majority: 1, 0, or 0.5 for a tie. said: {"before", "after"}: (T,) difference of the
            similarities, above 0 where the right picture is nearer.
    """

    name: str
    judged: JudgementSet
    before: Array
    after: Array
    said: dict[str, Array]

    def rows(self, which: str) -> list[int]:
        """Trials that came "right", that went "wrong", or "all"; those that moved most first."""
        change = self.after - self.before
        chosen = {"right": change > 0, "wrong": change < 0, "all": np.ones(len(change), bool)}
        moved = np.abs(self.said["after"] - self.said["before"])
        order = np.lexsort((-moved, -np.abs(change)))
        return [int(row) for row in order if chosen[which][row]]

    def trial(self, row: int) -> dict:
        """{"group", "ref", "left", "right" ({"id", "key"}), "vote", "before", "after"}; the last
        two say which side: "left", "right" or "a tie"."""
        asked = self.judged.triplets

        def image(place: int) -> dict:
            return {"id": asked.images.ids[place], "key": asked.images.keys[place]}

        sides = {-1: "left", 0: "a tie", 1: "right"}
        return {
            "group": asked.group[row],
            "ref": image(asked.ref[row]),
            "left": image(asked.left[row]),
            "right": image(asked.right[row]),
            "vote": float(asked.vote[row]),
            **{stage: sides[int(np.sign(v[row]))] for stage, v in self.said.items()},
        }


def trial_changes(name: str) -> TrialOutcome:
    """A learned backbone's test trials before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its set is gone.
        BadDataError: the set is another one by now, or features are gone.
    """
    told = models_lineage.lineage(name)
    judged = sets.open_(told["judgements"])
    if judged.digest != told["digest"]:
        raise BadDataError(
            f"found other judgements under {judged.name!r} than {name} was learned from; expected "
            "the same ones; add them again under that name to see what changed"
        )
    part = triplet_sets.part(judged, np.array(told["test_trials"], np.int64))
    typed = models_lineage.PREFIX + name.removeprefix(models_lineage.PREFIX)
    sides = {
        stage: pair_similarities.values(part, model, training_data.METRIC)
        for stage, model in (("before", told["base"][0]), ("after", typed))
    }
    vote = part.triplets.vote
    before, after = (
        two_afc.credit(left, right, vote, counting="majority") for left, right in sides.values()
    )
    said = {stage: right - left for stage, (left, right) in sides.items()}
    return TrialOutcome(name, part, before, after, said)


def trial_table(name: str) -> list[dict]:
    """Every backbone that was learned from a set, and its agreement with what it never saw."""
    found = []
    for one in listing():
        if one.get("judgements") == name:
            result = one["result"]
            before, after = (result[stage]["agreement"]["value"] for stage in ("before", "after"))
            found.append(
                {
                    "backbone": one["name"],
                    "paradigm": one["paradigm"],
                    "base": " + ".join(one["base"]),
                    "before %": round(100 * before, 1),
                    "after %": round(100 * after, 1),
                    "test trials": len(one["test_trials"]),
                    "seed": one["seed"],
                }
            )
    return found


def choices() -> list[str]:
    """Sets that can be learned from: those of triplets, and the one that needs no download."""
    here = [n for n in sets.names() if sets.summary(n).shape == "triplets"]
    return sorted({*here, sets.KNOWN})


def votes(name: str) -> str:
    """Whose answers a set holds: "human", or an order that is known."""
    return sets.summary(name).votes if name in sets.names() else "known order"


def teachable(name: str, models: list[str]) -> list[str]:
    """Those of some backbones that were learned from none of a set's pictures."""
    if name not in sets.names():
        return models  # made when it is first asked for
    guilty = provenance.trained_on_any(models, sets.open_(name).trials.images.keys)
    return [model for model in models if model not in guilty]


def listing() -> list[dict]:
    """Every learned backbone's name and lineage, and beside it what `learned.worth` tells."""
    found = [(name, models_lineage.lineage(name)) for name in models_lineage.names()]
    return [{"name": name, **told, **models_lineage.held_out_score(told)} for name, told in found]


def lineage(name: str) -> dict:
    """Where a learned backbone comes from, and how its runs went.

    Raises:
        UnknownNameError: no such one.
    """
    return models_lineage.lineage(name)


def remove(name: str) -> None:
    """Forget a learned backbone and its features, or a run that waits under this name.

    Raises:
        UnknownNameError: no such one.
    """
    stem = name.removeprefix(models_lineage.PREFIX)
    if stem in models_lineage.unfinished():
        models_lineage.forget_unfinished(stem)
        if models_lineage.PREFIX + stem not in models_lineage.names():
            return
    spec = registry.get(models_lineage.PREFIX + name.removeprefix(models_lineage.PREFIX))
    FeatureStore.shared().drop(extraction.feature_key(spec, "fp32"))
    models_lineage.remove(name)


@dataclass(frozen=True, eq=False)
class PairOutcome:
    """One learned backbone on its test pairs.

    Attributes:
        pairs: the test pairs. before, after: (T, T) cosine, of the base's features side by side and
            of the learned ones. ranks: {"before", "after"}: (T,) rank of the mate from the left.
    """

    name: str
    pairs: Collection
    before: Array
    after: Array
    ranks: dict[str, Array]

    def nearest(self, row: int, stage: str, k: int = SHOWN) -> list[int]:
        """The k right images most like the left one of a row."""
        values = self.before if stage == "before" else self.after
        return [int(i) for i in rank.top_k(values[row], min(k, len(values)))[0]]

    def rows(self, which: str) -> list[int]:
        """Test pairs "found" since (most gained first), "lost" since, or "all".

        A pair is found when its mate comes first.
        """
        was, now = self.ranks["before"], self.ranks["after"]
        chosen = {
            "found": (now == 1) & (was > 1),
            "lost": (now > 1) & (was == 1),
            "all": np.ones(len(now), bool),
        }[which]
        order = np.argsort(-np.abs(was - now), kind="stable")
        return [int(row) for row in order if chosen[row]]


def pair_changes(name: str) -> PairOutcome:
    """A learned backbone's test pairs before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its collection is gone.
        BadDataError: the features of its base are gone.
    """
    told = models_lineage.lineage(name)
    return _outcome(name, told["sha256"], subsets.open_subset(told["collection"], f"unseen:{name}"))


@lru_cache(maxsize=8)
def _outcome(name: str, _digest: str, collection: Collection) -> PairOutcome:
    told = models_lineage.lineage(name)
    both = adaptation.gathered(collection, told["base"])
    before = np.nan_to_num(both.left) @ np.nan_to_num(both.right).T
    pairs = collection.pairs()
    typed = models_lineage.PREFIX + name.removeprefix(models_lineage.PREFIX)
    sides = [features.for_side(collection, s, typed) for s in (pairs.queries, pairs.gallery)]
    left, right = (normalized(side.values) for side in sides)
    after = left @ right.T
    ranks = {
        stage: rank.mate_ranks(values, pairs.target)
        for stage, values in (("before", before), ("after", after))
    }
    return PairOutcome(name, collection, before, after, ranks)


def file(name: str) -> bytes:
    """An adaptation's .npz, for whoever wants to use it elsewhere with `TEN_LINES`.

    Raises:
        UnknownNameError: no such learned backbone.
    """
    stem = name.removeprefix(models_lineage.PREFIX)
    return models_lineage.path(
        stem, models_lineage.lineage(stem)["file"].rpartition(".")[2]
    ).read_bytes()


def pair_table(collection: str) -> list[dict]:
    """Every learned backbone of a collection: what it was made of, and aR on its test pairs."""
    return [
        {
            "backbone": one["name"],
            "paradigm": one["paradigm"],
            "base": " + ".join(one["base"]),
            **{f"aR@{k} %": round(100 * one["aR"][str(k)], 1) for k in asymmetric_recall.KS},
            "test pairs": len(one["test_ids"]),
            "seed": one["seed"],
        }
        for one in listing()
        if one.get("collection") == collection
    ]
