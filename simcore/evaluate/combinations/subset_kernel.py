"""The compiled loop of the subset search (numba); imported only when a search runs.

Names: m backbones, g gallery images, size = 2^m subsets; lead[k, j] is how far image j is ahead of
the mate in backbone k, missing evidence filled; missing[j] is the mask of backbones without
evidence about j; alive[mask] is True while no rival is known to defeat that subset. A rival defeats
a subset when the sum of its leads over the members is 0 or more: a tie is no hit.

Example with the backbones a, b, c, which are bits 0, 1, 2, so that mask 5 = 0b101 is {a, c}:

    lead      a    b    c
    rival 0  -2   +1   -1
    rival 1  +1   -3   +1

`_sums` builds the eight sums of a rival by doubling. For rival 0: [0], with a [0, -2], with b
[0, -2, 1, -1], with c [0, -2, 1, -1, -1, -3, 0, -2]. It defeats the subsets with a sum of 0 or
more, {b} and {b, c}. The sums of rival 1 are [0, 1, -3, -2, 1, 2, -2, -1], so it defeats {a}, {c}
and {a, c}. Alive are {a, b} and {a, b, c}: these find the mate.

If c had no evidence about rival 0, missing[0] would be 0b100. The subset {c} would then know
nothing about rival 0 and could not be defeated by it, whatever its sum; {b, c} could, through b.

`_search_tree` reaches the same without all sums. It decides the highest bit first: include c or
not, then b, then a (the last LEAF bits in one step, which this example leaves out). Below the node
"c and b included" rival 1 has -2 so far and can gain at most +1 from a: it is dropped. Rival 0 has
0 so far, and a can only cost it 2: it stays, and defeats {b, c}, not {a, b, c}. Below "c included,
b not" rival 1 has +1, and a cannot bring it below 0: it defeats all subsets below this node.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numba as nb
import numpy as np

from simcore.types import Array

ROWS_PER_TASK = 16  # rows differ widely in how long they take
FEW = 24  # with more subsets left after 12 tries the tree is faster
LEAF = 6  # 2^6 subsets fit a cache line or two and are compared with a rival at once


@nb.njit(cache=True, nogil=True)
def _sums(lead, j, sums):
    """sums[mask] = how far rival j is ahead in every subset; one addition each."""
    filled = 1
    sums[0] = 0.0
    for k in range(lead.shape[0]):
        step = lead[k, j]
        for mask in range(filled):
            sums[filled + mask] = sums[mask] + step
        filled *= 2


@nb.njit(cache=True, nogil=True)
def _defeat(lead, j, missing, sums, alive):
    """Remove the subsets that rival j defeats; returns how many are left."""
    _sums(lead, j, sums)
    no_evidence = missing[j]
    if no_evidence:  # subsets without evidence about j: all non-empty parts of `no_evidence`
        part = no_evidence
        while part:
            sums[part] = -1.0
            part = (part - 1) & no_evidence
    left = 0
    for mask in range(1, sums.size):
        alive[mask] = alive[mask] and sums[mask] < 0
        left += alive[mask]
    return left


@nb.njit(cache=True, nogil=True)
def _leads(values, row, target, terms, grid, lead, missing):
    """Fill `lead` and `missing` for one row; returns the backbones without evidence of the mate.

    The mate itself is set far behind, so that it is never its own rival.
    """
    m, g = lead.shape
    missing[:] = 0
    for k in range(m):
        similarity = values[k, row]
        mate = similarity[target]
        shift, gain, fill = terms[k, 0], terms[k, 1], np.rint(terms[k, 2] * grid) / grid
        mate_term = fill if np.isnan(mate) else np.rint((mate - shift) * (gain * grid)) / grid
        for j in range(g):
            value = similarity[j]
            if np.isnan(value):
                lead[k, j] = fill - mate_term
                missing[j] |= 1 << k
            else:
                lead[k, j] = np.rint((value - shift) * (gain * grid)) / grid - mate_term
    mate_missing = missing[target]
    for k in range(m):
        lead[k, target] = -1e6
    missing[target] = 0
    return mate_missing


@nb.njit(cache=True, nogil=True)
def _best_rival(lead, missing, subset, total):
    """The rival furthest ahead in one subset, and by how much."""
    m, g = lead.shape
    total[:] = 0.0
    for k in range(m):
        if subset >> k & 1:
            for j in range(g):
                total[j] += lead[k, j]
    best, most = -1, -np.inf
    for j in range(g):
        if total[j] > most and (missing[j] & subset) != subset:
            best, most = j, total[j]
    return best, most


@nb.njit(cache=True, nogil=True)
def _find_rivals(lead, target, rivals):
    """List the images that reach the mate in at least one backbone; returns how many they are.

    An image that is behind in every backbone is behind in every sum.
    """
    m, g = lead.shape
    count = 0
    for j in range(g):
        for k in range(m):
            if lead[k, j] >= 0 and j != target:
                rivals[count] = j
                count += 1
                break
    return count


@nb.njit(cache=True, nogil=True)
def _decisive_last(lead, rivals, count):
    """Backbones by how far they separate mate and rivals; the last, decided first, the furthest."""
    separation = np.zeros(lead.shape[0])
    for k in range(lead.shape[0]):
        for i in range(count):
            separation[k] += lead[k, rivals[i]]
        separation[k] = abs(separation[k])
    order = np.empty(separation.size, np.int64)  # sorted by insertion: np.argsort compiles for long
    for k in range(separation.size):
        place = k
        while place > 0 and separation[order[place - 1]] > separation[k]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = k
    return order


@nb.njit(cache=True, nogil=True)
def _reorder_bits(masks_from, order, masks_to, back):
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
def _search_leaf(lead, missing, prefix, rivals, partial, count, width, alive):
    """Compare the rivals that are left with the 2^width subsets that start with `prefix`."""
    size = 1 << width
    sums = np.empty(size)
    for i in range(count):
        j = rivals[i]
        sums[0] = partial[i]
        filled = 1
        for k in range(width):
            step = lead[k, j]
            for low in range(filled):
                sums[filled + low] = sums[low] + step
            filled *= 2
        if (prefix & ~missing[j]) == 0:  # subsets without evidence about j
            no_evidence = missing[j] & (size - 1)
            part = no_evidence
            while part:
                sums[part] = -1.0
                part = (part - 1) & no_evidence
            sums[0] = -1.0
        left = 0
        for low in range(size):
            alive[prefix + low] = alive[prefix + low] and sums[low] < 0
            left += alive[prefix + low]
        if left == 0:
            return


@nb.njit(cache=True, nogil=True)
def _search_tree(lead, missing, rivals, count, alive):
    """Decide backbone after backbone, the most decisive first, dropping rivals out of reach.

    A rival is out of reach of all subsets below a node when the sum so far and all its favorable
    backbones still to come stay below zero; it defeats them all when even its unfavorable ones
    leave it at zero or more. Subsets that no rival can reach are hits.
    """
    m = lead.shape[0]
    width = min(m, LEAF)
    depth = m - width
    # What a rival can gain and lose in the backbones still to come, and its best single one.
    gains, losses = np.zeros((m + 1, count)), np.zeros((m + 1, count))
    best_single = np.full((m + 1, count), -np.inf)
    for k in range(m):
        for i in range(count):
            step = lead[k, rivals[i]]
            gains[k + 1, i] = gains[k, i] + max(step, 0.0)
            losses[k + 1, i] = losses[k, i] + min(step, 0.0)
            best_single[k + 1, i] = max(best_single[k, i], step)
    # Per level of the tree: the rivals still in reach, their sums so far, and the node.
    in_reach = np.empty((depth + 1, count), np.int64)  # positions in `rivals`
    partial = np.zeros((depth + 1, count))
    leaf_rivals = np.empty(count, np.int64)
    counts = np.zeros(depth + 1, np.int64)
    branch = np.zeros(depth + 1, np.int64)
    prefix = np.zeros(depth + 1, np.int64)
    for i in range(count):
        in_reach[0, i] = i
    counts[0] = count
    level = 0
    while level >= 0:
        if level == depth:
            for i in range(counts[level]):
                leaf_rivals[i] = rivals[in_reach[level, i]]
            _search_leaf(
                lead,
                missing,
                prefix[level],
                leaf_rivals,
                partial[level],
                counts[level],
                width,
                alive,
            )
            level -= 1
            continue
        if branch[level] == 2:  # both branches are done
            branch[level] = 0
            level -= 1
            continue
        include = branch[level] == 0
        branch[level] += 1
        bit = m - 1 - level
        start = prefix[level] | (1 << bit if include else 0)
        if not alive[start : start + (1 << bit)].any():
            continue
        remaining, defeated = 0, False
        for i in range(counts[level]):
            rival = in_reach[level, i]
            total = partial[level, i]
            if include:
                total += lead[bit, rivals[rival]]
            if start:
                if total + gains[bit, rival] < 0:
                    continue
                if total + losses[bit, rival] >= 0 and (start & ~missing[rivals[rival]]) != 0:
                    defeated = True
                    break
            elif best_single[bit, rival] < 0:
                continue
            in_reach[level + 1, remaining] = rival
            partial[level + 1, remaining] = total
            remaining += 1
        if defeated:
            alive[start : start + (1 << bit)] = False
        elif remaining:
            level += 1
            counts[level], prefix[level] = remaining, start


@nb.njit(cache=True, nogil=True)
def _search_row(lead, missing, target, alive, sums, total, rivals):
    """Turn `alive` from "not yet defeated" into "hit"."""
    m, size = lead.shape[0], alive.size
    left = 0
    for k in range(m):  # the strongest rival of each backbone
        left = _defeat(lead, np.argmax(lead[k]), missing, sums, alive)
    confirmed = np.zeros(size, np.bool_)
    seed = 12345
    tries = 0
    waiting = left
    while waiting > 0:
        if waiting > FEW and tries >= 12:
            break
        tries += 1
        seed = (1103515245 * seed + 12345) % 2147483648  # a random one of the waiting subsets
        pick = seed % waiting
        subset = 0
        for mask in range(1, size):
            if alive[mask] and not confirmed[mask]:
                if pick == 0:
                    subset = mask
                    break
                pick -= 1
        rival, ahead = _best_rival(lead, missing, subset, total)
        if rival < 0 or ahead < 0:
            confirmed[subset] = True
            waiting -= 1
        else:
            _defeat(lead, rival, missing, sums, alive)
            waiting = 0
            for mask in range(1, size):
                waiting += alive[mask] and not confirmed[mask]
    if waiting == 0:
        return
    count = _find_rivals(lead, target, rivals)
    order = _decisive_last(lead, rivals, count)
    ordered_lead, ordered_missing = np.empty_like(lead), np.zeros_like(missing)
    for k in range(m):
        ordered_lead[k] = lead[order[k]]
        for i in range(count):
            if missing[rivals[i]] >> order[k] & 1:
                ordered_missing[rivals[i]] |= 1 << k
    ordered_alive = np.empty_like(alive)
    _reorder_bits(alive, order, ordered_alive, False)
    _search_tree(ordered_lead, ordered_missing, rivals, count, ordered_alive)
    _reorder_bits(ordered_alive, order, alive, True)


@nb.njit(cache=True, nogil=True)  # numba's own threads would double the compile time
def _search_rows(values, target, terms, grid, first, last, hits):
    """Fill hits (b, 2^M) for the rows from `first` to `last` of one block."""
    m, g = values.shape[0], values.shape[2]
    size = 1 << m
    lead = np.empty((m, g))
    missing = np.zeros(g, np.int64)
    sums = np.empty(size)
    total = np.empty(g)
    rivals = np.empty(g, np.int64)
    for row in range(first, last):
        alive = hits[row]
        missing[:] = 0
        mate_missing = _leads(values, row, target[row], terms, grid, lead, missing)
        for mask in range(1, size):
            alive[mask] = (mate_missing & mask) != mask
        alive[0] = False
        _search_row(lead, missing, target[row], alive, sums, total, rivals)


def search_rows(values: Array, target: Array, terms: Array, grid: float, hits: Array) -> None:
    """Fill hits (b, 2^M) for the rows of one block, on all cores.

    Args:
        values: (M, B, G) float32 with at least b rows; NaN = no evidence.
        target: (b,) column of each mate.
        terms: (M, 3) shift, gain and fill of each backbone, as in `simcore.sim.combine.Term`.
        grid: terms are rounded to multiples of 1 / grid.
        hits: (b, 2^M) bool, the output.
    """
    edges = range(0, len(hits), ROWS_PER_TASK)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [
            pool.submit(
                _search_rows,
                values,
                target,
                terms,
                grid,
                first,
                min(first + ROWS_PER_TASK, len(hits)),
                hits,
            )
            for first in edges
        ]
        for task in tasks:
            task.result()
