"""What self-supervised learning does to a batch of pictures: rotate, shuffle tiles, distort.

Pictures are torch (B, 3, h, w) in 0..1; every function draws from the generator it is given.
"""

from functools import lru_cache
from typing import Any

import numpy as np

TILES = 3  # a side of the jigsaw
CHOICES = 36  # permutations a jigsaw chooses from (margaritescu2024, 3.4.3)
ROTATIONS = 4


def rotated(images: Any, draw: Any) -> tuple[Any, Any]:
    """Each turned by 0, 90, 180 or 270 degrees, and (B,) which."""
    import torch

    turns = torch.randint(ROTATIONS, (len(images),), generator=draw)
    out = torch.stack([image.rot90(int(k), (1, 2)) for image, k in zip(images, turns, strict=True)])
    return out, turns.to(images.device)


def jigsaw(images: Any, draw: Any) -> tuple[Any, Any]:
    """Each cut into 3 x 3 tiles that are put back in one of 36 orders, and (B,) which.

    What does not divide by 3 at the right and lower edge is cut off, and the result brought back to
    the size that the network was made for.
    """
    import torch

    count, _, height, width = images.shape
    which = torch.randint(CHOICES, (count,), generator=draw)
    h, w = height // TILES, width // TILES
    tiles = images[:, :, : h * TILES, : w * TILES].unfold(2, h, h).unfold(3, w, w)
    tiles = tiles.permute(0, 2, 3, 1, 4, 5).reshape(count, TILES**2, 3, h, w)
    order = torch.from_numpy(permutations())[which].to(images.device)
    tiles = tiles[torch.arange(count, device=images.device)[:, None], order]
    tiles = tiles.reshape(count, TILES, TILES, 3, h, w).permute(0, 3, 1, 4, 2, 5)
    whole = tiles.reshape(count, 3, h * TILES, w * TILES)
    if whole.shape[2:] != images.shape[2:]:
        whole = torch.nn.functional.interpolate(whole, (height, width), mode="bilinear")
    return whole, which.to(images.device)


@lru_cache(maxsize=1)
def permutations() -> np.ndarray:
    """(36, 9) orders of nine tiles, each as different from those before as can be found.

    Greedy over 2,000 random ones by the Hamming distance (Noroozi and Favaro 2016, 4.2).
    """
    random = np.random.default_rng(0)
    pool = np.stack([random.permutation(TILES**2) for _ in range(2000)])
    chosen = [0]
    nearest = (pool != pool[0]).sum(1)
    while len(chosen) < CHOICES:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, (pool != pool[chosen[-1]]).sum(1))
    return pool[chosen]


def augment(images: Any, draw: Any) -> Any:
    """A view of each for SimCLR and MoCo: random crop, flip, colours, now and then grey or blurred.

    Ranges of Chen et al. 2020, with the smallest crop at a fifth of the picture: likeness of whole
    pictures is the aim here, not that of details.
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
    # torchvision draws from torch's own state only: set for these lines, and put back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=draw)))
        return torch.stack([change(image) for image in images])


def _odd(size: float) -> int:
    return max(3, int(size) // 2 * 2 + 1)
