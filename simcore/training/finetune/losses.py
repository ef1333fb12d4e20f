"""The losses of margaritescu2024 (3.2) as formulas on torch vectors; tested against libraries.

Distances D are Euclidean. The thesis writes |a - p|^2 and calls it the Euclidean distance; read as
a distance, its Eq. 3.7 to 3.9 are the usual losses. It names neither margins nor temperatures; the
defaults are those of the libraries (pytorch-metric-learning, lightly).
"""

from typing import Any

MARGIN, SECOND_MARGIN = 1.0, 0.5
TEMPERATURE = 0.5  # of SimCLR in lightly; MoCo's own is 0.07
MOCO_TEMPERATURE = 0.07


def distance(left: Any, right: Any) -> Any:
    """(B,) Euclidean distance of (B, d) rows; its gradient at 0 is 0."""
    import torch

    return torch.linalg.vector_norm(left - right, dim=1)


def triplet(anchor: Any, positive: Any, negative: Any, margin: float = MARGIN) -> Any:
    """max(D(a, p) - D(a, n) + margin, 0), Eq. 3.7; mean over the batch."""
    return (distance(anchor, positive) - distance(anchor, negative) + margin).relu().mean()


def contrastive(anchor: Any, positive: Any, negative: Any, margin: float = MARGIN) -> Any:
    """D(a, p)^2 / 2 and max(margin - D(a, n), 0)^2 / 2, Eq. 3.8; mean over all 2 B pairs."""
    return (attraction(anchor, positive) + repulsion(anchor, negative, margin)) / 2


def attraction(anchor: Any, positive: Any) -> Any:
    """The first case of Eq. 3.8, D(a, p)^2 / 2; mean over the batch."""
    return distance(anchor, positive).square().mean() / 2


def repulsion(anchor: Any, negative: Any, margin: float = MARGIN) -> Any:
    """The second case of Eq. 3.8, max(margin - D(a, n), 0)^2 / 2; mean over the batch."""
    return (margin - distance(anchor, negative)).relu().square().mean() / 2


def quadruplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    second_negative: Any,
    margins: tuple[float, float] = (MARGIN, SECOND_MARGIN),
) -> Any:
    """max(D(a,p) - D(a,n1) + m1, 0) + max(D(a,p) - D(p,n2) + m2, 0), Eq. 3.9; mean.

    In Chen et al. 2017 the last distance is between the two negatives; the thesis has p and n2.
    """
    pull = distance(anchor, positive)
    to_anchor = (pull - distance(anchor, negative) + margins[0]).relu()
    to_positive = (pull - distance(positive, second_negative) + margins[1]).relu()
    return (to_anchor + to_positive).mean()


def simclr(views: Any, other_views: Any, temperature: float = TEMPERATURE) -> Any:
    """NT-Xent (Chen et al. 2020): the other view of the image, among 2 B - 1 vectors.

    Args:
        views, other_views: (B, d) two views of the same images.
    """
    import torch

    unit = torch.nn.functional.normalize(torch.cat([views, other_views]), dim=1)
    logits = unit @ unit.T / temperature
    logits.fill_diagonal_(float("-inf"))
    count = len(views)
    mates = torch.arange(2 * count, device=unit.device).roll(count)
    return torch.nn.functional.cross_entropy(logits, mates)


def moco(query: Any, key: Any, queue: Any, temperature: float = MOCO_TEMPERATURE) -> Any:
    """InfoNCE against a queue of past keys (He et al. 2020, Eq. 1).

    Args:
        query: (B, d), with gradient. key: (B, d) and queue: (K, d), without.
    """
    import torch

    normalize = torch.nn.functional.normalize
    query, key = normalize(query, dim=1), normalize(key, dim=1)
    positive = (query * key).sum(1, keepdim=True)
    logits = torch.cat([positive, query @ queue.T], dim=1) / temperature
    mates = torch.zeros(len(query), dtype=torch.int64, device=query.device)
    return torch.nn.functional.cross_entropy(logits, mates)
