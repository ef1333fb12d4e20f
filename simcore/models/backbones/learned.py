"""Learned backbones, "learned:NAME": an adapter on other backbones, or a fine-tuned network."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from simcore import memory
from simcore.data.fetch import downloads
from simcore.errors import BadDataError, UnknownNameError
from simcore.models import adapter, lineage, registry, state_dicts, weights
from simcore.models.lineage import GROUP, Lineage
from simcore.models.spec import BackboneSpec, Derivation, Embedder, WeightFile
from simcore.types import Array, Features, Preprocessing


def spec(stem: str) -> BackboneSpec:
    """The backbone "learned:STEM".

    Raises:
        UnknownNameError: no such learned backbone.
    """
    info = lineage.read(stem)
    files = (_file(info), *_base_files(info, {info.name}))
    # One object per state of the files: loaded networks are cached by it.
    key = ("learned backbone", str(lineage.folder()), stem, files, _base_version(info))
    return memory.get(key, lambda: _make_spec(info, files))


def _file(info: Lineage) -> WeightFile:
    return WeightFile(f"learned/{info.file}", info.sha256, info.bytes, note="learned here")


def _base_files(info: Lineage, seen: set[str]) -> Iterator[WeightFile]:
    """The files below an adapter that another may replace: its features change with them.

    A file with a published checksum is always the same. A fine-tuned network replaces all weights
    of its base.

    Args:
        seen: names of learned backbones whose files are already counted.
    """
    if info.kind != "adaptation":
        return
    for base in _fixed_bases(info):
        yield from (file for file in base.weights if len(file.sha256) < downloads.FULL_DIGEST)
    for name in info.base:
        if name.startswith(lineage.PREFIX) and name not in seen:
            seen.add(name)
            with suppress(UnknownNameError):  # it was removed: loading the adapter reports it
                base_info = lineage.read(name)
                yield _file(base_info)
                yield from _base_files(base_info, seen)


def _fixed_bases(info: Lineage) -> Iterator[BackboneSpec]:
    """The bases that are not learned, as far as they are registered here."""
    for name in info.base:
        if not name.startswith(lineage.PREFIX):
            with suppress(UnknownNameError):
                yield registry.get(name)


def _base_version(info: Lineage) -> int:
    """Changes when the code of a base does; 1 while all are at their first version.

    Adapters of nothing but faces are at their second: images without a face have no row now.
    """
    bases = list(_fixed_bases(info))
    faces = info.kind == "adaptation" and all("faces" in base.groups for base in bases)
    return 1 + faces + sum(base.version - 1 for base in bases)


def _make_spec(info: Lineage, files: tuple[WeightFile, ...]) -> BackboneSpec:
    file, derive = files[0], None
    if info.kind == "adaptation":
        derive = partial(_derivation, file)
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
        weights=files,
        groups=(GROUP,),
        description=info.description,
        paper=info.paper,
        version=_base_version(info),
        derive=derive,
    )


def _derivation(file: WeightFile) -> Derivation:
    """An adapter as a map from the stored features of its bases."""
    learned = adapter.load(weights.path(file))

    def compute(features: Sequence[Features]) -> list[Array]:
        rows = learned(np.concatenate([adapter.unit_rows(rows) for rows in features], axis=1))
        return list(rows[:, None])

    return Derivation(learned.backbones, compute)


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
            return learned.rows(np.concatenate(blocks, axis=1))[0]

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
