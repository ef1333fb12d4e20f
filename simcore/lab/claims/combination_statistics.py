"""Statistics of claims about combinations: the best is chosen on one half, tested on the other."""

import hashlib
from collections.abc import Callable
from typing import cast

import numpy as np

from simcore import memory
from simcore.evaluate.claims import resampling, statistics
from simcore.evaluate.claims.resampling import HalfScores
from simcore.evaluate.combinations import subset_statistics
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.claims.pair_statistics import Estimate
from simcore.lab.claims.universe_pairs import PairData
from simcore.recipe import Combination
from simcore.types import Array

SHAPE = ("shp", "hog", "edges")  # backbones of shape, the first one that is extracted counts
LEADING = 0.1  # share of the combinations of four that counts as leading
FOUR = 4
FEWEST = 3  # backbones of a search


class _Search:
    """All combinations of one universe, and the families that claims choose from."""

    def __init__(self, data: PairData, combine: Combination | None = None) -> None:
        if len(data.backbones) < FEWEST:  # fewer leave nothing to choose from
            raise UndecidableError(f"at least {FEWEST} backbones")
        self.data = data
        self.combine = combine or cast(Combination, data.universe.get("combine"))
        self.table = data.combinations(self.combine)
        self.sizes = subset_statistics.sizes(len(data.backbones))
        self.masks = np.arange(len(self.table))

    def of_size(self, size: int) -> Array:
        """Masks of the combinations of a size."""
        return np.flatnonzero(self.sizes == size)

    @property
    def several(self) -> Array:
        """Masks of the combinations of two or more."""
        return np.flatnonzero(self.sizes > 1)

    @property
    def singles(self) -> Array:
        """Masks of the backbones alone."""
        return self.of_size(1)

    def only(self, *kinds: str) -> Array:
        """Masks of the combinations of backbones of some kinds alone."""
        members = self.data.of_kind(*kinds)
        allowed = sum(1 << k for k, name in enumerate(self.data.backbones) if name in members)
        return np.flatnonzero((self.masks & ~allowed == 0) & (self.sizes > 0))

    def networks_alone(self) -> Array:
        """Masks of the networks alone."""
        return np.intersect1d(self.only("networks"), self.singles)

    def best(self, *families: Array) -> Callable[[Array], Array]:
        """(R, Q) weights -> (R, F) mean hits of the best of each family."""
        return lambda weights: resampling.best_of_families(self.halves(weights), families)

    def halves(self, weights: Array) -> list[HalfScores]:
        """Scores of all combinations on both halves of each split."""
        # All claims draw from one sequence of samples, which two of them identify.
        ends = weights[[0, -1]].tobytes()
        samples = len(weights), hashlib.blake2b(ends).digest()
        return memory.get(
            ("claims halves", *self.data.search_key(self.combine), samples),
            lambda: resampling.both_halves(weights, self.table, self.data.splits),
        )

    def difference(self, first: Array, second: Array, note: str = "") -> Estimate:
        """Mean hits of the best of one family minus that of another."""
        best = self.best(second, first)
        return Estimate(lambda weights: np.diff(best(weights), axis=1), note=note)

    def quotient(self, first: Array, second: Array) -> Estimate:
        """Mean hits of the best of one family over that of another."""
        best = self.best(first, second)

        def compute(weights: Array) -> Array:
            hits = best(weights)
            with np.errstate(invalid="ignore", divide="ignore"):
                value: Array = np.where(hits[:, 1] > 0, hits[:, 0] / hits[:, 1], np.nan)
            return value[:, None]

        return Estimate(compute)


def best_minus_best_network(data: PairData) -> Estimate:
    """The best combination minus the best network."""
    search = _Search(data)
    return search.difference(search.several, search.networks_alone())


def gap_closed(data: PairData) -> Estimate:
    """The share of the best network's misses that the best combination adds."""
    search = _Search(data)
    best = search.best(search.several, search.networks_alone())

    def compute(weights: Array) -> Array:
        several, single = best(weights).T
        with np.errstate(invalid="ignore", divide="ignore"):
            value: Array = np.where(single < 1, (several - single) / (1 - single), np.nan)
        return value[:, None]

    return Estimate(compute)


