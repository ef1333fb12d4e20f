"""Learned backbones, "learned:NAME": an adapter on other backbones, or a fine-tuned network."""

from functools import lru_cache
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.models import adapter, registry, state_dicts, weights
from simcore.models import lineage as lineage_files
from simcore.models.lineage import GROUP, PREFIX, folder, lineage
from simcore.models.spec import Embed, Spec, Weights
from simcore.types import Array, Features, Prepare


def spec(stem: str) -> Spec:
    """The backbone "learned:STEM".

    Raises:
        UnknownNameError: nothing of that name was learned.
    """
    told = lineage(stem)
    return _spec(stem, told["sha256"], str(folder()))


# One object for each state of a file: loaded networks are remembered by it.
@lru_cache(maxsize=256)
def _spec(stem: str, digest: str, _root: str) -> Spec:
    told = lineage(stem)
    file = Weights(f"learned/{told['file']}", digest, told["bytes"], note="learned here")
    if told["kind"] == "adaptation":
        load, prepare = _adapted_embed(file), Prepare(resize=None, crop=None, raw=True)
    elif told["kind"] == "network":
        load, prepare = _tuned_embed(file, told["base"][0])
    else:
        raise BadDataError(f"found a learned backbone of kind {told['kind']!r}; update simcore")
    return Spec(
        name=PREFIX + stem, dim=told["dim"], load=load, prepare=prepare, weights=(file,),
        groups=(GROUP,), about=told["about"], paper=told.get("paper", ""),
    )  # fmt: skip


def _adapted_embed(file: Weights) -> Any:
    """A loader of an adaptation: every backbone under it, then what was learned."""

    def load(device: str) -> Embed:
        from simcore.models import forward

        learned = adapter.load(weights.path(file))
        # Held here: there may be more networks below than are remembered between questions.
        below = [(one, one.load(device)) for one in map(registry.spec, learned.backbones)]

        def embed(image: Array) -> Array:
            blocks = []
            for one, network in below:
                ready = [forward.prepared(image, one.prepare)]
                (found,) = forward.forward(network, one, ready, device, "fp32")
                blocks.append(Features(one.name, np.zeros(len(found), np.int64), found, 1))
            return learned(np.concatenate([adapter.rows(one) for one in blocks], axis=1))

        return embed

    return load


def _tuned_embed(file: Weights, base: str) -> Any:
    """A loader of a fine-tuned network: the base's layers with other weights; and its input."""
    from simcore.models import forward

    below = registry.spec(base)

    def load(device: str) -> Embed:
        embed = below.load(device)
        state = state_dicts.read(weights.path(file))
        forward.module(embed).load_state_dict(state)
        return embed

    return load, below.prepare


registry.add_prefix(GROUP, spec, lineage_files.names)
