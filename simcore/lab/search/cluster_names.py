"""Names for the clusters of a map: frequent words of a text column, or of CLIP's vocabulary."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.errors import unknown_name
from simcore.lab.library import collections, features, fields, subsets
from simcore.lab.search import search
from simcore.lab.search.maps import Map
from simcore.lab.search.vocabulary import WORDS
from simcore.models import forward, registry, text_encoder, weights
from simcore.types import Array, Labels

NONE, IDS, FIELD, CLIP = "none", "ids", "field:", "clip:"  # sources; two begin a longer name
WORDS_PER_NAME = 2
LEAST_SHARE = 0.04  # of a cluster's images that have to contain a word
LEAST_IMAGES = 2
LEAST_RATIO = 1.5  # of a word's share in a cluster to its share in all; less names nothing
TOKEN = re.compile(r"[^\W\d_]{3,}")
# Words that say nothing about an image; file names contain many of them.
STOP_WORDS = frozenset(
    [
        "and",
        "for",
        "the",
        "with",
        "from",
        "into",
        "without",
        "not",
        "img",
        "image",
        "images",
        "photo",
        "picture",
        "left",
        "right",
        "jpg",
        "jpeg",
        "png",
        "webp",
        "copy",
        "dsc",
        "final",
        "new",
        "old",
        "sign",
        "symbol",
        "button",
    ]
)
CLUSTER_PROMPT = "a photo of a {}"


@dataclass(frozen=True)
class ClusterName:
    """A name and its place on the map.

    Attributes:
        text: one or two words.
        x, y: in the coordinates of the map: the image of the cluster nearest to its median.
        count: images of the cluster.
    """

    text: str
    x: float
    y: float
    count: int


def sources(name: str) -> Labels:
    """What the clusters of a collection's maps can be named by, the best first, with labels."""
    clip = {
        CLIP + backbone: f"What {backbone} sees" for backbone in search.searchable_backbones(name)
    }
    key = "texts of names", *collections.version(name)
    return clip | memory.get(key, lambda: _text_sources(name)) | {NONE: "None"}


def name_clusters(map_: Map, source: str, shown: Array | None = None) -> tuple[ClusterName, ...]:
    """A name for each cluster of a map, the largest first; a cluster without one is left out.

    Args:
        source: one of `sources`.
        shown: (n,) bool, the points among which the names stand; None for all. The names
            themselves do not depend on it.

    Raises:
        UnknownNameError: no such source.
    """
    labels = sources(map_.collection)
    if source not in labels:
        raise unknown_name("source of names", source, labels)
    if source == NONE:
        return ()
    if source.startswith(CLIP):
        names = _by_clip(map_, source.removeprefix(CLIP))
    else:
        names = _by_words(map_, source)
    cluster = map_.cluster if shown is None else np.where(shown, map_.cluster, -1)
    return tuple(
        _placed(text, map_.xy[cluster == number])
        for number, text in enumerate(names)
        if text and (cluster == number).any()
    )


def frequent_words(texts: Sequence[str | None], cluster: Array) -> list[str]:
    """The words that are frequent in each cluster and rarer elsewhere.

    Words are ranked by p log(p / q): p is the share of the cluster's texts that contain a word, q
    that of all texts.

    Args:
        texts: (n,), None for no text. cluster: (n,) 0 to c - 1; -1 counts for no cluster.

    Returns:
        (c,) up to `WORDS_PER_NAME` words each, separated by commas; "" where there is none.

    >>> frequent_words(["red car", "blue car", "red fox", "grey fox"], np.array([0, 0, 1, 1]))
    ['car', 'fox']
    """
    words = [set(TOKEN.findall((text or "").lower())) - STOP_WORDS for text in texts]
    overall = Counter(word for own in words for word in own)
    total = max(len(texts), 1)
    names = []
    for number in range(int(cluster.max(initial=-1)) + 1):
        rows = np.flatnonzero(cluster == number)
        counts = Counter(word for row in rows for word in words[row])
        least = max(LEAST_IMAGES, LEAST_SHARE * len(rows))
        gains = {
            word: count / len(rows) * np.log((count / len(rows)) / (overall[word] / total))
            for word, count in counts.items()
            if count >= least and count / len(rows) >= LEAST_RATIO * overall[word] / total
        }
        best = sorted((-gain, word) for word, gain in gains.items())
        names.append(", ".join(word for _, word in best[:WORDS_PER_NAME]))
    return names


def nearest_words(images: Array, words: Array, cluster: Array) -> list[int]:
    """The word of each cluster whose similarity to it is most above its similarity to the others.

    Args:
        images: (n, D) unit vectors. words: (v, D) unit vectors. cluster: (n,) 0 to c - 1, or -1.

    Returns:
        (c,) rows of `words`.
    """
    count = int(cluster.max(initial=-1)) + 1
    centers = np.stack([images[cluster == number].mean(axis=0) for number in range(count)])
    similarity = centers @ words.T
    gains = similarity - similarity.mean(axis=0) if count > 1 else similarity
    best: list[int] = gains.argmax(axis=1).tolist()
    return best


def _text_sources(name: str) -> Labels:
    collection = collections.open_as_added(name)
    labels: Labels = {
        FIELD + field: f"Words of {field}"
        for field in fields.names(name)
        if _is_text(fields.values(collection, field))
    }
    return labels | ({IDS: "Words of the ids"} if _is_text(collection.left.ids) else {})


def _by_words(map_: Map, source: str) -> list[str]:
    if source == IDS:
        return frequent_words(map_.ids, map_.cluster)
    collection = subsets.open_subset(map_.collection, map_.subset)
    values = fields.values(collection, source.removeprefix(FIELD))
    texts = [None if value is None else str(value) for value in values]
    return frequent_words(texts * len(map_.sides), map_.cluster)


def _by_clip(map_: Map, backbone: str) -> list[str]:
    collection = subsets.open_subset(map_.collection, map_.subset)
    rows = np.concatenate(
        [features.for_side(collection, side, backbone).values for side in map_.sides]
    )
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return [WORDS[word] for word in nearest_words(unit, _word_vectors(backbone), map_.cluster)]


def _word_vectors(backbone: str) -> Array:
    """(v, D) the vocabulary in the image space of a CLIP backbone; stored: it takes seconds."""

    def embed() -> result_cache.Arrays:
        device = forward.resolve_device("auto")
        prompts = [CLUSTER_PROMPT.format(word) for word in WORDS]
        return {"words": np.stack([text_encoder.embed(backbone, p, device) for p in prompts])}

    key = backbone, weights.fingerprint(registry.get(backbone)), CLUSTER_PROMPT, WORDS
    return result_cache.get("vocabulary", key, embed)["words"]


def _placed(text: str, members: Array) -> ClusterName:
    middle = np.median(members, axis=0)
    x, y = members[np.argmin(((members - middle) ** 2).sum(axis=1))].tolist()
    return ClusterName(text, x, y, len(members))


def _is_text(values: Sequence[object]) -> bool:
    """Whether most values are words that occur more than once, and not numbers or mere labels."""
    texts = [value for value in values if isinstance(value, str)]
    words = Counter(
        word for text in texts for word in set(TOKEN.findall(text.lower())) - STOP_WORDS
    )
    repeated = {word for word, count in words.items() if count >= LEAST_IMAGES}
    having = sum(not repeated.isdisjoint(TOKEN.findall(text.lower())) for text in texts)
    return 2 * having > len(values) > 0
