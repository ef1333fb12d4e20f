"""The pairs of a collection in one universe: hits of backbones and of all their combinations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcore import memory
from simcore.evaluate.claims import resampling
from simcore.evaluate.combinations import subset_search, subset_statistics
from simcore.evaluate.retrieval import associative_recall, face_counts
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.evaluate import recall
from simcore.lab.library import duplicates, features, similarity, subsets
from simcore.models import registry
from simcore.recipe import Combination
from simcore.sim import rank
from simcore.sim.combine import Moments, PreparedSides
from simcore.types import Array, Collection, Direction, Metric

MAX_BACKBONES = 12  # 4,095 combinations, each resampled thousands of times
KINDS = ("networks", "handmade", "face")


def kind(backbone: str) -> str:
    """One of `KINDS`.

    >>> kind("hog"), kind("face")
    ('handmade', 'face')
    """
    groups = registry.get(backbone).groups
    return "face" if "faces" in groups else "handmade" if "handmade" in groups else "networks"


@dataclass(frozen=True, eq=False)
class MateRanks:
    """Where each query's mate ranks.

    Attributes:
        ahead: (Q,) images that are more similar than the mate; G without evidence about the mate.
        tied: (Q,) other images that are exactly as similar.
        gallery: G.
    """

    ahead: Array
    tied: Array
    gallery: int

    def hits(self, k: int, ties: str) -> Array:
        """(Q,) float64: whether the mate is among the first k, a share for ties broken at random.

        >>> MateRanks(np.array([0, 0]), np.array([1, 0]), 3).hits(1, "half").tolist()
        [0.5, 1.0]
        """
        if ties == "half":
            return np.clip((k - self.ahead) / (self.tied + 1), 0, 1)
        first = self.ahead + (self.tied if ties == "against" else 0)
        return (first < k).astype(np.float64)

    def associative(self, m: int, ties: str) -> Array:
        """(Q,) probability that the mate comes first among m images, the others drawn at random."""
        first = self.ahead + 1
        last = first + self.tied

        def recall_at(ranks: Array) -> Array:
            return associative_recall.exact_recall(ranks, self.gallery, m)

        if ties != "half":
            return recall_at(last if ties == "against" else first)
        shares = recall_at(first)
        for row in np.flatnonzero(self.tied):  # each place among the ties is equally likely
            shares[row] = recall_at(np.arange(first[row], last[row] + 1)).mean()
        return shares


class PairData:
    """The pairs of a collection in one universe; everything is computed once and shared."""

    def __init__(self, name: str, backbones: Sequence[str], universe: Universe) -> None:
        self.name = name
        self.backbones = tuple(backbones)
        self.universe = universe
        self.direction: Direction = "rl" if universe.get("direction") == "rl" else "lr"
        self.collection: Collection = subsets.open_subset(name, universe.get("subset"))
        self.pairs = self.collection.pairs(self.direction)
        self.ties = universe.get("ties")

    @property
    def count(self) -> int:
        """Q, the number of pairs."""
        return len(self.pairs)

    @cached_property
    def digest(self) -> str:
        """Changes with the images and their order."""
        return recall.pairs_digest(self.collection)

    @cached_property
    def groups(self) -> Array:
        """(Q,) pairs that share an image or a near-duplicate have the same group."""
        backbone = duplicates.default_backbone_if_ready(self.collection)
        key = ("claims groups", self.digest, backbone, duplicates.verdicts_changed(self.name))
        return memory.get(key, lambda: duplicates.pair_groups(self.collection)[0])

    @cached_property
    def splits(self) -> Array:
        """(S, Q) halves for choices."""
        return resampling.half_splits(self.groups)

    def weights(self, draws: int) -> Array:
        """(R, Q) the bootstrap samples that all claims about these pairs share."""
        key = ("claims samples", self.digest, self.groups.tobytes(), draws)
        return memory.get(key, lambda: resampling.sample_weights(self.groups, draws))

    def of_kind(self, *kinds: str) -> tuple[str, ...]:
        """The backbones of some kinds.

        Raises:
            UndecidableError: there is none.
        """
        chosen = tuple(name for name in self.backbones if kind(name) in kinds)
        if not chosen:
            raise UndecidableError(f"a backbone of kind {' or '.join(kinds)}")
        return chosen

    def require(self, names: Sequence[str]) -> None:
        """Check that backbones have features in this collection.

        Raises:
            UndecidableError: some have none.
        """
        absent = [name for name in names if not features.is_ready(self.collection, name)]
        if absent:
            raise UndecidableError(f"features of {', '.join(absent)}")

    def metric(self, backbone: str) -> Metric:
        """The metric of a backbone in this universe."""
        name = self.universe.get("metric")
        if name == "l2":
            return "l2"
        if name == "l1":
            return "l1"
        return "cosine" if name == "cosine" else registry.get(backbone).metric

    def ranks(self, backbone: str, metric: Metric | None = None) -> MateRanks:
        """The ranks of the mates under one backbone, by default with the universe's metric."""
        metric = metric or self.metric(backbone)
        return memory.get(
            ("claims ranks", *self._key([backbone]), metric),
            lambda: self._rank(backbone, metric),
        )

    def hits(self, backbone: str, k: int = 1, metric: Metric | None = None) -> Array:
        """(Q,) whether a backbone ranks the mate among the first k, under the rule for ties."""
        return self.ranks(backbone, metric).hits(k, self.ties)

    def face_counts(self) -> face_counts.FaceCounts:
        """Faces per image by the universe's detector.

        Raises:
            UndecidableError: no detector has run.
        """
        detector = self.universe.get("detector")
        self.require([detector])
        return face_counts.count(*duplicates.both_sides(self.collection, detector))

    def combinations(self, combine: Combination) -> Array:
        """(2^M, Q) float32: whether each subset of the backbones ranks the mate first.

        Every tie counts against the mate; row 0, the empty subset, finds nothing.

        Raises:
            UndecidableError: fewer than two backbones, or too many.
        """
        if not 2 <= len(self.backbones) <= MAX_BACKBONES:
            raise UndecidableError(
                f"2 to {MAX_BACKBONES} backbones, got {len(self.backbones)}; name them with "
                "`--models`"
            )
        scale = self.universe.get("scale") if combine == "zsum" else ""
        settings = self.universe.get("metric"), self.universe.get("missing"), scale, combine
        return memory.get(
            ("claims search", *self._key(self.backbones), *settings),
            lambda: _search(self, combine),
        )

    def sides(self, backbones: Sequence[str]) -> list[PreparedSides]:
        """Both sides of some backbones under the universe's metric."""
        return [
            similarity.sides(self.collection, [name], self.direction, self.metric(name), "none")[0]
            for name in backbones
        ]

    def _key(self, backbones: Sequence[str]) -> tuple[object, ...]:
        identities = tuple(features.identity(self.collection, name) for name in backbones)
        return self.digest, tuple(backbones), identities, self.direction

    def _rank(self, backbone: str, metric: Metric) -> MateRanks:
        (sides,) = similarity.sides(self.collection, [backbone], self.direction, metric, "none")
        gallery = len(self.pairs.gallery)
        ahead, tied = np.empty(self.count, np.int64), np.empty(self.count, np.int64)
        for start, values in sides.stream():
            rows = slice(start, start + len(values))
            mate = values[np.arange(len(values)), self.pairs.target[rows]][:, None]
            known = ~np.isnan(mate[:, 0])
            ahead[rows] = np.where(known, (values > mate).sum(axis=1), gallery)
            tied[rows] = np.where(known, (values == mate).sum(axis=1) - 1, 0)
        return MateRanks(ahead, tied, gallery)


