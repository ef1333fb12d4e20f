"""Learned backbones, "learned:NAME": an adapter on other backbones, or a fine-tuned network."""

from collections.abc import Callable

import numpy as np

from simcore import memory
from simcore.errors import BadDataError
from simcore.models import adapter, lineage, registry, state_dicts, weights
from simcore.models.lineage import GROUP, Lineage
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import Array, Features, Preprocessing


def spec(stem: str) -> BackboneSpec:
    """The backbone "learned:STEM".

    Raises:
        UnknownNameError: no such learned backbone.
    """
    info = lineage.read(stem)
    # One object per state of the file: loaded networks are cached by it.
    key = ("learned backbone", str(lineage.folder()), stem, info.sha256)
    return memory.get(key, lambda: _make_spec(info))


def _make_spec(info: Lineage) -> BackboneSpec:
    file = WeightFile(f"learned/{info.file}", info.sha256, info.bytes, note="learned here")
    if info.kind == "adaptation":
        load, preprocessing = _load_adapter(file), Preprocessing(resize=None, crop=None, raw=True)
    elif info.kind == "network":
        base = registry.get(info.base[0])
        load, preprocessing = _load_network(file, base), base.preprocessing
    else:
        raise BadDataError(f"{info.name} is of the unknown kind {info.kind!r}. Update simcore.")
    return BackboneSpec(
        name=info.name,
        dim=info.dim,
        load=load,
        preprocessing=preprocessing,
        weights=(file,),
        groups=(GROUP,),
        description=info.description,
        paper=info.paper,
    )


def _load_adapter(file: WeightFile) -> Callable[[str], Embedder]:
    """A loader of an adapter and of the backbones below it."""

    def load(device: str) -> Embedder:
        from simcore.models import forward

        learned = adapter.load(weights.path(file))
        # Held here: there may be more of them than the cache of loaded networks holds.
        bases = [(base, base.load(device)) for base in map(registry.get, learned.backbones)]

        def embed(image: Array) -> Array:
            blocks = []
            for base, network in bases:
                batch = [forward.prepare_image(image, base.preprocessing)]
                (values,) = forward.forward(network, base, batch, device, "fp32")
                rows = Features(base.name, np.zeros(len(values), np.int64), values, 1)
                blocks.append(adapter.unit_rows(rows))
            return learned(np.concatenate(blocks, axis=1))

        return embed

    return load


def _load_network(file: WeightFile, base: BackboneSpec) -> Callable[[str], Embedder]:
    """A loader of a fine-tuned network: the base with other weights."""

    def load(device: str) -> Embedder:
        from simcore.models import forward

        embed, path = base.load(device), weights.path(file)
        with state_dicts.fitting(path.name):
            forward.module(embed).load_state_dict(state_dicts.read(path))
        return embed

    return load


registry.add_prefix(GROUP, spec, lineage.names)
