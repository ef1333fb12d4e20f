"""The symmetric cross-entropy of risser-maroux2021 (Eq. 1), its slope, and many runs at once.

Slopes are written out: the exponentials of one similarity matrix serve both directions, and what
autograd would keep for later (a few matrices of n x n a run) is never stored.
"""

from typing import Any

CELLS = 500_000  # similarities computed together on a CPU: more fall out of its cache (measured)


def adapted(inputs: Any, weight: Any) -> Any:
    """ReLU(z W), each row of length 1; torch (R, n, d) and (R, d, h) -> (R, n, h)."""
    hidden = inputs.bmm(weight).relu_()
    return hidden.div_(hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12))


def loss_of(similarity: Any) -> Any:
    """(R,) mean of both directions' cross-entropy.

    Args:
        similarity: (R, n, n) already times sigma, mates on the diagonal.
    """
    rows = similarity.logsumexp(2) + similarity.logsumexp(1)
    return rows.mean(1) / 2 - similarity.diagonal(dim1=1, dim2=2).mean(1)


def loss_and_slope(inputs: Any, weight: Any, sigma: float) -> tuple[Any, Any]:
    """Loss of each run and its slope by W.

    Args:
        inputs: (R, 2n, d), the n left rows before the n right ones.
        weight: (R, d, h). sigma: the temperature that cosines are multiplied by.

    Returns:
        (R,) and (R, d, h).
    """
    import torch

    n = inputs.shape[1] // 2
    hidden = inputs.bmm(weight).relu_()
    length = hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12)
    unit = hidden.div_(length)
    left, right = unit[:, :n], unit[:, n:]
    odds = left.bmm(right.transpose(1, 2)).sub_(1).mul_(sigma)  # cosines are at most 1: no overflow
    mates = odds.diagonal(dim1=1, dim2=2).mean(1)
    odds.exp_()
    rows, columns = odds.sum(2, keepdim=True), odds.sum(1, keepdim=True)
    loss = (rows.log().squeeze(2) + columns.log().squeeze(1)).mean(1) / 2 - mates
    pull = odds.mul_(1 / rows + 1 / columns)
    pull.diagonal(dim1=1, dim2=2).sub_(2)
    back = torch.cat([pull.bmm(right), pull.transpose(1, 2).bmm(left)], dim=1)
    back.mul_(sigma / (2 * n))
    back.sub_(unit * (unit * back).sum(2, keepdim=True)).div_(length).mul_(unit > 0)
    return loss, inputs.transpose(1, 2).bmm(back)


def found_first(values: Any) -> Any:
    """(R,) asymmetric recall at 1; a tie is no hit."""
    mates = values.diagonal(dim1=1, dim2=2)
    by_row = (values >= mates[:, :, None]).sum(2) == 1
    by_column = (values >= mates[:, None, :]).sum(1) == 1
    return (by_row | by_column).float().mean(1)


def together(runs: int, pairs: int, device: str) -> int:
    """How many runs to compute in one batch: all on a GPU, as many as fit its cache on a CPU."""
    return runs if device != "cpu" else max(1, min(runs, CELLS // max(pairs * pairs, 1)))
