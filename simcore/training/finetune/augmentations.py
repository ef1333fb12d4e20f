"""Transformations of self-supervised learning: rotations, jigsaws, random views.

Images are torch (B, 3, h, w) in 0..1; every function draws from the generator it is given.
"""

from functools import lru_cache
from typing import Any

import numpy as np

TILES = 3  # per side of the jigsaw
N_PERMUTATIONS = 36  # that a jigsaw chooses from (margaritescu2024, 3.4.3)
N_ROTATIONS = 4


def rotate(images: Any, generator: Any) -> tuple[Any, Any]:
    """Each image turned by 0, 90, 180 or 270 degrees, and (B,) the number of quarter turns."""
    import torch

    turns = torch.randint(N_ROTATIONS, (len(images),), generator=generator)
    rotated = [image.rot90(int(k), (1, 2)) for image, k in zip(images, turns, strict=True)]
    return torch.stack(rotated), turns.to(images.device)


def jigsaw(images: Any, generator: Any) -> tuple[Any, Any]:
    """Each image cut into 3 x 3 tiles in one of 36 orders, and (B,) the number of the order.

    Rows and columns that do not divide by 3 are cut off at the bottom and the right, and the result
    is resized to the input size of the network.
    """
    import torch

    count, _, height, width = images.shape
    numbers = torch.randint(N_PERMUTATIONS, (count,), generator=generator)
    h, w = height // TILES, width // TILES
    tiles = images[:, :, : h * TILES, : w * TILES].unfold(2, h, h).unfold(3, w, w)
    tiles = tiles.permute(0, 2, 3, 1, 4, 5).reshape(count, TILES**2, 3, h, w)
    order = torch.from_numpy(permutations())[numbers].to(images.device)
    tiles = tiles[torch.arange(count, device=images.device)[:, None], order]
    tiles = tiles.reshape(count, TILES, TILES, 3, h, w).permute(0, 3, 1, 4, 2, 5)
    mixed = tiles.reshape(count, 3, h * TILES, w * TILES)
    if mixed.shape[2:] != images.shape[2:]:
        mixed = torch.nn.functional.interpolate(mixed, (height, width), mode="bilinear")
    return mixed, numbers.to(images.device)


@lru_cache(maxsize=1)  # a constant
def permutations() -> np.ndarray:
    """(36, 9) orders of nine tiles that differ from each other as much as possible.

    Greedy by the Hamming distance, from 2,000 random orders (Noroozi and Favaro 2016, 4.2).
    """
    rng = np.random.default_rng(0)
    pool = np.stack([rng.permutation(TILES**2) for _ in range(2000)])
    selected = [0]
    distance = (pool != pool[0]).sum(1)  # to the nearest selected order
    while len(selected) < N_PERMUTATIONS:
        selected.append(int(distance.argmax()))
        distance = np.minimum(distance, (pool != pool[selected[-1]]).sum(1))
    return pool[selected]


def augment(images: Any, generator: Any) -> Any:
    """A random view of each image for SimCLR and MoCo: crop, flip, color, gray, blur.

    Ranges of Chen et al. 2020, except that a crop has at least a fifth of the area: similarity of
    entire images is the aim, not of details.
    """
    import torch
    from torchvision.transforms import v2

    height, width = images.shape[2:]
    change = v2.Compose(
        [
            v2.RandomResizedCrop((height, width), scale=(0.2, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(_odd(height / 10), (0.1, 2.0))], p=0.5),
        ]
    )
    # torchvision draws from torch's global state only: set for these lines, then restored.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        return torch.stack([change(image) for image in images])


def _odd(size: float) -> int:
    return max(3, int(size) // 2 * 2 + 1)
