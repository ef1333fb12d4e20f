"""Figure 5.1 of margaritescu2024: models under metrics on the 11 triplet sets, grouped as there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.judgements.triplet_sets import PANELS
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.judgements.triplet_combinations import Sides
from simcore.types import Array, Score


@dataclass(frozen=True)
class Bar:
    """One bar of the figure.

    Attributes:
        panel, metric, model: where it stands.
        score: mean of the sets' accuracies. sets: the sets that it is the mean of, and theirs.
        best: whether no bar of the panel is higher (the green triangle).
    """

    panel: str
    metric: str
    model: str
    score: Score
    sets: dict[str, Score]
    best: bool = False


def bars(
    judged: Mapping[str, Mapping[tuple[str, str], Sides]], votes: Mapping[str, Array]
) -> list[Bar]:
    """All bars of the panels whose sets are given (section 5.2); a panel lacking a set is left out.

    As there, a triplet is right or wrong by what most people chose (share votes are rounded to the
    majority); a tie of the model is 0.5.

    Args:
        judged: set name -> (model, metric; "own" for a distance) -> (left, right), each (T,).
        votes: set name -> (T,).
    """
    found: list[Bar] = []
    for panel, sets in PANELS.items():
        if not all(name in judged for name in sets):
            continue
        keys = [key for key in judged[sets[0]] if all(key in judged[name] for name in sets)]
        made = []
        for model, metric in keys:
            earned = {
                name: two_afc.credit(*judged[name][model, metric], votes[name], counting="majority")
                for name in sets
            }
            group = np.repeat(list(earned), [e.size for e in earned.values()]).tolist()
            whole = two_afc.over_groups(np.concatenate(list(earned.values())), group, name=panel)
            if len(sets) == 1:
                whole = two_afc.mean(earned[sets[0]], panel)
            made.append(
                Bar(panel, metric, model, whole, {n: two_afc.mean(e, n) for n, e in earned.items()})
            )
        found += _marked(made)
    return found


def _marked(made: Sequence[Bar]) -> list[Bar]:
    top = max((bar.score.value for bar in made), default=0.0)
    return [
        Bar(b.panel, b.metric, b.model, b.score, b.sets, best=b.score.value >= top - 1e-12)
        for b in made
    ]
