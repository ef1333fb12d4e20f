"""Networks as backbones: an architecture, a checkpoint, and the layers that are read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError
from simcore.models import layers, state_dicts, weights
from simcore.models.spec import BackboneSpec, Embedder, NetworkSpec, WeightFile
from simcore.types import MapLayout, Preprocessing


def backbone_spec(
    name: str,
    dim: int,
    net: NetworkSpec,
    file: WeightFile,
    *,
    n_parameters: int = 0,
    preprocessing: Preprocessing = Preprocessing(),
    license: str = "",
    paper: str = "",
    description: str = "",
    version: int = 1,
) -> BackboneSpec:
    """A backbone whose weights are one checkpoint file.

    Args:
        dim: D, of the layers that `net.outputs` names.
        preprocessing: by default the papers' protocol: short side 256, center crop 224, ImageNet
            normalization.
    """

    def load(device: str) -> Embedder:
        return layers.embedder(load_network(net, weights.path(file)), net.outputs, device)

    return BackboneSpec(
        name=name,
        dim=dim,
        load=load,
        preprocessing=preprocessing,
        weights=(file,),
        license=license,
        paper=paper,
        description=description,
        version=version,
        net=net,
        n_parameters=n_parameters,
        map_layout=_map_layout(net),
    )


def joint_spec(specs: Sequence[BackboneSpec]) -> BackboneSpec:
    """Backbones that read the same network (`network_key`) as one, which passes it once.

    Its features are theirs side by side: (B, D1 + D2 + ...). It has no cached features of its own.
    """
    first, networks = specs[0], [spec.net for spec in specs if spec.net is not None]
    (file,) = first.weights
    net = replace(networks[0], outputs=tuple(chain.from_iterable(net.outputs for net in networks)))

    def load(device: str) -> Embedder:
        module = load_network(net, weights.path(file))
        return layers.joint_embedder(module, [net.outputs for net in networks], device)

    return BackboneSpec(
        name=" + ".join(spec.name for spec in specs),
        dim=sum(spec.dim for spec in specs),
        load=load,
        preprocessing=first.preprocessing,
        weights=first.weights,
        version=max(spec.version for spec in specs),
        net=net,
    )


def network_key(spec: BackboneSpec) -> object:
    """Equal for backbones that differ in nothing but the layers they read; None without network."""
    if spec.net is None or len(spec.weights) != 1 or spec.preprocessing.raw:
        return None
    net = spec.net
    loading = (net.build, net.convert_state, net.build_from_state, net.remove_head)
    return loading, net.file_format, spec.weights, spec.preprocessing, spec.version


def _map_layout(net: NetworkSpec) -> MapLayout | None:
    """A row is a map if one layer is read, pooled on a grid."""
    return MapLayout(layers.GRID) if [o.pool for o in net.outputs] == ["grid"] else None


def load_network(net: NetworkSpec, file: Path) -> Any:
    """The module with a checkpoint's weights, its classifier removed.

    Raises:
        BadDataError: the file is not a checkpoint, or one of another network.
    """
    checkpoint = state_dicts.read(file, net.file_format)
    with state_dicts.fitting(file.name):
        if net.build_from_state is not None:
            module = net.build_from_state(state_dicts.tensors(checkpoint))
        else:
            convert = net.convert_state or state_dicts.tensors
            module = state_dicts.load_strict(net.build(), convert(checkpoint), file.name)
    return net.remove_head(module) if net.remove_head else module


def random_network(net: NetworkSpec) -> Any:
    """The module with random weights: for shapes and for timing, never for features."""
    module = net.build()
    return net.remove_head(module) if net.remove_head else module


def with_layers(base: BackboneSpec, text: str) -> BackboneSpec:
    """A backbone read at other layers: the meaning of `NAME[layer2+layer3:gem]`.

    Raises:
        BadDataError: it is not a network. UnknownNameError: it has no such layer.
    """
    if base.net is None:
        raise BadDataError(f"{base.name} has no layers. Write [{text}] after a network's name.")
    net = replace(base.net, outputs=layers.parse(text))
    (file,) = base.weights
    return backbone_spec(
        f"{base.name}[{text}]",
        output_dim(net, base.preprocessing),
        net,
        file,
        n_parameters=base.n_parameters,
        preprocessing=base.preprocessing,
        license=base.license,
        paper=base.paper,
        description=f"{base.description}, at {text}",
        version=base.version,
    )


def output_dim(net: NetworkSpec, preprocessing: Preprocessing) -> int:
    """D, computed on the meta device, which needs no memory and no time."""
    module = on_meta_device(lambda: random_network(net))
    return layers.output_dim(module, net.outputs, input_size(preprocessing))


def count_parameters(net: NetworkSpec) -> int:
    """Number of parameters of the architecture."""
    return sum(p.numel() for p in on_meta_device(net.build).parameters())


def on_meta_device(build: Callable[[], Any]) -> Any:
    """A module with shapes only, on PyTorch's meta device."""
    import torch

    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # RegNet computes its widths with tensors
        return build().to("meta")


def input_size(preprocessing: Preprocessing) -> tuple[int, int]:
    """Height and width of a network's input, px.

    Raises:
        BadDataError: images keep their own sizes.
    """
    if preprocessing.crop is not None:
        return preprocessing.crop
    if not isinstance(preprocessing.resize, tuple):
        raise BadDataError(
            "This network has no fixed input size. Give its preprocessing a crop or a fixed size."
        )
    return preprocessing.resize
