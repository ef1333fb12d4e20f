"""The compiled inside of the subset search; imported only when it is asked for (numba).

Names: m backbones, g gallery images, size = 2^m subsets; d[k, j] is how far rival j is ahead of the
mate in backbone k; `alive` are the subsets that no rival is known to defeat.
"""

import numba as nb
import numpy as np

FEW = 24


@nb.njit(cache=True, nogil=True)
def _sums(d, j, sums):
    """sums[mask] = how far rival j is ahead in every subset; one addition each."""
    filled = 1
    sums[0] = 0.0
    for k in range(d.shape[0]):
        step = d[k, j]
        for mask in range(filled):
            sums[filled + mask] = sums[mask] + step
        filled *= 2


@nb.njit(cache=True, nogil=True)
def _defeat(d, j, blind, sums, alive):
    """Take away the subsets in which rival j reaches the mate; returns how many are left."""
    _sums(d, j, sums)
    hidden = blind[j]
    if hidden:  # subsets that know nothing about j: every part of `hidden`
        part = hidden
        while part:
            sums[part] = -1.0
            part = (part - 1) & hidden
    left = 0
    for mask in range(1, sums.size):
        alive[mask] = alive[mask] and sums[mask] < 0
        left += alive[mask]
    return left


@nb.njit(cache=True, nogil=True)
def _differences(values, row, target, mean, gain, grid, d, blind):
    """d and blind of one row; returns the mate's blindness. The mate itself is put far behind."""
    m, g = d.shape
    blind[:] = 0
    for k in range(m):
        line = values[k][row]
        mate = line[target]
        own = 0.0 if np.isnan(mate) else np.rint((mate - mean[k]) * gain[k] * grid) / grid
        for j in range(g):
            there = line[j]
            if np.isnan(there):
                d[k, j] = -own
                blind[j] |= 1 << k
            else:
                d[k, j] = np.rint((there - mean[k]) * gain[k] * grid) / grid - own
    mine = blind[target]
    for k in range(m):
        d[k, target] = -1e6
    blind[target] = 0
    return mine


@nb.njit(cache=True, nogil=True)
def _best_rival(d, blind, subset, total):
    """The rival furthest ahead in one subset, and by how much."""
    m, g = d.shape
    total[:] = 0.0
    for k in range(m):
        if subset >> k & 1:
            for j in range(g):
                total[j] += d[k, j]
    best, most = -1, -np.inf
    for j in range(g):
        if total[j] > most and (blind[j] & subset) != subset:
            best, most = j, total[j]
    return best, most


@nb.njit(cache=True, nogil=True)
def _could_matter(d, core, union, near):
    """Rivals that some remaining subset might lose to, by the bound in the module's text."""
    m, g = d.shape
    count = 0
    for j in range(g):
        bound = 0.0
        for k in range(m):
            ahead = d[k, j]
            if core >> k & 1 or (union >> k & 1 and ahead > 0):
                bound += ahead
        if bound >= 0:
            near[count] = j
            count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _undominated(d, blind, core, union, near, count, keys, order_by):
    """Of the rivals `near`, those that none of the stronger ones beats in everything.

    Everything: the sum over the backbones in `core`, and each other one in `union`.
    """
    m = d.shape[0]
    dims = 1
    for i in range(count):
        keys[0, i] = 0.0
    for k in range(m):
        if core >> k & 1:
            for i in range(count):
                keys[0, i] += d[k, near[i]]
    for k in range(m):
        if union >> k & 1 and not core >> k & 1:
            for i in range(count):
                keys[dims, i] = d[k, near[i]]
            dims += 1
    for i in range(count):
        order_by[i] = 0.0
        for x in range(dims):
            order_by[i] -= keys[x, i]
    order = np.argsort(order_by[:count])
    kept = np.empty(count, np.int64)
    left = 0
    for i in order:  # a rival can only be dominated by one with a larger sum
        beaten = False
        for other in range(min(left, 256)):
            o = kept[other]
            # One that is itself no rival to some subset must not hide another that is.
            beaten = (blind[near[o]] & ~blind[near[i]]) == 0
            if not beaten:
                continue
            for x in range(dims):
                if keys[x, o] < keys[x, i]:
                    beaten = False
                    break
            if beaten:
                break
        if not beaten:
            kept[left] = i
            left += 1
    for i in range(left):
        kept[i] = near[kept[i]]
    return kept[:left]


@nb.njit(cache=True, nogil=True)
def _settle(d, blind, alive, sums, total, near, keys, order_by):
    """Turn `alive` from "not yet defeated" into "hit"."""
    m, size = d.shape[0], alive.size
    left = 0
    for k in range(m):  # the strongest rival of each backbone
        left = _defeat(d, np.argmax(d[k]), blind, sums, alive)
    confirmed = np.zeros(size, np.bool_)
    seed = 12345
    tries = 0
    waiting = left
    while waiting > 0:
        if waiting > FEW and tries >= 12:
            break
        tries += 1
        seed = (1103515245 * seed + 12345) % 2147483648
        pick = seed % waiting
        subset = 0
        for mask in range(1, size):
            if alive[mask] and not confirmed[mask]:
                if pick == 0:
                    subset = mask
                    break
                pick -= 1
        rival, ahead = _best_rival(d, blind, subset, total)
        if rival < 0 or ahead < 0:
            confirmed[subset] = True
            waiting -= 1
        else:
            _defeat(d, rival, blind, sums, alive)
            waiting = 0
            for mask in range(1, size):
                waiting += alive[mask] and not confirmed[mask]
    if waiting == 0:
        return
    core, union = size - 1, 0
    for mask in range(1, size):
        if alive[mask]:
            core &= mask
            union |= mask
    count = _could_matter(d, core, union, near)
    for j in _undominated(d, blind, core, union, near, count, keys, order_by):
        _defeat(d, j, blind, sums, alive)


@nb.njit(cache=True, nogil=True, parallel=True)
def search_rows(values, target, mean, gain, grid, hits):
    """Fill hits (b, 2^M) for the rows of one block; values: M matrices (b, G) float32."""
    m = len(values)
    rows, g = values[0].shape
    size = 1 << m
    for row in nb.prange(rows):
        d = np.empty((m, g))
        blind = np.zeros(g, np.int64)
        sums = np.empty(size)
        total = np.empty(g)
        near = np.empty(g, np.int64)
        keys = np.empty((m + 1, g))
        order_by = np.empty(g)
        alive = hits[row]
        mine = _differences(values, row, target[row], mean, gain, grid, d, blind)
        for mask in range(1, size):
            alive[mask] = (mine & mask) != mask
        alive[0] = False
        _settle(d, blind, alive, sums, total, near, keys, order_by)
