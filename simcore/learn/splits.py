"""Which pairs are learned from, which choose, and which judge: never the same ones.

A `Split` cannot be made from parts that overlap, nor from parts that share a group of
near-duplicates, so what is judged on it was not seen, not even as a twin.
"""

from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Array

TEST, VALIDATION = 0.25, 0.15  # of all pairs (risser-maroux2021, 4.2); of the pairs that are left


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of N pairs in three parts.

    Attributes:
        train, validation, test: int64 row numbers, sorted; validation may be empty.
        groups: (N,) group of each pair; near-duplicate pairs share one.

    Raises:
        BadDataError: a pair, or a group of near-duplicates, is in two parts; or a part that must
            hold something is empty.
    """

    train: Array
    validation: Array
    test: Array
    groups: Array

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            rows = np.sort(np.asarray(getattr(self, name), np.int64))
            rows.flags.writeable = False
            object.__setattr__(self, name, rows)
        parts = (self.train, self.validation, self.test)
        rows = np.concatenate(parts)
        if rows.size and not (0 <= rows.min() and rows.max() < len(self.groups)):
            raise BadDataError(f"found a pair outside 0 to {len(self.groups) - 1} in a split")
        if np.unique(rows).size != rows.size:
            raise BadDataError(
                "found a pair in two parts of a split; expected training, validation and test "
                "pairs to be different"
            )
        groups = [np.unique(np.asarray(self.groups)[part]) for part in parts]
        if np.unique(np.concatenate(groups)).size != sum(map(len, groups)):
            raise BadDataError(
                "found near-duplicate pairs in two parts of a split; expected twins on one side"
            )
        if len(self.train) < 2 or len(self.test) < 2:
            raise BadDataError(
                f"found {len(self.train)} training and {len(self.test)} test pairs; "
                "expected at least 2 of each; use a larger collection"
            )


def draw(groups: Array, seed: int, *, test: float = TEST, validation: float = VALIDATION) -> Split:
    """A random split of whole groups.

    Args:
        groups: (N,) group of each pair; all different where there are no near-duplicates.
        seed: another seed, another split.
        test: share of all pairs. validation: share of those that are not in test.

    Returns:
        Parts of the same sizes for every seed, unless large groups do not fit.
    """
    return Split(*dealt(groups, seed, test=test, validation=validation), np.asarray(groups))


def dealt(
    groups: Array, seed: int, *, test: float = TEST, validation: float = VALIDATION
) -> tuple[Array, Array, Array]:
    """Rows for training, validation and test as `draw` deals them; a part may come out empty."""
    random = np.random.default_rng(seed)
    total = len(groups)
    want_test = round(total * test)
    want_validation = round((total - want_test) * validation)
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(int(group), []).append(row)
    names = list(members)
    order = [members[names[i]] for i in random.permutation(len(names))]
    chosen: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows in order:
        if len(chosen[2]) + len(rows) <= want_test:
            chosen[2].extend(rows)
        elif len(chosen[1]) + len(rows) <= want_validation:
            chosen[1].extend(rows)
        else:
            chosen[0].extend(rows)
    train, held, judged = (np.array(part, np.int64) for part in chosen)
    return train, held, judged


def folds(rows: Array, groups: Array, parts: int, seed: int) -> list[Array]:
    """Disjoint parts of some pairs, whole groups each, about alike in size.

    Args:
        rows: the pairs, such as a split's training pairs. groups: (N,) of all pairs.

    Raises:
        BadDataError: fewer groups than parts.
    """
    own = groups[rows]
    names = np.random.default_rng(seed).permutation(np.unique(own))
    if len(names) < parts:
        raise BadDataError(
            f"found {len(names)} pairs to learn from; expected at least {parts}, one a fold"
        )
    return [rows[np.isin(own, some)] for some in np.array_split(names, parts)]
