"""The losses against the libraries', and against the formulas of the thesis written in NumPy."""

import warnings

import numpy as np
import pytest
import torch

from simcore.learn.finetune import losses

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries' own imports
    lightly = pytest.importorskip("lightly.loss")
    metric = pytest.importorskip("pytorch_metric_learning.losses")

B, D = 12, 7


@pytest.fixture
def vectors():
    draw = torch.Generator().manual_seed(3)
    return list(torch.randn(4, B, D, generator=draw, dtype=torch.float64))


def close(found, expected):
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


def euclid():
    from pytorch_metric_learning.distances import LpDistance

    return LpDistance(normalize_embeddings=False, p=2)


@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_triplet_is_pytorch_metric_learnings(vectors, margin):
    from pytorch_metric_learning.reducers import MeanReducer

    theirs = metric.TripletMarginLoss(margin, distance=euclid(), reducer=MeanReducer())
    rows = torch.arange(B)
    expected = theirs(
        torch.cat(vectors[:3]),
        indices_tuple=(rows, rows + B, rows + 2 * B),
        labels=torch.zeros(3 * B),
    )
    close(losses.triplet(*vectors[:3], margin), expected)
    close(
        losses.triplet(*vectors[:3], margin),
        torch.nn.TripletMarginLoss(margin, eps=0)(*vectors[:3]),
    )


def test_contrastive_is_pytorch_metric_learnings_squared(vectors):
    """Theirs is linear in the distance; Eq. 3.8 has half its square, so each term is squared."""
    from pytorch_metric_learning.reducers import DoNothingReducer

    reducer = DoNothingReducer()
    theirs = metric.ContrastiveLoss(0, 4.0, distance=euclid(), reducer=reducer)
    rows = torch.arange(B)
    pairs = (rows, rows + B, rows, rows + 2 * B)
    told = theirs(torch.cat(vectors[:3]), torch.zeros(3 * B), indices_tuple=pairs)
    terms = torch.cat([told[kind]["losses"] for kind in ("pos_loss", "neg_loss")])
    assert len(terms) == 2 * B
    assert (terms > 0).sum() > B
    close(losses.contrastive(*vectors[:3], 4.0), (terms**2 / 2).mean())


def test_quadruplet_is_the_thesis(vectors):
    a, p, n1, n2 = (v.numpy() for v in vectors)
    far = lambda x, y: np.sqrt(((x - y) ** 2).sum(1))  # noqa: E731
    expected = np.maximum(far(a, p) - far(a, n1) + 1.0, 0) + np.maximum(
        far(a, p) - far(p, n2) + 0.5, 0
    )
    close(losses.quadruplet(*vectors), expected.mean())


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_lightlys(vectors, temperature):
    theirs = lightly.NTXentLoss(temperature=temperature)
    close(losses.simclr(*vectors[:2], temperature), theirs(*vectors[:2]))


def test_moco_is_lightlys(vectors):
    theirs = lightly.NTXentLoss(temperature=0.07, memory_bank_size=(32, D))
    query, key = vectors[0].float(), vectors[1].float()
    theirs(key, query)  # fills the bank
    bank = theirs.memory_bank.bank.clone()
    queue = bank.T if bank.shape[0] == D else bank
    close(losses.moco(query, key, queue), theirs(query.requires_grad_(), key).detach())


def test_equal_vectors_have_a_finite_slope():
    same = torch.zeros(2, 3, requires_grad=True)
    losses.triplet(same, same, same).backward()
    assert torch.isfinite(same.grad).all()
