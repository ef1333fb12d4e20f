"""Statistics of claims about single backbones, faces and votes on pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.claims import resampling, statistics
from simcore.evaluate.claims.resampling import Statistic
from simcore.lab.claims import universe_pairs
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.claims.universe_pairs import SMALL_NETWORK, PairData
from simcore.lab.library import collections, subsets
from simcore.models import registry
from simcore.types import METRICS, Array, Metric

MAX_CUT_OFFS = 40  # values of k at which recall is compared, evenly spaced in log k
CROPS = ("faces", "faces-cnn")  # prefixes of backbones that see face crops alone
SIZES = (2, 3, 4, 5, 10, 20, 50)


@dataclass(frozen=True)
class Estimate:
    """What a claim's statistic is in one universe.

    Attributes:
        statistic: its J values from weights.
        members: (J,) names of the members of a family.
        note: what was compared, for the reader.
    """

    statistic: Statistic
    members: tuple[str, ...] = ("",)
    note: str = ""


def family(rows: Sequence[Array], members: Sequence[str], note: str = "") -> Estimate:
    """The means of several rows of per-pair values."""
    return Estimate(statistics.mean(np.stack(list(rows))), tuple(members), note)


def held_out_best(
    data: PairData, table: Array, families: Sequence[Sequence[int]]
) -> Callable[[Array], Array]:
    """(R, Q) weights -> (R, F) mean of the best row of each family, chosen on the other half."""
    candidates = [np.asarray(rows, np.int64) for rows in families]
    values = table.astype(np.float32)
    return lambda weights: resampling.held_out_means(weights, values, data.splits, candidates)


def miss_share(data: PairData, *, backbones: str) -> Estimate:
    """The share of queries whose mate is not first, for every backbone of some kinds."""
    names = data.backbones if backbones == "all" else data.of_kind(*backbones.split("+"))
    return family([1 - data.hits(name) for name in names], names, "share of queries missed")


def cosine_minus_l2_at_every_k(data: PairData) -> Estimate:
    """Recall by cosine minus recall by L2, for each network and cut-off."""
    ks = np.unique(np.geomspace(1, len(data.pairs.gallery), MAX_CUT_OFFS).astype(int))
    networks = data.of_kind("networks")
    rows, members = [], []
    for name in networks:
        for k in ks:
            difference = data.hits(name, int(k), "cosine") - data.hits(name, int(k), "l2")
            rows.append(difference)
            members.append(f"{name} at k = {k}")
    return family(rows, members, f"{len(networks)} networks at {len(ks)} values of k")


def cosine_minus_l2(data: PairData) -> Estimate:
    """Hits by cosine minus hits by L2, averaged over networks."""
    networks = data.of_kind("networks")
    rows = [data.hits(name, 1, "cosine") - data.hits(name, 1, "l2") for name in networks]
    return family([np.mean(rows, axis=0)], [""], f"mean of {len(networks)} networks")


def face_minus_best_network(data: PairData) -> Estimate:
    """Hits of the face descriptor minus those of the network chosen on the other half."""
    descriptor = data.universe.get("descriptor")
    data.require([descriptor])
    networks = data.of_kind("networks")
    table = np.stack([data.hits(name) for name in (*networks, descriptor)])
    best = held_out_best(data, table, [range(len(networks)), [len(networks)]])
    return Estimate(lambda w: np.diff(best(w), axis=1), note=f"{descriptor} minus the best network")


def whole_minus_face_crops(data: PairData) -> Estimate:
    """Hits on whole images minus hits on face crops, for every network that has both."""
    networks = list(filter(universe_pairs.takes_crops, data.of_kind("networks")))
    pairs = [
        (name, f"{crops}:{name}")
        for name in networks
        for crops in CROPS
        if data.is_ready(f"{crops}:{name}")
    ]
    if not pairs:
        example = f"faces:{(networks or [SMALL_NETWORK])[0]}"
        raise UndecidableError(f"features of face crops, such as {example}", backbones=[example])
    rows = [data.hits(whole) - data.hits(crops) for whole, crops in pairs]
    return family(rows, [crops for _, crops in pairs], "whole image minus face crops")


def associative_miss(data: PairData, *, m: int) -> Estimate:
    """How often the best network, chosen on the other half, does not pick the mate among m."""
    networks = data.of_kind("networks")
    if len(data.pairs.gallery) < m:
        raise UndecidableError(f"at least {m} pairs")
    table = np.stack([data.ranks(name).associative(m, data.ties) for name in networks])
    best = held_out_best(data, table, [range(len(networks))])
    return Estimate(lambda w: 1 - best(w), note=f"one mate among {m} images, exact expectation")


def associative_deviation(data: PairData) -> Estimate:
    """Standard deviation over random draws of the share of correct choices, at each m."""
    networks = data.of_kind("networks")
    sizes = [m for m in SIZES if m <= len(data.pairs.gallery)]
    chances = np.stack([data.ranks(networks[0]).associative(m, data.ties) for m in sizes])
    variance = (chances * (1 - chances)).T

    def compute(weights: Array) -> Array:
        deviation: Array = np.sqrt(weights @ variance) / weights.sum(axis=1, keepdims=True)
        return deviation

    return Estimate(compute, tuple(f"m = {m}" for m in sizes), f"of {networks[0]}")


def vote_correlation(data: PairData) -> Estimate:
    """Pearson's correlation of up- and of down-votes with the similarity of a network."""
    votes = data.collection.votes
    if votes is None:
        raise UndecidableError("votes: add the collection again with --votes")
    name = data.of_kind("networks")[0]
    note = f"similarity by {name}; the correlation with distance has the other sign"
    statistic = statistics.correlation(votes.T.astype(np.float64), data.mate_scores(name))
    return Estimate(statistic, ("up-votes", "down-votes"), note)


