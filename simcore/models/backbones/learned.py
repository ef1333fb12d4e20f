"""Learned backbones, "learned:NAME": an adapter on other backbones, or a fine-tuned network."""

from functools import lru_cache
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.models import adapter, lineage, registry, state_dicts, weights
from simcore.models.lineage import GROUP, PREFIX, folder
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import Array, Features, Preprocessing


def spec(stem: str) -> BackboneSpec:
    """The backbone "learned:STEM".

    Raises:
        UnknownNameError: nothing of that name was learned.
    """
    told = lineage.lineage(stem)
    return _spec(stem, told["sha256"], str(folder()))


# One object for each state of a file: loaded networks are remembered by it.
@lru_cache(maxsize=256)
def _spec(stem: str, digest: str, _root: str) -> BackboneSpec:
    told = lineage.lineage(stem)
    file = WeightFile(f"learned/{told['file']}", digest, told["bytes"], note="learned here")
    if told["kind"] == "adaptation":
        load, prepare = _adapted_embed(file), Preprocessing(resize=None, crop=None, raw=True)
    elif told["kind"] == "network":
        load, prepare = _tuned_embed(file, told["base"][0])
    else:
        raise BadDataError(f"found a learned backbone of kind {told['kind']!r}; update simcore")
    return BackboneSpec(
        name=PREFIX + stem,
        dim=told["dim"],
        load=load,
        preprocessing=prepare,
        weights=(file,),
        groups=(GROUP,),
        description=told["about"],
        paper=told.get("paper", ""),
    )


def _adapted_embed(file: WeightFile) -> Any:
    """A loader of an adaptation: every backbone under it, then what was learned."""

    def load(device: str) -> Embedder:
        from simcore.models import forward

        learned = adapter.load(weights.path(file))
        # Held here: there may be more networks below than are remembered between questions.
        below = [(one, one.load(device)) for one in map(registry.get, learned.backbones)]

        def embed(image: Array) -> Array:
            blocks = []
            for one, network in below:
                ready = [forward.prepare_image(image, one.preprocessing)]
                (found,) = forward.forward(network, one, ready, device, "fp32")
                blocks.append(Features(one.name, np.zeros(len(found), np.int64), found, 1))
            return learned(np.concatenate([adapter.rows(one) for one in blocks], axis=1))

        return embed

    return load


def _tuned_embed(file: WeightFile, base: str) -> Any:
    """A loader of a fine-tuned network: the base's layers with other weights; and its input."""
    from simcore.models import forward

    below = registry.get(base)

    def load(device: str) -> Embedder:
        embed = below.load(device)
        state = state_dicts.read(weights.path(file))
        forward.module(embed).load_state_dict(state)
        return embed

    return load, below.preprocessing


registry.add_prefix(GROUP, spec, lineage.names)
