"""Networks as backbones: an architecture, a checkpoint, the places it is read at."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError, SimError
from simcore.models import layers, state_dicts, weights
from simcore.models.spec import BackboneSpec, Embedder, NetworkSpec, WeightFile
from simcore.types import Metric, Preprocessing

_PAPERS = Preprocessing()  # short side 256, centre crop 224, ImageNet normalisation


def spec(
    name: str,
    dim: int,
    net: NetworkSpec,
    file: WeightFile,
    *,
    prepare: Preprocessing = _PAPERS,
    metric: Metric = "cosine",
    groups: tuple[str, ...] = (),
    license: str = "",
    paper: str = "",
    about: str = "",
    rows: tuple[tuple[str, str], ...] = (),
    params: int = 0,
    version: int = 1,
) -> BackboneSpec:
    """A backbone whose values come out of one checkpoint file.

    Args:
        dim: D at the places that `net.taps` name.
    """

    def load(device: str) -> Embedder:
        return layers.embedder(load_network(net, weights.path(file)), net.taps, device)

    return BackboneSpec(
        name,
        dim,
        load,
        prepare,
        metric,
        (file,),
        groups,
        license,
        paper,
        about,
        version,
        net,
        rows,
        params,
    )


def load_network(net: NetworkSpec, file: Path) -> Any:
    """The module with a checkpoint's values, its classifier taken off.

    Raises:
        BadDataError: the file is no checkpoint, or one of another network.
    """
    found = state_dicts.read(file, net.kind)
    if net.build_filled is not None:
        try:
            module = net.build_filled(state_dicts.state(found))
        except SimError:
            raise
        except (RuntimeError, KeyError, ValueError, AssertionError) as error:
            raise BadDataError(
                f"{file.name} does not fit ({' '.join(str(error).split())[:160]}); expected the "
                "weights of this architecture; put the right file there"
            ) from error
    else:
        state = net.rename(found) if net.rename else state_dicts.state(found)
        module = state_dicts.load_strict(net.build(), state, file.name)
    return net.remove_head(module) if net.remove_head else module


def random_network(net: NetworkSpec) -> Any:
    """The module with random weights: for shapes and for speed, never for features."""
    module = net.build()
    return net.remove_head(module) if net.remove_head else module


def with_taps(base: BackboneSpec, text: str) -> BackboneSpec:
    """A backbone read at other layers: what `NAME[layer2+layer3:gem]` means.

    Raises:
        BadDataError: it is no network. UnknownNameError: it has no such layer.
    """
    if base.net is None:
        raise BadDataError(f"{base.name} has no layers; expected a network before [{text}]")
    net = replace(base.net, taps=layers.parse(text))
    (file,) = base.weights
    return spec(
        f"{base.name}[{text}]",
        dimension(net, base.preprocessing),
        net,
        file,
        prepare=base.preprocessing,
        license=base.license,
        paper=base.paper,
        about=f"{base.description}, at {text}",
        params=base.n_parameters,
        version=base.version,
    )


def dimension(net: NetworkSpec, prepare: Preprocessing) -> int:
    """D, found on the meta device, where nothing is computed and nothing weighs."""
    return layers.width(without_weights(lambda: random_network(net)), net.taps, size(prepare))


def parameters(net: NetworkSpec) -> int:
    """How many numbers the architecture has."""
    return sum(p.numel() for p in without_weights(net.build).parameters())


def without_weights(build: Callable[[], Any]) -> Any:
    """A module on the meta device."""
    import torch

    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # it computes its own widths with tensors (RegNet)
        return build().to("meta")


def size(prepare: Preprocessing) -> tuple[int, int]:
    """Height and width of a network's input.

    Raises:
        BadDataError: it has no fixed one.
    """
    if prepare.crop is not None:
        return prepare.crop
    if not isinstance(prepare.resize, tuple):
        raise BadDataError("found a network without a fixed input; expected a size")
    return prepare.resize
