"""The losses of margaritescu2024 (3.2), as formulas on torch vectors; tested against libraries.

Distances D are Euclidean. The thesis writes |a - p|^2 and calls it the Euclidean distance; read so,
its Eq. 3.7 to 3.9 are the usual losses. It names no margins and no temperatures; the defaults
are those of the libraries (pytorch-metric-learning, lightly).
"""

from typing import Any

MARGIN, SECOND_MARGIN = 1.0, 0.5
TEMPERATURE = 0.5  # of SimCLR in lightly; MoCo's own is 0.07
MOCO_TEMPERATURE = 0.07


def distance(one: Any, other: Any) -> Any:
    """(B,) Euclidean distance of (B, d) rows; its slope at 0 is 0."""
    import torch

    return torch.linalg.vector_norm(one - other, dim=1)


def triplet(anchor: Any, positive: Any, negative: Any, margin: float = MARGIN) -> Any:
    """max(D(a, p) - D(a, n) + margin, 0), Eq. 3.7; the mean of the batch."""
    return (distance(anchor, positive) - distance(anchor, negative) + margin).relu().mean()


def contrastive(anchor: Any, positive: Any, negative: Any, margin: float = MARGIN) -> Any:
    """D(a, p)^2 / 2 and max(margin - D(a, n), 0)^2 / 2, Eq. 3.8; the mean of all 2 B pairs."""
    near = distance(anchor, positive).square() / 2
    far = (margin - distance(anchor, negative)).relu().square() / 2
    return (near + far).mean() / 2


def quadruplet(
    anchor: Any,
    positive: Any,
    first: Any,
    second: Any,
    margins: tuple[float, float] = (MARGIN, SECOND_MARGIN),
) -> Any:
    """max(D(a,p) - D(a,n1) + m1, 0) + max(D(a,p) - D(p,n2) + m2, 0), Eq. 3.9; the batch's mean.

    In Chen et al. 2017 the last distance is between the two negatives; the thesis has p and n2.
    """
    near = distance(anchor, positive)
    one = (near - distance(anchor, first) + margins[0]).relu()
    two = (near - distance(positive, second) + margins[1]).relu()
    return (one + two).mean()


def simclr(one: Any, other: Any, temperature: float = TEMPERATURE) -> Any:
    """NT-Xent (Chen et al. 2020): each view finds the other view of its image among 2 B - 1.

    Args:
        one, other: (B, d) two views of the same images.
    """
    import torch

    unit = torch.nn.functional.normalize(torch.cat([one, other]), dim=1)
    logits = unit @ unit.T / temperature
    logits.fill_diagonal_(float("-inf"))
    count = len(one)
    mates = torch.arange(2 * count, device=unit.device).roll(count)
    return torch.nn.functional.cross_entropy(logits, mates)


def moco(query: Any, key: Any, queue: Any, temperature: float = MOCO_TEMPERATURE) -> Any:
    """InfoNCE against a queue of past keys (He et al. 2020, Eq. 1).

    Args:
        query: (B, d) with slope; key: (B, d) and queue: (K, d) without.
    """
    import torch

    normalize = torch.nn.functional.normalize
    query, key = normalize(query, dim=1), normalize(key, dim=1)
    same = (query * key).sum(1, keepdim=True)
    logits = torch.cat([same, query @ queue.T], dim=1) / temperature
    mates = torch.zeros(len(query), dtype=torch.int64, device=query.device)
    return torch.nn.functional.cross_entropy(logits, mates)
