"""How much an answer would say about which of several backbones predicts people best.

Each backbone gives each possible answer a probability that grows with its similarities. The mutual
information between "which backbone is right" (all equally likely) and the answer is the
Jensen-Shannon divergence of these distributions: 0 where all predict the same answer, and up to
log2 of the number of backbones where each predicts its own. Trials of high divergence are asked
first (query by committee: McCallum and Nigam 1998; as information gain in psiz).

M backbones, T trials, V images to choose from; similarities are standardized per backbone.
"""

import numpy as np

from simcore.types import Array


def choice(values: Array) -> Array:
    """Probability that each image is chosen: the softmax of its similarity.

    Args:
        values: (M, T, V) similarity of each image to the query.

    Returns:
        (M, T, V).

    >>> choice(np.zeros((1, 1, 4))).tolist()
    [[[0.25, 0.25, 0.25, 0.25]]]
    """
    weights = np.exp(values - values.max(axis=-1, keepdims=True))
    probabilities: Array = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def ranked_pair(values: Array) -> Array:
    """Probability of each first and second choice, the second among the others (Plackett-Luce).

    Args:
        values: (M, T, V).

    Returns:
        (M, T, V * (V - 1)), the pairs (first, second) in the order of their numbers.
    """
    weights = np.exp(values - values.max(axis=-1, keepdims=True))
    total = weights.sum(axis=-1, keepdims=True)
    first = weights / total
    count = values.shape[-1]
    pairs = [
        first[..., i] * weights[..., j] / (total[..., 0] - weights[..., i])
        for i in range(count)
        for j in range(count)
        if i != j
    ]
    return np.stack(pairs, axis=-1)


def odd_one_out(values: Array) -> Array:
    """Probability that each of three images is the odd one: the others are the most similar pair.

    Args:
        values: (M, T, 3) similarity of images 0 and 1, 0 and 2, 1 and 2.

    Returns:
        (M, T, 3), of image 0, 1 and 2.
    """
    return choice(values[..., ::-1])


def same_or_different(values: Array) -> Array:
    """Probability of "same" and of "different": the logistic function of the similarity.

    Args:
        values: (M, T, 1).

    Returns:
        (M, T, 2).
    """
    same = 1 / (1 + np.exp(-values))
    return np.concatenate([same, 1 - same], axis=-1)


def information(probabilities: Array) -> Array:
    """Bits that an answer says about which backbone is right.

    Args:
        probabilities: (M, T, A) of each answer.

    Returns:
        (T,) float64.

    >>> information(np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).tolist()
    [1.0]
    """
    bits: Array = _entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean(axis=0)
    return bits


def _entropy(probabilities: Array) -> Array:
    logarithms = np.log2(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    entropy: Array = -(probabilities * logarithms).sum(axis=-1)
    return entropy
