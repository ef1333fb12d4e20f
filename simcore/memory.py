"""The one in-memory cache: values by key, limited in bytes, least recently used dropped first.

A key contains everything that a value depends on (digests, recipes, settings), so values never
have to be invalidated.

    ranks = memory.get(("ranks", collection.digest, recipe, direction), lambda: compute(...))
"""

import dataclasses
import mmap
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import RLock
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

MAX_BYTES = 4 << 30  # features of 6,016 pairs under eleven backbones take 1.8 GB
SAMPLED = 2_000  # items of a long sequence whose sizes count for all of them
MIN_SIZE = 1024  # bytes counted for every value, so that small ones are dropped eventually, too


class Memory:
    """A thread-safe cache: a value is computed once, however many threads request it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._lock = RLock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()  # value, bytes
        self._computing: dict[Hashable, RLock] = {}  # key -> held by the thread that computes it
        self._bytes = 0

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `key`, computed and stored on the first call.

        If `compute` raises, the exception is passed on and nothing is stored.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            lock = self._computing.setdefault(key, RLock())
        with lock:
            with self._lock:
                if key in self._values:  # another thread computed it meanwhile
                    return self._values[key][0]
            try:
                value = compute()
                self.put(key, value)
            finally:
                with self._lock:
                    self._computing.pop(key, None)
            return value

    def put(self, key: Hashable, value: Any) -> None:
        """Store a value under a key; drops the least recently used values if needed."""
        size = max(size_of(value), MIN_SIZE)
        with self._lock:
            self._bytes += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = (value, size)
            while self._bytes > self.max_bytes and len(self._values) > 1:
                _, (_, freed) = self._values.popitem(last=False)
                self._bytes -= freed

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def clear(self) -> None:
        """Drop all values, as tests do before each test."""
        with self._lock:
            self._values.clear()
            self._bytes = 0


def size_of(value: Any) -> int:
    """Bytes of the arrays, texts and bytes in a value, looking into containers and dataclasses.

    Arrays that are mapped from a file take none: the system drops their pages when it needs them.

    >>> size_of((np.zeros(10, np.float32), {"a": b"xyz"}))
    43
    """
    if isinstance(value, np.ndarray):
        return 0 if _is_mapped(value) else value.nbytes
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(size_of, value.values()))
    if isinstance(value, tuple | list):
        step = -(-len(value) // SAMPLED)  # a collection has hundreds of thousands of names
        return step * sum(map(size_of, value[::step])) if step else 0
    if isinstance(value, set | frozenset):
        return sum(map(size_of, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 0


def _is_mapped(array: np.ndarray) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


_MEMORY = Memory()
get = _MEMORY.get
put = _MEMORY.put
contains = _MEMORY.__contains__
clear = _MEMORY.clear