def images_with_faces(data: PairData, *, at_least: int) -> Estimate:
    """The share of images with so many faces, both sides of each pair."""
    faces = data.face_counts()
    row = ((faces.left >= at_least).astype(float) + (faces.right >= at_least)) / 2
    return family([row], [""], f"{at_least} or more faces by {data.universe.get('detector')}")


def images_without_faces(data: PairData, *, at_least: int) -> Estimate:
    """The share of images with fewer faces than that."""
    faces = data.face_counts()
    row = ((faces.left < at_least).astype(float) + (faces.right < at_least)) / 2
    return family([row], [""], f"fewer than {at_least} faces")


def face_on_both(data: PairData) -> Estimate:
    """Of the pairs with a face on the left, the share with one on the right."""
    faces = data.face_counts()
    event, condition = (side > 0 for side in (faces.right, faces.left))
    return Estimate(statistics.share(event.astype(float), condition.astype(float)))


def face_association(data: PairData) -> Estimate:
    """How much more frequent a face on the right is where there is one on the left."""
    faces = data.face_counts()
    right, left = (faces.right > 0).astype(float), (faces.left > 0).astype(float)
    with_face, without = statistics.share(right, left), statistics.share(right, 1 - left)
    return Estimate(lambda weights: with_face(weights) - without(weights))


def pairs_of_faces(data: PairData, *, subset: str) -> Estimate:
    """The share of pairs with a face on both sides."""
    if subset != data.universe.get("subset"):
        raise UndecidableError(f"the pairs of the subset {subset}")
    return family([data.face_counts().faces.astype(float)], [""])


def shape_and_texture_without_faces(data: PairData) -> Estimate:
    """Hits of shape and texture minus hits of networks: without faces minus with faces."""
    names = [name for name in ("hog", "edges", "texture") if name in data.backbones]
    if not names:
        raise UndecidableError("features of hog, edges or texture", backbones=["hog"])
    networks = data.of_kind("networks")
    descriptors = np.mean([data.hits(name) for name in names], axis=0)
    difference = descriptors - np.mean([data.hits(name) for name in networks], axis=0)
    faces = data.face_counts()
    with_faces, without = faces.faces.astype(float), faces.objects.astype(float)
    on_faces = statistics.ratio(difference * with_faces, with_faces)
    on_objects = statistics.ratio(difference * without, without)
    note = f"{' and '.join(names)} minus networks; no face on either side minus a face on both"
    return Estimate(lambda weights: on_objects(weights) - on_faces(weights), note=note)


def low_level_confusion(data: PairData) -> Estimate:
    """How often color and layout prefer a random image to the mate."""
    names = [name for name in ("color", "layout") if name in data.backbones]
    if not names:
        raise UndecidableError("features of color or layout", backbones=["color", "layout"])
    rows = [1 - data.ranks(name).associative(2, data.ties) for name in names]
    return family(rows, names, "one mate among two images")


