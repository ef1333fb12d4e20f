"""Torch modules of the caller as backbones, known for the lifetime of the process.

Their features are stored like all others, under a key with a digest of everything that decides
them: the module's tensors and code, and the transform. Registering other weights under the same
name therefore computes again. Where a part cannot be described (an object without a useful repr),
the digest is a random one, and the features are dropped when the process ends.
"""

import atexit
import enum
import functools
import hashlib
import re
import sys
import types
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.models import imports, registry
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, Metric, Preprocessing

GROUP = "own"
BATCH = 16  # images of a forward pass; the transform runs on each
_names: set[str] = set()  # registered here, so that a name may be registered again


class UnknownContentError(Exception):
    """Something decides the features and can be neither compared nor printed."""


def register(
    name: str,
    module: Any,
    transform: Callable[[Any], Any],
    *,
    metric: Metric = "cosine",
) -> BackboneSpec:
    """Make a torch module a backbone; registering a name again replaces it.

    Args:
        name: a new name.
        module: (B, C, H, W) float32 -> (B, D), (B, D, h, w) or (B, T, D); maps are averaged. It is
            used in evaluation mode.
        transform: an RGB PIL image -> (C, H, W) tensor, such as those of timm and torchvision.
        metric: how its features are compared by default.

    Returns:
        The backbone. `digest` is random if its content could not be described.

    Raises:
        BadDataError: the name is that of another backbone, or the module returns something else.
    """
    if name not in _names:
        imports.check_name(name)
        if imports.exists(name):
            raise BadDataError(f"{name!r} has imported features. Choose another name.")
    try:
        digest, known = content_digest(module, transform), True
    except UnknownContentError:
        digest, known = uuid.uuid4().hex, False
    embedder = _OwnEmbedder(module, transform)
    spec = BackboneSpec(
        name=name,
        dim=embedder(np.zeros((64, 64, 3), np.uint8)).shape[1],
        load=embedder.to_device,
        preprocessing=Preprocessing(resize=None, crop=None, raw=True),
        metric=metric,
        groups=(GROUP,),
        description=f"{type(module).__name__}, registered by the caller.",
        digest=digest[:16],
    )
    if not known:
        atexit.register(drop_features, spec)
    _names.add(name)
    return registry.replace_spec(spec)


def forget(name: str) -> None:
    """Remove a registered module; does nothing if there is none of that name."""
    if name in _names:
        _names.remove(name)
        registry.forget(name)


def drop_features(spec: BackboneSpec) -> None:
    """Delete the stored features of a registered module."""
    from simcore.models.extract import extraction

    FeatureStore.shared().drop(extraction.feature_key(spec, "fp32"))


@dataclass(frozen=True, eq=False)
class _OwnEmbedder:
    """A module with its transform, called with images as they were decoded."""

    module: Any
    transform: Callable[[Any], Any]
    device: str = "cpu"

    def to_device(self, device: str) -> Embedder:
        """The same module on a device."""
        return _OwnEmbedder(self.module.to(device), self.transform, device)

    def __call__(self, image: Array) -> Array:
        """(H, W, 3) uint8 -> (1, D) float32."""
        return self.embed_many([image])[0]

    def embed_many(self, images: list[Array]) -> list[Array]:
        """N images -> N arrays (1, D) float32."""
        import torch
        from PIL import Image

        rows: list[Array] = []
        in_training = [part for part in self.module.modules() if part.training]
        self.module.eval()
        try:
            with torch.inference_mode():
                for start in range(0, len(images), BATCH):
                    batch = torch.stack(
                        [
                            self.transform(Image.fromarray(image))
                            for image in images[start : start + BATCH]
                        ]
                    )
                    rows += list(_vectors(self.module(batch.to(self.device)))[:, None])
        finally:
            for part in in_training:
                part.training = True
        return rows


def _vectors(output: Any) -> Array:
    """(B, D) float32 from a module's output."""
    import torch

    if not isinstance(output, torch.Tensor) or output.ndim not in (2, 3, 4):
        shape = tuple(output.shape) if hasattr(output, "shape") else type(output).__name__
        raise BadDataError(
            f"The module must return one tensor of shape (B, D), (B, T, D) or (B, D, h, w), got "
            f"{shape}. Wrap it in a module that does."
        )
    # Maps and tokens are averaged.
    dims = {2: (), 3: (1,), 4: (2, 3)}[output.ndim]
    values: Array = (output.mean(dims) if dims else output).float().cpu().numpy()
    return values