def best_minus_single(data: PairData) -> Estimate:
    """The best combination of two or more minus the best single backbone."""
    search = _Search(data)
    return search.difference(search.several, search.singles)


def every_two_minus_single(data: PairData) -> Estimate:
    """Each combination of two minus the best single backbone."""
    search = _Search(data)
    twos = search.of_size(2)
    best = search.best(search.singles)
    means = statistics.mean(search.table[twos])
    members = tuple(
        " + ".join(name for k, name in enumerate(data.backbones) if mask >> k & 1) for mask in twos
    )
    return Estimate(
        lambda weights: means(weights) - best(weights), members, f"{len(twos)} combinations of two"
    )


def best_minus_all(data: PairData, *, combine: Combination) -> Estimate:
    """The best combination minus that of all backbones."""
    search = _Search(data, combine)
    everything = search.of_size(len(data.backbones))
    return search.difference(np.setdiff1d(search.several, everything), everything)


def peak_difference(data: PairData) -> Estimate:
    """At how many backbones plain sums peak, minus the same of z-sums."""
    plain, zsum = _Search(data, "sum"), _Search(data, "zsum")
    by_size = [plain.of_size(size) for size in range(1, len(data.backbones) + 1)]
    curves = plain.best(*by_size), zsum.best(*by_size)

    def compute(weights: Array) -> Array:
        peaks = [np.argmax(curve(weights), axis=1) + 1 for curve in curves]
        return (peaks[0] - peaks[1]).astype(np.float64)[:, None]

    return Estimate(compute, note="number of backbones")


def zsum_over_sum(data: PairData) -> Estimate:
    """Hits of the best z-sum over hits of the best plain sum."""
    searches = [_Search(data, combine) for combine in ("zsum", "sum")]
    best = [search.best(search.several) for search in searches]

    def compute(weights: Array) -> Array:
        zsum, plain = (chosen(weights) for chosen in best)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(plain > 0, zsum / plain, np.nan)

    return Estimate(compute)


def best_over_single(data: PairData) -> Estimate:
    """Hits of the best combination over hits of the best single backbone."""
    search = _Search(data)
    return search.quotient(search.several, search.singles)


def best_over_network(data: PairData) -> Estimate:
    """Hits of the best combination over hits of the best network."""
    search = _Search(data)
    return search.quotient(search.several, search.networks_alone())


def four_minus_any(data: PairData) -> Estimate:
    """The best z-sum of four minus the best of any size."""
    _require_four(data)
    search = _Search(data, "zsum")
    return search.difference(search.of_size(FOUR), search.several)


def participation_correlation(data: PairData) -> Estimate:
    """Spearman's correlation over backbones of hits alone and participation in leading fours."""
    _require_four(data)
    search = _Search(data)
    participation = _participation(search)

    def compute(weights: Array) -> Array:
        alone = weights @ search.table[search.singles].T
        return statistics.rank_correlation(alone, participation(weights))[:, None]

    return Estimate(compute, note=f"over {len(data.backbones)} backbones")


def shape_participation(data: PairData) -> Estimate:
    """Participation of shape features in the leading combinations of four, minus that of chance."""
    _require_four(data)
    shape = next((name for name in SHAPE if name in data.backbones), "")
    if not shape:
        raise UndecidableError(
            f"features of {', '.join(SHAPE[:-1])} or {SHAPE[-1]}", backbones=["hog"]
        )
    participation = _participation(_Search(data))
    column, chance = data.backbones.index(shape), FOUR / len(data.backbones)
    return Estimate(
        lambda weights: participation(weights)[:, [column]] - chance,
        note=f"{shape}; chance is {chance:.2f}",
    )


