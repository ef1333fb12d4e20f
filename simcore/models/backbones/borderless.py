"""Any backbone on pictures without their borders: bars of a letterbox, frames, empty margins.

`borderless:NAME` sees the part inside the borders. `anyborder:NAME` has both, the picture as it is
and without its borders, and the better pair counts, as with several faces.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simcore.data import borders
from simcore.errors import BadDataError
from simcore.models import registry
from simcore.models.spec import BackboneSpec, Derivation, Embedder
from simcore.types import RAW, Array, Features

CROPPED, EITHER = "borderless", "anyborder"


def borderless(name: str) -> BackboneSpec:
    """`borderless:NAME`: a backbone's features of the picture inside its borders.

    Raises:
        BadDataError: its features do not come from the picture alone.
    """
    base = registry.get(name)
    if base.derive is not None or base.only_stored:
        raise BadDataError(
            f"{name} computes no features from pictures, so borders cannot be removed. Write "
            f"{CROPPED}: before a backbone that does, such as {CROPPED}:hog."
        )
    return replace(
        base,
        name=f"{CROPPED}:{name}",
        preprocessing=replace(base.preprocessing, borderless=True),
        groups=(CROPPED,),
        version=100 * borders.VERSION + base.version,
        description=f"{base.name} on the picture inside its uniform borders.",
        paper_rows=(),
    )


def anyborder(name: str) -> BackboneSpec:
    """`anyborder:NAME`: features of the picture with and without its borders."""
    whole, inside = registry.get(name), borderless(name)

    def derive() -> Derivation:
        return Derivation((name, inside.name), with_and_without)

    def load(device: str) -> Embedder:
        from simcore.models import forward

        embed = whole.load(device)

        def embed_both(image: Array) -> Array:
            rows = [
                forward.forward(
                    embed, spec, [forward.prepare_image(image, spec.preprocessing)], device, "fp32"
                )[0]
                for spec in (whole, inside)
            ]
            return _joined(rows[0], rows[1])

        return embed_both

    return replace(
        inside,
        name=f"{EITHER}:{name}",
        load=load,
        preprocessing=RAW,
        groups=(EITHER,),
        derive=derive,
        description=f"{name} with and without uniform borders, the better pair counts.",
        net=None,
        map_layout=None,
    )


def with_and_without(bases: Sequence[Features]) -> list[Array]:
    """The rows of each picture as it is, and those without borders where they differ."""
    whole, inside = (
        np.split(base.values, np.searchsorted(base.index, np.arange(1, base.count)))
        for base in bases
    )
    return [_joined(*rows) for rows in zip(whole, inside, strict=True)]


def _joined(whole: Array, inside: Array) -> Array:
    same = whole.shape == inside.shape and np.array_equal(whole, inside)
    return whole if same else np.concatenate([whole, inside])


registry.add_prefix(CROPPED, borderless, wraps=True)
registry.add_prefix(EITHER, anyborder, wraps=True)
