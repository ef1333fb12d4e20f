"""The symmetric cross-entropy of risser-maroux2021 (Eq. 1), its slope, and many runs at once.

Slopes are written out: the exponentials of one similarity matrix serve both directions, and what
autograd would keep for later (a few matrices of n x n a run) is never stored.
"""

from typing import Any

CELLS = 500_000  # similarities computed together on a CPU: more fall out of its cache (measured)
SMALL = 10_000_000  # multiplications of a product below which oneDNN's own layout does not pay
ROWS = 384  # of a product at once, there


def product(one: Any, other: Any, out: Any = None) -> Any:
    """a b^T of each run: torch (R, n, k) and (R, m, k) -> (R, n, m), into `out` if it is given.

    Large ones go through oneDNN on a CPU: torch's default there, MKL, leaves half of what AMD's
    processors can do unused (2.1 times as fast, measured).
    """
    import torch

    (_, rows, width), columns = one.shape, other.shape[1]
    plain = one.device.type != "cpu" or one.dtype != torch.float32
    if plain or rows * width * columns < SMALL or not torch.backends.mkldnn.is_available():
        return torch.bmm(one, other.transpose(1, 2), out=out)
    found = torch.empty(len(one), rows, columns) if out is None else out
    for number, (a, b) in enumerate(zip(one.detach(), other.detach(), strict=True)):
        whole = b.to_mkldnn()
        for first in range(0, rows, ROWS):  # small enough to be copied out of the cache
            part = torch.nn.functional.linear(a[first : first + ROWS].to_mkldnn(), whole)
            found[number, first : first + ROWS] = part.to_dense()
    return found


def apply_maps(inputs: Any, weight: Any) -> Any:
    """ReLU(z W), each row of length 1; torch (R, n, d) and (R, d, h) -> (R, n, h)."""
    hidden = product(inputs, weight.transpose(1, 2)).relu_()
    return hidden.div_(hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12))


def loss_of(similarity: Any) -> Any:
    """(R,) mean of both directions' cross-entropy.

    Args:
        similarity: (R, n, n) already times sigma, mates on the diagonal.
    """
    rows = similarity.logsumexp(2) + similarity.logsumexp(1)
    return rows.mean(1) / 2 - similarity.diagonal(dim1=1, dim2=2).mean(1)


def loss_and_gradient(inputs: Any, weight: Any, sigma: float) -> tuple[Any, Any]:
    """Loss of each run and its slope by W.

    Args:
        inputs: (R, 2n, d), the n left rows before the n right ones.
        weight: (R, d, h). sigma: the temperature that cosines are multiplied by.

    Returns:
        (R,) and (R, d, h).
    """
    import torch

    n = inputs.shape[1] // 2
    hidden = product(inputs, weight.transpose(1, 2)).relu_()
    length = hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12)
    unit = hidden.div_(length)
    left, right = unit[:, :n], unit[:, n:]
    odds = product(left, right).sub_(1).mul_(sigma)  # cosines are at most 1: no overflow
    mates = odds.diagonal(dim1=1, dim2=2).mean(1)
    odds.exp_()
    rows, columns = odds.sum(2, keepdim=True), odds.sum(1, keepdim=True)
    loss = (rows.log().squeeze(2) + columns.log().squeeze(1)).mean(1) / 2 - mates
    pull = odds.mul_((1 / rows + 1 / columns).mul_(sigma / (2 * n)))
    pull.diagonal(dim1=1, dim2=2).sub_(sigma / n)
    back = torch.empty_like(unit)
    product(pull, right.transpose(1, 2), out=back[:, :n])
    product(pull.transpose(1, 2), left.transpose(1, 2), out=back[:, n:])
    along = torch.einsum("rnh,rnh->rn", unit, back)[:, :, None]
    back.addcmul_(unit, along, value=-1).div_(length).mul_(unit.sign_())  # ReLU's slope is 0 or 1
    return loss, product(inputs.transpose(1, 2), back.transpose(1, 2))


def hits_at_1(values: Any) -> Any:
    """(R,) asymmetric recall at 1; a tie is no hit."""
    mates = values.diagonal(dim1=1, dim2=2)
    by_row = (values >= mates[:, :, None]).sum(2) == 1
    by_column = (values >= mates[:, None, :]).sum(1) == 1
    return (by_row | by_column).float().mean(1)


def joint_loss(runs: int, pairs: int, device: str) -> int:
    """How many runs to compute in one batch: all on a GPU, as many as fit its cache on a CPU."""
    return runs if device != "cpu" else max(1, min(runs, CELLS // max(pairs * pairs, 1)))
