"""Pairs through similarities that look at two images at once: read, squashed, compared."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, BadImageError, unknown_name
from simcore.models import weights
from simcore.models.distances import dists, lpips, ssim
from simcore.models.spec import WeightFile
from simcore.types import Array, ImageSet, Monitor, Preprocessing, Skipped

SIDE = 64  # px; BAPPS is scored at 64, scores change at others
BATCH = 32
_PIXELS = {
    "pixel-l2": ssim.pixel_l2,
    "ssim": ssim.ssim,
    "ms-ssim": ssim.ms_ssim,
}
NAMES = (*_PIXELS, "dists", *(f"lpips-{net}" for net in lpips.NETS))

Compare = Callable[[Any, Any], dict[str, Any]]


def files(name: str) -> tuple[WeightFile, ...]:
    """The weight files that a similarity needs.

    Raises:
        UnknownNameError: no such similarity.
    """
    if name not in NAMES:
        raise unknown_name("similarity", name, NAMES)
    if name in _PIXELS:
        return ()
    if name == "dists":
        return dists.DISTS_FILE, lpips.NETS["vgg"].trunk
    net = lpips.NETS[name[6:]]
    return net.trunk, net.linear


def status(name: str) -> tuple[bool, str]:
    """(ready, reason): whether a similarity can be computed, pip apart, without the network."""
    for file in files(name):
        if not (file.pip_project or weights.ready(file)):
            return False, weights.missing(file)
    return True, ""


def load(name: str, *, device: str = "cpu") -> Compare:
    """Two batches -> {name: (B,)}; LPIPS gives its layers and sums as "lpips-alex/layer0".

    Raises:
        UnknownNameError: no such similarity. MissingWeightsError: its weights are not here.
    """
    if name not in NAMES:
        raise unknown_name("similarity", name, NAMES)
    if name.startswith("lpips-"):
        inner = lpips.load(name[6:], device=device)
        return lambda a, b: {f"{name}/{part}": v for part, v in inner(a, b).items()}
    similar = _PIXELS[name] if name in _PIXELS else dists.dists(device=device)

    def one(a: Any, b: Any) -> dict[str, Any]:
        return {name: similar(a, b)}

    return one


def measure(
    names: Sequence[str],
    shown: ImageSet,
    first: Array,
    second: Array,
    *,
    side: int = SIDE,
    device: str = "cpu",
    batch: int = BATCH,
    given: Sequence[Compare] = (),
    monitor: Monitor = Monitor(),
) -> tuple[dict[str, Array], tuple[Skipped, ...]]:
    """Similarity of image first[i] to image second[i], by all similarities in one pass.

    Args:
        names: of NAMES. given: further comparisons, as `load` makes them.
        side: images are squashed to side x side px (bilinear).
        stop: asked between batches; when it says True nothing is returned.

    Returns:
        name -> (P,) float64, NaN where an image cannot be read; and which.

    Raises:
        UnknownNameError, MissingWeightsError: as for `load`. BadDataError: nothing to compare by.
    """
    loaded = [*(load(name, device=device) for name in names), *given]
    if not loaded:
        raise BadDataError("found no similarity to compare by; expected at least one")
    import torch

    how = Preprocessing((side, side), None, mean=(), std=())
    out: dict[str, Array] = {}
    bad: dict[int, Skipped] = {}
    began, stage = monotonic(), ", ".join(names) or "comparing"

    def read(rows: Array) -> Any:
        stack = np.zeros((rows.size, side, side, 3), np.uint8)
        seen: dict[int, Array] = {}
        for k, row in enumerate(rows.tolist()):
            if row in bad:
                continue
            try:
                if row not in seen:
                    whole = images.load(shown.path(row), trim=shown.trim)
                    seen[row] = images.prepare(whole, how)
                stack[k] = seen[row]
            except BadImageError as error:
                bad[row] = Skipped(shown.ids[row], str(error))
        return torch.from_numpy(stack).to(device).permute(0, 3, 1, 2).float().div_(255)

    for start in range(0, first.size, batch):
        if monitor.stopped:
            return {}, ()
        part = slice(start, start + batch)
        a, b = read(first[part]), read(second[part])
        lost = np.isin(first[part], list(bad)) | np.isin(second[part], list(bad))
        for compare in loaded:
            for name, values in compare(a, b).items():
                column = out.setdefault(name, np.full(first.size, np.nan))
                column[part] = np.where(lost, np.nan, values.double().cpu().numpy())
        done = min(start + batch, first.size)
        monitor.report(stage, done, first.size, done / max(monotonic() - began, 1e-6))
    return out, tuple(bad.values())
