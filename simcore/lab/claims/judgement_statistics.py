"""Statistics of claims about people's judgements (or a known order) of triplets."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import cast

import numpy as np

from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.evaluate.claims import resampling, statistics
from simcore.evaluate.claims.resampling import half_splits, held_out_means
from simcore.evaluate.judgements import triplet_combinations, two_afc
from simcore.evaluate.judgements.two_afc import Counting
from simcore.lab.claims import universe_pairs
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.claims.pair_statistics import Estimate, family
from simcore.lab.judgements import pair_similarities
from simcore.models import registry
from simcore.types import METRICS, Array


class JudgementData:
    """One set of triplets in one universe.

    Attributes:
        pair_hits: backbone -> share of hits at 1 on the collection of the call.
    """

    def __init__(
        self,
        judged: JudgementSet,
        backbones: Sequence[str],
        universe: Universe,
        pair_hits: dict[str, float],
    ) -> None:
        if not isinstance(judged.trials, Triplets):
            raise UndecidableError("a set of triplets in `--judgements`")
        self.judged = judged
        self.trials: Triplets = judged.trials
        self.universe = universe
        self.pair_hits = pair_hits
        self.backbones = tuple(
            name
            for name in backbones
            if universe_pairs.kind(name) != "face" and pair_similarities.ready(judged, name)
        )
        if not self.backbones:
            raise UndecidableError(f"features for the images of {judged.name}")

    @cached_property
    def groups(self) -> Array:
        """(T,) trials with the same reference are not independent."""
        keys = np.array(self.trials.images.keys)[self.trials.ref]
        return np.unique(keys, return_inverse=True)[1]

    @cached_property
    def splits(self) -> Array:
        """(S, T) halves for choices."""
        return half_splits(self.groups)

    def weights(self, draws: int) -> Array:
        """(R, T) bootstrap samples of references."""
        return resampling.sample_weights(self.groups, draws)

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """The backbones of a kind.

        Raises:
            UndecidableError: there is none.
        """
        chosen = tuple(name for name in self.backbones if universe_pairs.kind(name) == kind)
        if not chosen:
            raise UndecidableError(f"a backbone of kind {kind}")
        return chosen

    def credit(self, backbone: str, metric: str = "") -> Array:
        """(T,) what a backbone earns on each trial."""
        values = pair_similarities.values(
            self.judged, backbone, metric or self.universe.get("judgement_metric")
        )
        counting = cast(Counting, self.universe.get("counting"))
        return two_afc.credit(values[0], values[1], self.trials.vote, counting=counting)

    def combinations(self, combine: str) -> Array:
        """(2^M, T) float32 what each combination earns; the empty one 0.5."""
        universe_pairs.check_combinations(self.backbones)
        sides = [pair_similarities.values(self.judged, name) for name in self.backbones]
        margins = np.stack(
            [triplet_combinations.signed_margin((s[0], s[1]), combine) for s in sides]
        )
        masks = np.arange(1 << len(margins))
        members = (masks[:, None] >> np.arange(len(margins)) & 1).astype(np.float64)
        vote = self.trials.vote
        if self.universe.get("counting") == "majority":
            vote = (np.sign(vote - 0.5) + 1) / 2
        earned: Array = 0.5 + np.sign(members @ margins) * (vote - 0.5)
        return earned.astype(np.float32)


def judged_combination_gain(data: JudgementData) -> Estimate:
    """The best combination of two or more minus the best single backbone."""
    table = data.combinations(data.universe.get("combine"))
    sizes = universe_pairs.sizes(data.backbones)
    families = [np.flatnonzero(sizes == 1), np.flatnonzero(sizes > 1)]
    return Estimate(
        lambda weights: np.diff(held_out_means(weights, table, data.splits, families), axis=1)
    )


def judged_normalization_gain(data: JudgementData) -> Estimate:
    """The best z-sum minus the best plain sum."""
    tables = [data.combinations(combine) for combine in ("zsum", "sum")]
    several = [np.flatnonzero(universe_pairs.sizes(data.backbones) > 1)]

    def compute(weights: Array) -> Array:
        zsum, plain = (held_out_means(weights, t, data.splits, several) for t in tables)
        return zsum - plain

    return Estimate(compute)


def judged_handmade_minus_network(data: JudgementData) -> Estimate:
    """The best handmade descriptor minus the best network, both chosen on the other half."""
    networks, handmade = data.of_kind("networks"), data.of_kind("handmade")
    table = np.stack([data.credit(name) for name in (*networks, *handmade)]).astype(np.float32)
    families = [np.arange(len(networks)), np.arange(len(networks), len(table))]
    return Estimate(
        lambda weights: np.diff(held_out_means(weights, table, data.splits, families), axis=1)
    )


def judged_and_pairs_correlation(data: JudgementData) -> Estimate:
    """Spearman's correlation over backbones of agreement with judgements and hits on pairs."""
    names = [name for name in data.backbones if name in data.pair_hits]
    if len(names) < 4:
        raise UndecidableError("four backbones with features of both")
    table = np.stack([data.credit(name) for name in names]).T
    hits = np.array([[data.pair_hits[name] for name in names]])

    def compute(weights: Array) -> Array:
        scores = weights @ table
        return statistics.rank_correlation(scores, np.repeat(hits, len(scores), axis=0))[:, None]

    return Estimate(compute, note=f"over {len(names)} backbones")


def judged_cosine_best(data: JudgementData) -> Estimate:
    """Agreement by cosine minus agreement by L2 or L1, for each backbone."""
    names = [name for name in data.backbones if registry.get(name).metric == "cosine"]
    if not names:
        raise UndecidableError("a backbone that is compared by cosine")
    others = [metric for metric in METRICS if metric != "cosine"]
    rows = [data.credit(n, "cosine") - data.credit(n, other) for n in names for other in others]
    return family(rows, [f"{name} against {other.upper()}" for name in names for other in others])


def judged_first_minus_second(
    data: JudgementData, *, first: Sequence[str], second: Sequence[str]
) -> Estimate:
    """Mean agreement of some backbones minus that of others."""
    absent = [n for n in (*first, *second) if not pair_similarities.ready(data.judged, n)]
    if absent:
        raise UndecidableError(f"features of {', '.join(absent)} for {data.judged.name}")
    rows = [np.mean([data.credit(name) for name in names], axis=0) for names in (first, second)]
    return family([rows[0] - rows[1]], [""])


STATISTICS: dict[str, Callable[..., Estimate]] = {
    function.__name__: function
    for function in (
        judged_combination_gain,
        judged_normalization_gain,
        judged_handmade_minus_network,
        judged_and_pairs_correlation,
        judged_cosine_best,
        judged_first_minus_second,
    )
}
