"""Images per forward pass, measured for the network and the machine at hand.

A small network on a CPU is fastest with batches that stay in the processor's cache, a large one
hardly minds; a GPU wants as many images as fit. So the first batches of a run are timed.
"""

from functools import cache

CPU_SIZES = (4, 8, 16, 32)
GPU_SIZES = (64, 128, 256, 512)
PASSES = 3  # of each size; the first one prepares kernels and buffers, and is not counted
SLOWER = 1.05  # a size is the last one to be tried if it takes this much longer than the best


class BatchSize:
    """The images per forward pass of one network, found out while it computes.

    Sizes are tried from the smallest to the largest, as long as larger ones are not slower.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        """
        Args:
            sizes: to choose from, ascending; a single one is fixed.
        """
        self._untried = list(sizes)
        self._seconds: dict[int, float] = {}  # size -> best seconds per image
        self._passes = 0
        self.settled = len(sizes) == 1  # whether `current` is final
        self.current = self._untried.pop(0)

    def record(self, images: int, seconds: float) -> None:
        """Learn from one forward pass; one of another size says nothing about `current`."""
        if self.settled or images != self.current:
            return
        self._passes += 1
        if self._passes > 1:
            best = self._seconds.get(images, seconds / images)
            self._seconds[images] = min(best, seconds / images)
        if self._passes < PASSES:
            return
        self._passes = 0
        if self._seconds[images] > SLOWER * min(self._seconds.values()):
            self._untried.clear()
        self.settled = not self._untried
        self.current = self._fastest() if self.settled else self._untried.pop(0)

    def shrink(self) -> None:
        """Memory ran out: only smaller sizes from now on."""
        self.settled = True
        self._seconds = {
            size: seconds for size, seconds in self._seconds.items() if size < self.current
        }
        self.current = self._fastest() if self._seconds else max(1, self.current // 2)

    def _fastest(self) -> int:
        return min(self._seconds, key=lambda size: self._seconds[size])


def sizes(device: str) -> tuple[int, ...]:
    """The sizes to choose from on a device."""
    return CPU_SIZES if device == "cpu" else GPU_SIZES


@cache
def measured(network: str, device: str) -> BatchSize:
    """The batch size of a network, kept for later runs of this process.

    Args:
        network: what identifies it, and its precision and runtime.
    """
    return BatchSize(sizes(device))