def content_digest(module: Any, transform: Callable[[Any], Any]) -> str:
    """A digest (64 hex digits) of everything that decides the features.

    Raises:
        UnknownContentError: something of it can be neither compared nor printed.
    """
    state = hashlib.sha256(repr(module).encode())
    for name, part in module.named_modules():
        state.update(f"{name} {_describe_class(type(part), set())}\n".encode())
        attributes = {
            key: value
            for key, value in vars(part).items()
            if key not in {"_modules", "_parameters", "_buffers", "training"}
        }
        state.update(_describe(attributes, set()).encode())
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        state.update(f"{name} {_describe(tensor, set())}\n".encode())
    state.update(_describe(transform, set()).encode())
    return state.hexdigest()


def function_digest(function: Callable[..., Any]) -> str:
    """A digest of a function and all that it refers to; a random one if that is unknown."""
    try:
        return hashlib.sha256(_describe(function, set()).encode()).hexdigest()
    except UnknownContentError:
        return uuid.uuid4().hex


def _describe(value: Any, seen: set[int]) -> str:
    """Text that changes with the content of a value.

    Args:
        seen: identities of the objects around it, because objects may contain each other.
    """
    if isinstance(value, int | float | complex | str | bytes | type(None) | enum.Enum | range):
        return repr(value)
    if isinstance(value, type | types.BuiltinFunctionType | types.ModuleType):
        return getattr(value, "__qualname__", value.__name__)
    if id(value) in seen:
        return "..."
    seen = seen | {id(value)}
    if isinstance(value, tuple | list):
        return repr([_describe(inner, seen) for inner in value])
    if isinstance(value, set | frozenset):
        return repr(sorted(_describe(inner, seen) for inner in value))
    if isinstance(value, Mapping):
        return repr([(_describe(k, seen), _describe(v, seen)) for k, v in value.items()])
    if isinstance(value, types.FunctionType):
        return _describe_function(value, seen)
    if isinstance(value, types.MethodType):
        return _describe(value.__func__, seen) + _describe(value.__self__, seen)
    if isinstance(value, functools.partial):
        return _describe((value.func, value.args, value.keywords), seen)
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().float().numpy() if value.is_floating_point() else value.cpu()
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"{value.dtype} {value.shape} {content}"
    return _describe_object(value, seen)


def _describe_object(value: Any, seen: set[int]) -> str:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    attributes = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    attributes |= getattr(value, "__dict__", {})
    text = repr(value)
    if not attributes and re.search(r" at 0x[0-9a-f]+", text):
        raise UnknownContentError(f"{type(value).__name__} has no visible content.")
    shown = "" if attributes else text
    return f"{_describe_class(type(value), seen)} {shown} {_describe(attributes, seen)}"


def _describe_class(kind: type, seen: set[int]) -> str:
    """Name and code of a class; for a class of an installed package the package's version."""
    if (name := _library_name(kind)) is not None:
        return name
    functions = {
        key: value for key, value in vars(kind).items() if isinstance(value, types.FunctionType)
    }
    bases = [_describe_class(base, seen) for base in kind.__bases__ if base is not object]
    name = f"{kind.__module__}.{kind.__qualname__}"
    return repr((name, bases, [_describe(f, seen) for _, f in sorted(functions.items())]))


def _library_name(definition: Any) -> str | None:
    """Name and version of what an installed package or Python itself defines; None for others."""
    top = (definition.__module__ or "").partition(".")[0]
    version = getattr(sys.modules.get(top), "__version__", None)
    if version is None and top not in sys.stdlib_module_names:
        return None
    return f"{definition.__module__}.{definition.__qualname__} {version}"


def _describe_function(function: types.FunctionType, seen: set[int]) -> str:
    """A function's compiled code, its default values, and the variables around it that it uses."""
    if (name := _library_name(function)) is not None:
        return name
    names = function.__code__.co_names
    around = {name: function.__globals__[name] for name in names if name in function.__globals__}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    values = (cells, function.__defaults__, function.__kwdefaults__, around)
    return _describe_code(function.__code__) + _describe(values, seen)


def _describe_code(code: types.CodeType) -> str:
    """Compiled code, without the place where it was written."""
    constants = [
        _describe_code(constant) if isinstance(constant, types.CodeType) else repr(constant)
        for constant in code.co_consts
    ]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, constants))
