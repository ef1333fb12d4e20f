"""What fine-tuning on judgements changed, trial by trial, on those that it never saw."""

from dataclasses import dataclass

import numpy as np

from simcore.data.trials import sets
from simcore.data.trials.nouns import Judgements
from simcore.errors import BadDataError
from simcore.evaluate import twoafc
from simcore.lab import alike, judgements, learning, seen, sources
from simcore.models import learned
from simcore.types import Array

CHANGES = ("right", "wrong", "all")


@dataclass(frozen=True, eq=False)
class Outcome:
    """One learned backbone on its test trials.

    Attributes:
        judged: the test trials. before, after: (T,) what the base and the learned backbone earn by
            the majority: 1, 0, or 0.5 for a tie. said: {"before", "after"}: (T,) difference of the
            similarities, above 0 where the right picture is nearer.
    """

    name: str
    judged: Judgements
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


def outcome(name: str) -> Outcome:
    """A learned backbone's test trials before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its set is gone.
        BadDataError: the set is another one by now, or features are gone.
    """
    told = learned.lineage(name)
    judged = judgements.open_(told["judgements"])
    if judged.digest != told["digest"]:
        raise BadDataError(
            f"found other judgements under {judged.name!r} than {name} was learned from; expected "
            "the same ones; add them again under that name to see what changed"
        )
    part = sets.part(judged, np.array(told["test_trials"], np.int64))
    typed = learned.PREFIX + name.removeprefix(learned.PREFIX)
    sides = {
        stage: alike.values(part, model, sources.METRIC)
        for stage, model in (("before", told["base"][0]), ("after", typed))
    }
    vote = part.triplets.vote
    before, after = (
        twoafc.credit(left, right, vote, counting="majority") for left, right in sides.values()
    )
    said = {stage: right - left for stage, (left, right) in sides.items()}
    return Outcome(name, part, before, after, said)


def table(name: str) -> list[dict]:
    """Every backbone that was learned from a set, and its agreement with what it never saw."""
    found = []
    for one in learning.listing():
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
    here = [n for n in judgements.names() if judgements.summary(n)["shape"] == "triplets"]
    return sorted({*here, judgements.KNOWN})


def votes(name: str) -> str:
    """Whose answers a set holds: "human", or an order that is known."""
    return judgements.summary(name)["votes"] if name in judgements.names() else "known order"


def teachable(name: str, models: list[str]) -> list[str]:
    """Those of some backbones that were learned from none of a set's pictures."""
    if name not in judgements.names():
        return models  # made when it is first asked for
    guilty = seen.of(models, judgements.open_(name).trials.images.keys)
    return [model for model in models if model not in guilty]
