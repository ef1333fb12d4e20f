"""The symmetric cross-entropy of risser-maroux2021 (Eq. 1) and its gradient, for many runs at once.

The gradient is written out: the exponentials of one similarity matrix serve both directions, and
what autograd would store (a few n x n matrices per run) is never stored.
"""

from typing import Any

# Similarities computed in one batch on a CPU: more do not fit its cache (measured).
MAX_BATCH_CELLS = 500_000
# Below so many multiplications a product does not gain from oneDNN's own layout (measured).
MIN_ONEDNN_MULTIPLICATIONS = 10_000_000
ONEDNN_ROWS = 384  # rows of a product at once: small enough to be copied from the cache


def product(left: Any, right: Any, out: Any = None) -> Any:
    """a b^T of each run: torch (R, n, k) and (R, m, k) -> (R, n, m), into `out` if given.

    On a CPU, large products use oneDNN: torch's default, MKL, reaches half the speed of AMD's
    processors (oneDNN is 2.1 times as fast, measured).
    """
    import torch

    (_, rows, width), columns = left.shape, right.shape[1]
    standard = left.device.type != "cpu" or left.dtype != torch.float32
    small = rows * width * columns < MIN_ONEDNN_MULTIPLICATIONS
    if standard or small or not torch.backends.mkldnn.is_available():
        return torch.bmm(left, right.transpose(1, 2), out=out)
    result = torch.empty(len(left), rows, columns) if out is None else out
    for number, (a, b) in enumerate(zip(left.detach(), right.detach(), strict=True)):
        weight = b.to_mkldnn()
        for start in range(0, rows, ONEDNN_ROWS):
            block = a[start : start + ONEDNN_ROWS].to_mkldnn()
            values = torch.nn.functional.linear(block, weight)
            result[number, start : start + ONEDNN_ROWS] = values.to_dense()
    return result


def apply_maps(inputs: Any, weight: Any, *, relu: bool = True) -> Any:
    """ReLU(z W) with rows of length 1; torch (R, n, d) and (R, d, h) -> (R, n, h)."""
    hidden = product(inputs, weight.transpose(1, 2))
    if relu:
        hidden.relu_()
    return hidden.div_(hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12))


def loss_of(similarity: Any) -> Any:
    """(R,) mean cross-entropy of both directions.

    Args:
        similarity: (R, n, n) multiplied by sigma, mates on the diagonal.
    """
    rows = similarity.logsumexp(2) + similarity.logsumexp(1)
    return rows.mean(1) / 2 - similarity.diagonal(dim1=1, dim2=2).mean(1)


def loss_and_gradient(
    inputs: Any, weight: Any, sigma: float, *, relu: bool = True
) -> tuple[Any, Any]:
    """The loss of each run and its gradient with respect to W.

    Args:
        inputs: (R, 2n, d), the n left rows before the n right ones.
        weight: (R, d, h). sigma: the temperature; cosines are multiplied by it.
        relu: whether a ReLU follows the map, as in the paper.

    Returns:
        (R,) and (R, d, h).
    """
    import torch

    n = inputs.shape[1] // 2
    hidden = product(inputs, weight.transpose(1, 2))
    if relu:
        hidden.relu_()
    length = hidden.norm(dim=2, keepdim=True).clamp_(min=1e-12)
    unit = hidden.div_(length)
    left, right = unit[:, :n], unit[:, n:]
    odds = product(left, right).sub_(1).mul_(sigma)  # cosines are at most 1: no overflow
    mates = odds.diagonal(dim1=1, dim2=2).mean(1)
    odds.exp_()
    rows, columns = odds.sum(2, keepdim=True), odds.sum(1, keepdim=True)
    loss = (rows.log().squeeze(2) + columns.log().squeeze(1)).mean(1) / 2 - mates
    # d loss / d cosines: half of each softmax, less 1 on the diagonal, times sigma / n.
    pull = odds.mul_((1 / rows + 1 / columns).mul_(sigma / (2 * n)))
    pull.diagonal(dim1=1, dim2=2).sub_(sigma / n)
    back = torch.empty_like(unit)
    product(pull, right.transpose(1, 2), out=back[:, :n])
    product(pull.transpose(1, 2), left.transpose(1, 2), out=back[:, n:])
    # Through the normalization (only what is orthogonal to the unit rows remains) and the ReLU.
    along = torch.einsum("rnh,rnh->rn", unit, back)[:, :, None]
    back.addcmul_(unit, along, value=-1).div_(length)
    if relu:
        back.mul_(unit.sign_())  # the derivative of the ReLU: 0 or 1
    return loss, product(inputs.transpose(1, 2), back.transpose(1, 2))


def hits_at_1(values: Any) -> Any:
    """(R,) asymmetric recall at 1 of (R, n, n) similarities; a tie is not a hit."""
    mates = values.diagonal(dim1=1, dim2=2)
    by_row = (values >= mates[:, :, None]).sum(2) == 1
    by_column = (values >= mates[:, None, :]).sum(1) == 1
    return (by_row | by_column).float().mean(1)


def runs_per_batch(runs: int, pairs: int, device: str) -> int:
    """How many runs to compute together: all on a GPU, as many as fit its cache on a CPU."""
    return runs if device != "cpu" else max(1, min(runs, MAX_BATCH_CELLS // max(pairs * pairs, 1)))