def _participation(search: _Search) -> Callable[[Array], Array]:
    """(R, Q) weights -> (R, M) share of the leading combinations of four with each backbone."""
    fours = search.of_size(FOUR)
    leading = max(1, round(LEADING * fours.size))
    members = (fours[:, None] >> np.arange(len(search.data.backbones)) & 1).astype(np.float64)
    columns = search.table[fours].T

    def compute(weights: Array) -> Array:
        order = np.argsort(-(weights @ columns), axis=1, kind="stable")[:, :leading]
        share: Array = members[order].mean(axis=1)
        return share

    return compute


def weakest_loss(data: PairData) -> Estimate:
    """Loss without the weakest member of the best combination, minus the median of the others."""
    return _member_loss(_Search(data), weakest=True)


def least_loss(data: PairData) -> Estimate:
    """Loss without the member of the best combination that contributes least."""
    return _member_loss(_Search(data), weakest=False)


def _member_loss(search: _Search, *, weakest: bool) -> Estimate:
    """What the best combination loses without a member; both are chosen on one half."""
    count = len(search.data.backbones)
    nonempty = search.sizes > 0
    without = [np.flatnonzero((search.masks >> k & 1 == 0) & nonempty) for k in range(count)]

    def loss(half: HalfScores) -> Array:
        """(R,) queries lost on the half that tests."""
        rows = np.arange(len(half.pairs))
        best = search.several[np.argmax(half.chosen_by[:, search.several], axis=1)]
        is_member = (best[:, None] >> np.arange(count) & 1).astype(bool)
        replaced = np.stack(
            [masks[np.argmax(half.chosen_by[:, masks], axis=1)] for masks in without], axis=1
        )
        column = rows[:, None]
        on_choice = half.chosen_by[rows, best][:, None] - half.chosen_by[column, replaced]
        on_test = half.tested_on[rows, best][:, None] - half.tested_on[column, replaced]
        if not weakest:
            return on_test[rows, np.argmin(np.where(is_member, on_choice, np.inf), axis=1)]
        alone = np.where(is_member, half.chosen_by[:, search.singles], np.inf)
        chosen = np.argmin(alone, axis=1)
        others = is_member.copy()
        others[rows, chosen] = False
        median = np.nanmedian(np.where(others, on_test, np.nan), axis=1)
        difference: Array = on_test[rows, chosen] - median
        return difference

    def compute(weights: Array) -> Array:
        halves = search.halves(weights)
        lost = sum(loss(half) for half in halves)
        pairs = sum(half.pairs for half in halves)
        return np.asarray(lost / pairs)[:, None]

    return Estimate(compute)


def oracle_over_best(data: PairData) -> Estimate:
    """Mates that any single backbone finds, over hits of the best combination."""
    search = _Search(data)
    any_single = search.table[search.singles].max(axis=0)
    best = search.best(search.several)

    def compute(weights: Array) -> Array:
        oracle = (weights @ any_single)[:, None] / weights.sum(axis=1, keepdims=True)
        hits = best(weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(hits > 0, oracle / hits, np.nan)

    return Estimate(compute)


def diverse_minus_networks(data: PairData) -> Estimate:
    """The best combination across kinds minus the best of as many networks."""
    search = _Search(data)
    networks = search.only("networks")
    size = len(data.of_kind("networks"))
    if size < 2:
        raise UndecidableError("two or more networks")
    if len(data.backbones) == size:
        raise UndecidableError("backbones of another kind than networks")
    of_size = search.of_size(size)
    mixed = np.setdiff1d(of_size, networks)
    return search.difference(mixed, np.intersect1d(of_size, networks), f"{size} backbones each")


def _require_four(data: PairData) -> None:
    if len(data.backbones) <= FOUR:
        raise UndecidableError("more than four backbones")


STATISTICS: dict[str, Callable[..., Estimate]] = {
    function.__name__: function
    for function in (
        best_minus_best_network,
        gap_closed,
        best_minus_single,
        every_two_minus_single,
        best_minus_all,
        peak_difference,
        zsum_over_sum,
        best_over_single,
        best_over_network,
        four_minus_any,
        participation_correlation,
        shape_participation,
        weakest_loss,
        least_loss,
        oracle_over_best,
        diverse_minus_networks,
    )
}
