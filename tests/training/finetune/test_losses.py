"""The losses against those of libraries, and against the thesis' formulas written in NumPy."""

import warnings

import numpy as np
import pytest
import torch

from simcore.training.finetune import losses

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries' own imports
    lightly = pytest.importorskip("lightly.loss")
    metric = pytest.importorskip("pytorch_metric_learning.losses")

B, D = 12, 7


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(3)
    return list(torch.randn(4, B, D, generator=generator, dtype=torch.float64))


def assert_close(value, expected):
    assert float(value) == pytest.approx(float(expected), abs=1e-6)


def euclidean():
    from pytorch_metric_learning.distances import LpDistance

    return LpDistance(normalize_embeddings=False, p=2)


@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_triplet_is_pytorch_metric_learnings(vectors, margin):
    from pytorch_metric_learning.reducers import MeanReducer

    reference = metric.TripletMarginLoss(margin, distance=euclidean(), reducer=MeanReducer())
    rows = torch.arange(B)
    expected = reference(
        torch.cat(vectors[:3]),
        indices_tuple=(rows, rows + B, rows + 2 * B),
        labels=torch.zeros(3 * B),
    )
    assert_close(losses.triplet(*vectors[:3], margin), expected)
    assert_close(
        losses.triplet(*vectors[:3], margin),
        torch.nn.TripletMarginLoss(margin, eps=0)(*vectors[:3]),
    )


def test_contrastive_is_pytorch_metric_learnings_squared(vectors):
    """The library's is linear in the distance; Eq. 3.8 has half its square."""
    from pytorch_metric_learning.reducers import DoNothingReducer

    reducer = DoNothingReducer()
    reference = metric.ContrastiveLoss(0, 4.0, distance=euclidean(), reducer=reducer)
    rows = torch.arange(B)
    pairs = (rows, rows + B, rows, rows + 2 * B)
    parts = reference(torch.cat(vectors[:3]), torch.zeros(3 * B), indices_tuple=pairs)
    terms = torch.cat([parts[kind]["losses"] for kind in ("pos_loss", "neg_loss")])
    assert len(terms) == 2 * B
    assert (terms > 0).sum() > B
    assert_close(losses.contrastive(*vectors[:3], 4.0), (terms**2 / 2).mean())


def test_quadruplet_is_the_thesis(vectors):
    a, p, n1, n2 = (v.numpy() for v in vectors)

    def distance(x, y):
        return np.sqrt(((x - y) ** 2).sum(1))

    to_anchor = np.maximum(distance(a, p) - distance(a, n1) + 1.0, 0)
    to_positive = np.maximum(distance(a, p) - distance(p, n2) + 0.5, 0)
    assert_close(losses.quadruplet(*vectors), (to_anchor + to_positive).mean())


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_lightlys(vectors, temperature):
    reference = lightly.NTXentLoss(temperature=temperature)
    assert_close(losses.simclr(*vectors[:2], temperature), reference(*vectors[:2]))


def test_moco_is_lightlys(vectors):
    reference = lightly.NTXentLoss(temperature=0.07, memory_bank_size=(32, D))
    query, key = vectors[0].float(), vectors[1].float()
    reference(key, query)  # fills the bank
    bank = reference.memory_bank.bank.clone()
    queue = bank.T if bank.shape[0] == D else bank
    assert_close(losses.moco(query, key, queue), reference(query.requires_grad_(), key).detach())


def test_equal_vectors_have_a_finite_gradient():
    zeros = torch.zeros(2, 3, requires_grad=True)
    losses.triplet(zeros, zeros, zeros).backward()
    assert torch.isfinite(zeros.grad).all()