def _search(data: PairData, combine: Combination) -> Array:
    """`PairData.combinations` without a cache."""
    sides = data.sides(data.backbones)
    moments = [side.moments() for side in sides]
    by_rows = combine == "zsum" and data.universe.get("scale") == "rows"
    scale = moments if combine == "zsum" and not by_rows else None
    absent = [_absent(side) for side in sides]
    fills = _fills(data, sides, scale, by_rows, absent)

    def blocks() -> subset_search.Blocks:
        streams = subset_search.zip_streams([side.stream() for side in sides])
        for start, matrices in streams:
            filled = [
                np.nan_to_num(_by_row(values) if by_rows else values, nan=fill)
                for values, fill in zip(matrices, fills, strict=True)
            ]
            yield start, filled

    hits = subset_search.search(data.backbones, blocks(), data.pairs.target, scale=scale)
    size = 1 << len(data.backbones)
    table = np.unpackbits(hits.packed, axis=1, count=size, bitorder="little").T
    table = np.ascontiguousarray(table, np.float32)
    table[0] = 0
    _without_evidence(data, table, absent)
    _gappy_alone(data, table, combine, absent)
    return table


def _absent(sides: PreparedSides) -> tuple[Array, Array]:
    """(Q,) and (G,) bool: images without any row of features (no face)."""
    queries, gallery = (
        np.bincount(side.index, minlength=side.count) == 0 for side in (sides.queries, sides.gallery)
    )
    return queries, gallery


