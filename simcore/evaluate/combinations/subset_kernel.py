"""The compiled inside of the subset search; imported only when it is asked for (numba).

Names: m backbones, g gallery images, size = 2^m subsets; d[k, j] is how far rival j is ahead of the
mate in backbone k; `alive` are the subsets that no rival is known to defeat.
"""

import numba as nb
import numpy as np

FEW = 24
LEAF = 6  # 2^6 subsets fit a cache line or two and are held against a rival at once


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
def _relevant(d, target, near):
    """Rivals that reach the mate in one backbone at least; behind in all is behind in any sum."""
    m, g = d.shape
    count = 0
    for j in range(g):
        for k in range(m):
            if d[k, j] >= 0 and j != target:
                near[count] = j
                count += 1
                break
    return count


@nb.njit(cache=True, nogil=True)
def _decisive_last(d, near, count):
    """Backbones by how far apart they put mate and rivals: the last, decided first, the most."""
    apart = np.zeros(d.shape[0])
    for k in range(d.shape[0]):
        for i in range(count):
            apart[k] += d[k, near[i]]
        apart[k] = abs(apart[k])
    return np.argsort(apart)


@nb.njit(cache=True, nogil=True)
def _moved(masks_from, order, masks_to, back):
    """Reorder the bits of all masks: bit k of the new ones is bit order[k] of the old."""
    size = masks_from.size
    old = np.zeros(size, np.int64)
    filled = 1
    for k in range(order.size):
        for mask in range(filled):
            old[filled + mask] = old[mask] | (1 << order[k])
        filled *= 2
    for mask in range(size):
        if back:
            masks_to[old[mask]] = masks_from[mask]
        else:
            masks_to[mask] = masks_from[old[mask]]


@nb.njit(cache=True, nogil=True)
def _leaf(d, blind, prefix, rivals, partial, count, width, alive):
    """Hold the rivals that are left against the 2^width subsets that start with `prefix`."""
    size = 1 << width
    sums = np.empty(size)
    for i in range(count):
        j = rivals[i]
        sums[0] = partial[i]
        filled = 1
        for k in range(width):
            step = d[k, j]
            for low in range(filled):
                sums[filled + low] = sums[low] + step
            filled *= 2
        if (prefix & ~blind[j]) == 0:  # subsets that know nothing about j
            hidden = blind[j] & (size - 1)
            part = hidden
            while part:
                sums[part] = -1.0
                part = (part - 1) & hidden
            sums[0] = -1.0
        left = 0
        for low in range(size):
            alive[prefix + low] = alive[prefix + low] and sums[low] < 0
            left += alive[prefix + low]
        if left == 0:
            return


@nb.njit(cache=True, nogil=True)
def _tree(d, blind, near, count, alive):
    """Decide backbone after backbone, most telling first, dropping rivals that are out of reach.

    A rival is out of reach of all subsets below a node when the sum so far and all its good sides
    still to come stay below zero; it defeats them all when even its bad sides leave it at zero or
    more. What no rival can reach is a hit without any further look.
    """
    m = d.shape[0]
    width = min(m, LEAF)
    depth = m - width
    good, bad = np.zeros((m + 1, count)), np.zeros((m + 1, count))
    top = np.full((m + 1, count), -np.inf)
    for k in range(m):
        for i in range(count):
            step = d[k, near[i]]
            good[k + 1, i] = good[k, i] + max(step, 0.0)
            bad[k + 1, i] = bad[k, i] + min(step, 0.0)
            top[k + 1, i] = max(top[k, i], step)
    who = np.empty((depth + 1, count), np.int64)  # positions in near
    partial = np.zeros((depth + 1, count))
    rivals = np.empty(count, np.int64)
    many, branch, prefix = np.zeros((3, depth + 1), np.int64)
    who[0] = np.arange(count)
    many[0] = count
    level = 0
    while level >= 0:
        if level == depth:
            for i in range(many[level]):
                rivals[i] = near[who[level, i]]
            _leaf(d, blind, prefix[level], rivals, partial[level], many[level], width, alive)
            level -= 1
            continue
        if branch[level] == 2:
            branch[level] = 0
            level -= 1
            continue
        put = branch[level] == 0
        branch[level] += 1
        bit = m - 1 - level
        start = prefix[level] | (1 << bit if put else 0)
        if not alive[start : start + (1 << bit)].any():
            continue
        kept, lost = 0, False
        for i in range(many[level]):
            at = who[level, i]
            total = partial[level, i]
            if put:
                total += d[bit, near[at]]
            if start:
                if total + good[bit, at] < 0:
                    continue
                if total + bad[bit, at] >= 0 and (start & ~blind[near[at]]) != 0:
                    lost = True
                    break
            elif top[bit, at] < 0:
                continue
            who[level + 1, kept] = at
            partial[level + 1, kept] = total
            kept += 1
        if lost:
            alive[start : start + (1 << bit)] = False
        elif kept:
            level += 1
            many[level], prefix[level] = kept, start


@nb.njit(cache=True, nogil=True)
def _settle(d, blind, target, alive, sums, total, near):
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
    count = _relevant(d, target, near)
    order = _decisive_last(d, near, count)
    turned, hidden = np.empty_like(d), np.zeros_like(blind)
    for k in range(m):
        turned[k] = d[order[k]]
        for i in range(count):
            if blind[near[i]] >> order[k] & 1:
                hidden[near[i]] |= 1 << k
    moved = np.empty_like(alive)
    _moved(alive, order, moved, False)
    _tree(turned, hidden, near, count, moved)
    _moved(moved, order, alive, True)


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
        alive = hits[row]
        mine = _differences(values, row, target[row], mean, gain, grid, d, blind)
        for mask in range(1, size):
            alive[mask] = (mine & mask) != mask
        alive[0] = False
        _settle(d, blind, target[row], alive, sums, total, near)
