"""The pairs of a collection in one universe: hits of backbones and of all their combinations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcore import memory
from simcore.errors import BadDataError
from simcore.evaluate.claims import resampling
from simcore.evaluate.combinations import subset_search, subset_statistics
from simcore.evaluate.retrieval import associative_recall, face_counts
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.evaluate import recall
from simcore.lab.library import duplicates, features, similarity, subsets
from simcore.models import registry
from simcore.recipe import Combination, Missing
from simcore.sim import combine as sim_combine
from simcore.sim.combine import PreparedSides, Term
from simcore.types import Array, Collection, Direction, Metric

MAX_BACKBONES = 12  # 4,095 combinations, each resampled thousands of times
HANDMADE = {"handmade", "cues"}  # groups of backbones without a trained network
SMALL_NETWORK = "mobilenetv2"  # offered where a claim needs any network


def kind(backbone: str) -> str:
    """Whether a backbone is one of "networks", "handmade" or "face".

    >>> kind("hog"), kind("cues"), kind("face")
    ('handmade', 'handmade', 'face')
    """
    groups = {*registry.get(backbone).groups}
    return "face" if "faces" in groups else "handmade" if groups & HANDMADE else "networks"


def takes_crops(backbone: str) -> bool:
    """Whether a backbone is a network that can be given crops of faces instead of images."""
    return kind(backbone) == "networks" and not registry.get(backbone).preprocessing.raw


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


class Lookups:
    """What the universes of one run share and look up once, since look-ups ask the feature store.

    Args:
        name: a collection.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._subsets: dict[str, Collection] = {}
        self._identities: dict[tuple[str, str], str] = {}  # (digest of the pairs, backbone)
        self._groups: dict[str, Array] = {}  # by digest of the pairs

    def subset(self, subset: str) -> Collection:
        """The pairs of a subset."""
        if subset not in self._subsets:
            self._subsets[subset] = subsets.open_subset(self.name, subset)
        return self._subsets[subset]

    def identity(self, collection: Collection, digest: str, backbone: str) -> str:
        """`features.identity` of some pairs.

        Raises:
            BadDataError: not extracted yet.
        """
        key = digest, backbone
        if key not in self._identities:
            self._identities[key] = features.identity(collection, backbone)
        return self._identities[key]

    def groups(self, collection: Collection, digest: str) -> Array:
        """(Q,) group of each pair; near-duplicates share one."""
        if digest not in self._groups:
            backbone = duplicates.default_backbone_if_ready(collection)
            key = ("claims groups", digest, backbone, duplicates.verdicts_changed(self.name))
            self._groups[digest] = memory.get(key, lambda: duplicates.pair_groups(collection)[0])
        return self._groups[digest]


class PairData:
    """The pairs of a collection in one universe; everything is computed once and shared.

    Args:
        name: a collection.
        backbones: all that have features.
        universe: the choices.
        lookups: shared by the universes of a run.
    """

    def __init__(
        self,
        name: str,
        backbones: Sequence[str],
        universe: Universe,
        lookups: Lookups | None = None,
    ) -> None:
        self.name = name
        self.backbones = tuple(backbones)
        self.universe = universe
        self._lookups = lookups or Lookups(name)
        self.direction: Direction = "rl" if universe.get("direction") == "rl" else "lr"
        self.collection: Collection = self._lookups.subset(universe.get("subset"))
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
        return self._lookups.groups(self.collection, self.digest)

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
            example = [SMALL_NETWORK] if "networks" in kinds else []
            raise UndecidableError(f"a backbone of kind {' or '.join(kinds)}", backbones=example)
        return chosen

    def is_ready(self, backbone: str) -> bool:
        """Whether every image of the pairs has features."""
        try:
            self.identity(backbone)
        except BadDataError:
            return False
        return True

    def identity(self, backbone: str) -> str:
        """`features.identity` of a backbone.

        Raises:
            BadDataError: not extracted yet.
        """
        return self._lookups.identity(self.collection, self.digest, backbone)

    def require(self, names: Sequence[str]) -> None:
        """Check that backbones have features in this collection.

        Raises:
            UndecidableError: some have none.
        """
        absent = [name for name in names if not self.is_ready(name)]
        if absent:
            raise UndecidableError(f"features of {', '.join(absent)}", backbones=absent)

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

    def mate_scores(self, backbone: str) -> Array:
        """(Q,) similarity of each query to its mate."""
        (sides,) = self.sides([backbone])
        scores = np.empty(self.count)
        for start, values in sides.stream():
            rows = np.arange(start, start + len(values))
            scores[rows] = values[rows - start, self.pairs.target[rows]]
        return scores

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
        check_combinations(self.backbones)
        return memory.get(
            ("claims search", *self.search_key(combine)), lambda: _search(self, combine)
        )

    def search_key(self, combine: Combination) -> tuple[object, ...]:
        """Everything that the hits of all combinations depend on."""
        scale = self.universe.get("scale") if combine == "zsum" else ""
        settings = self.universe.get("metric"), self.universe.get("missing"), scale, combine
        return *self._key(self.backbones), *settings

    def sides(self, backbones: Sequence[str]) -> list[PreparedSides]:
        """Both sides of some backbones under the universe's metric."""
        return [
            similarity.sides(self.collection, [name], self.direction, self.metric(name), "none")[0]
            for name in backbones
        ]

    def _key(self, backbones: Sequence[str]) -> tuple[object, ...]:
        identities = tuple(self.identity(name) for name in backbones)
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