def _is_gappy(absent: tuple[Array, Array]) -> bool:
    return bool(absent[0].any() or absent[1].any())


def _fills(
    data: PairData,
    sides: Sequence[PreparedSides],
    scale: Sequence[Moments] | None,
    by_rows: bool,
    absent: Sequence[tuple[Array, Array]],
) -> list[float]:
    """The value of a pair of images about which a backbone has no evidence, for each backbone."""
    moments = [side.moments() for side in sides]
    if data.universe.get("missing") == "mean":
        return [0.0 if by_rows else each.mean for each in moments]
    if not any(map(_is_gappy, absent)):
        return [0.0] * len(sides)
    # Lower than any sum of the others: no standardized value of n exceeds the root of n.
    if by_rows or scale is not None:
        n = len(data.pairs.gallery) * (1 if by_rows else data.count)
        lowest = -2.0 * len(sides) * float(np.sqrt(n)) - 1
        return [lowest if by_rows else each.mean + lowest * each.std for each in moments]
    extents = [
        max(float(np.nanmax(np.abs(values), initial=0.0)) for _, values in side.stream())
        for side in sides
    ]
    return [-2.0 * sum(extents) - 1] * len(sides)


def _by_row(values: Array) -> Array:
    """Each row standardized by its own mean and deviation; a constant row becomes 0."""
    wide = values.astype(np.float64)
    known = ~np.isnan(wide)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    center = np.where(known, wide, 0).sum(axis=1, keepdims=True) / count
    deviation = np.where(known, wide - center, 0)
    spread = np.sqrt((deviation**2).sum(axis=1, keepdims=True) / count)
    scaled = np.divide(wide - center, spread, out=np.zeros_like(wide), where=spread > 0)
    return np.where(known, scaled, np.nan).astype(np.float32)


def _without_evidence(data: PairData, table: Array, absent: Sequence[tuple[Array, Array]]) -> None:
    """A mate is never found without evidence: of any member, or under "worst" of every member."""
    masks = np.arange(len(table))
    known = np.stack([~queries & ~gallery[data.pairs.target] for queries, gallery in absent])
    members = (masks[:, None] >> np.arange(len(absent)) & 1).astype(np.float32)
    with_evidence = members @ known.astype(np.float32)
    needed = 1 if data.universe.get("missing") == "mean" else members.sum(axis=1, keepdims=True)
    table[with_evidence < needed] = 0


def _gappy_alone(
    data: PairData, table: Array, combine: Combination, absent: Sequence[tuple[Array, Array]]
) -> None:
    """Subsets of backbones with gaps only: an image without any evidence is no rival."""
    gappy = [k for k, each in enumerate(absent) if _is_gappy(each)]
    if not gappy or data.universe.get("missing") == "worst":
        return
    sides = data.sides([data.backbones[k] for k in gappy])
    moments = [side.moments() for side in sides]
    by_rows = combine == "zsum" and data.universe.get("scale") == "rows"
    streams = subset_search.zip_streams([side.stream() for side in sides])
    for start, matrices in streams:
        rows = np.arange(start, start + len(matrices[0]))
        parts = []
        for values, each in zip(matrices, moments, strict=True):
            if by_rows:
                parts.append(_by_row(values).astype(np.float64))
            else:
                shift, gain = each.shift_and_gain if combine == "zsum" else (0.0, 1.0)
                parts.append((values.astype(np.float64) - shift) * gain)
        neutral = [
            0.0 if combine == "zsum" else each.mean for each in moments
        ]
        for chosen in range(1, 1 << len(gappy)):
            members = [k for k in range(len(gappy)) if chosen >> k & 1]
            total = sum(np.nan_to_num(parts[k], nan=neutral[k]) for k in members)
            unknown = np.all([np.isnan(parts[k]) for k in members], axis=0)
            total = np.where(unknown, np.nan, total)
            mask = sum(1 << gappy[k] for k in members)
            table[mask, rows] = rank.mate_ranks(total, data.pairs.target[rows]) == 1
            mates_unknown = np.isnan(total[np.arange(len(rows)), data.pairs.target[rows]])
            table[mask, rows[mates_unknown]] = 0


def sizes(backbones: Sequence[str]) -> Array:
    """(2^M,) how many members each subset has."""
    return subset_statistics.sizes(len(backbones))