def network_minus_handmade(data: PairData) -> Estimate:
    """Hits of the best network minus those of the best handmade descriptor, chosen held-out."""
    networks, handmade = data.of_kind("networks"), data.of_kind("handmade")
    table = np.stack([data.hits(name) for name in (*handmade, *networks)])
    families = [range(len(handmade)), range(len(handmade), len(table))]
    best = held_out_best(data, table, families)
    return Estimate(lambda weights: np.diff(best(weights), axis=1))


def tlld_share(data: PairData) -> Estimate:
    """The share of all pairs that a variant of TLLd keeps."""
    variant = data.universe.get("tlld")
    kept = set(subsets.open_subset(data.name, variant).left.ids)
    row = np.array([name in kept for name in collections.open_(data.name).left.ids], float)
    if row.size != data.count:
        raise UndecidableError("every pair of the collection")
    return family([row], [""], f"pairs kept by {variant}")


def first_minus_second(data: PairData, *, first: Sequence[str], second: Sequence[str]) -> Estimate:
    """Mean hits of some backbones minus mean hits of others."""
    data.require([*first, *second])
    rows = [np.mean([data.hits(name) for name in names], axis=0) for names in (first, second)]
    return family([rows[0] - rows[1]], [""], f"{' and '.join(first)} minus {' and '.join(second)}")


def exclusive_share(data: PairData) -> Estimate:
    """Of the mates that any backbone finds, the share that exactly one finds."""
    found_by = np.stack([data.hits(name) > 0.5 for name in data.backbones]).sum(axis=0)
    return Estimate(statistics.share((found_by == 1).astype(float), (found_by > 0).astype(float)))


def every_exclusive(data: PairData) -> Estimate:
    """For each backbone the share of queries that only it finds."""
    table = np.stack([data.hits(name) > 0.5 for name in data.backbones])
    single = table.sum(axis=0) == 1
    return family((table & single).astype(float), data.backbones, "queries found by it alone")


def triplet_cosine_best(data: PairData) -> Estimate:
    """Triplets of query, mate and a random image: right by cosine minus right by another metric."""
    return _against_cosine(
        data, lambda name, metric: data.ranks(name, metric).associative(2, data.ties)
    )


def hits_cosine_best(data: PairData) -> Estimate:
    """Hits by cosine minus hits by another metric, for each backbone and metric."""
    return _against_cosine(data, lambda name, metric: data.hits(name, 1, metric))


def switch_cost(data: PairData) -> Estimate:
    """Hits lost by a switch from cosine to L2 or L1, averaged over networks."""
    networks = data.of_kind("networks")
    rows = [
        np.mean([data.hits(n, 1, "cosine") - data.hits(n, 1, metric) for n in networks], axis=0)
        for metric in ("l2", "l1")
    ]
    return family(rows, ("L2", "L1"), f"mean of {len(networks)} networks")


def _against_cosine(data: PairData, score: Callable[[str, Metric], Array]) -> Estimate:
    names = [name for name in data.backbones if registry.get(name).metric == "cosine"]
    if not names:
        raise UndecidableError("a backbone that is compared by cosine")
    others = [metric for metric in METRICS if metric != "cosine"]
    rows = [score(name, "cosine") - score(name, other) for name in names for other in others]
    members = [f"{name} against {other.upper()}" for name in names for other in others]
    return family(rows, members, "face descriptors left out: they were trained for L2")


STATISTICS: dict[str, Callable[..., Estimate]] = {
    function.__name__: function
    for function in (
        miss_share,
        cosine_minus_l2_at_every_k,
        cosine_minus_l2,
        face_minus_best_network,
        whole_minus_face_crops,
        associative_miss,
        associative_deviation,
        vote_correlation,
        images_with_faces,
        images_without_faces,
        face_on_both,
        face_association,
        pairs_of_faces,
        shape_and_texture_without_faces,
        low_level_confusion,
        network_minus_handmade,
        tlld_share,
        first_minus_second,
        exclusive_share,
        every_exclusive,
        triplet_cosine_best,
        hits_cosine_best,
        switch_cost,
    )
}