def check_combinations(backbones: Sequence[str]) -> None:
    """Check that all combinations of some backbones can be searched.

    Raises:
        UndecidableError: fewer than two backbones, or too many.
    """
    if not 2 <= len(backbones) <= MAX_BACKBONES:
        raise UndecidableError(
            f"2 to {MAX_BACKBONES} backbones, got {len(backbones)}; name them with `--models`"
        )


def _search(data: PairData, combine: Combination) -> Array:
    """`PairData.combinations` without a cache."""
    sides = data.sides(data.backbones)
    by_rows = combine == "zsum" and data.universe.get("scale") == "rows"
    missing: Missing = "worst" if data.universe.get("missing") == "worst" else "mean"
    blocks = subset_search.zip_streams([side.stream() for side in sides])
    if by_rows:
        blocks = ((start, [standardized_rows(m) for m in matrices]) for start, matrices in blocks)
        terms = _row_terms(len(sides), len(data.pairs.gallery), missing)
    else:
        terms = sim_combine.terms(sides, [1.0] * len(sides), combine, missing)
    hits = subset_search.search(data.backbones, blocks, data.pairs.target, terms=terms)
    size = 1 << len(data.backbones)
    table = np.unpackbits(hits.packed, axis=1, count=size, bitorder="little").T
    return np.ascontiguousarray(table, np.float32)


def _row_terms(count: int, gallery: int, missing: Missing) -> list[Term]:
    """How rows that are standardized already enter a sum."""
    if missing == "mean":
        return [Term()] * count
    # Lower than all others can make up for: no standardized value of n exceeds the root of n.
    penalty = 2.0 ** np.ceil(np.log2(2 * count * np.sqrt(gallery)))
    return [Term(fill=-penalty)] * count


def standardized_rows(values: Array) -> Array:
    """Each query's row minus its mean, over its deviation; NaN stays, a constant row becomes 0.

    Args:
        values: (b, G) similarity.

    Returns:
        (b, G) float32.

    >>> standardized_rows(np.array([[1.0, 3.0], [2.0, np.nan]]))
    array([[-1.,  1.],
           [ 0., nan]], dtype=float32)
    """
    wide = values.astype(np.float64)
    known = ~np.isnan(wide)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    center = np.where(known, wide, 0).sum(axis=1, keepdims=True) / count
    deviation = np.where(known, wide - center, 0)
    spread = np.sqrt((deviation**2).sum(axis=1, keepdims=True) / count)
    scaled = np.divide(deviation, spread, out=np.zeros_like(wide), where=spread > 0)
    return np.where(known, scaled, np.nan).astype(np.float32)


def sizes(backbones: Sequence[str]) -> Array:
    """(2^M,) how many members each subset has."""
    return subset_statistics.sizes(len(backbones))
