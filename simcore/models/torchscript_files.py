"""Tensors of TorchScript archives, read without running the program in them.

Such an archive is a zip with a pickle of the modules, a file per storage, and the source of the
modules. `torch.jit.load` compiles that source and calls its `__setstate__`, so whoever wrote the
archive runs code. Here modules become inert dictionaries, and the source is only searched for the
names of parameters and buffers.
"""

import io
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never

from simcore.models.spec import StateDict

MAX_PICKLE = 16_000_000  # bytes; OpenAI's largest model has less than one million
MAX_SOURCE = 16_000_000  # bytes of one source file
MAX_DEPTH = 64  # of modules in modules
MAX_MODULES = 100_000  # a module that is reached twice counts twice

# What PyTorch's own writer uses. Others, such as those that import by a name on the stack, are
# refused before anything is built.
_OPCODES = frozenset(
    (
        *("PROTO", "STOP", "GLOBAL", "NEWOBJ", "REDUCE", "BUILD", "BINPERSID", "MARK"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    )
)
_DTYPES = {  # the storage's class -> PyTorch's dtype
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_NAME_LIST = r"^  __{}__ = \[(.*?)\]"


def is_torchscript(file: Path) -> bool:
    """Whether a file is a zip with source code beside the tensors."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any("/code/" in name for name in archive.namelist())


def read(file: Path) -> StateDict:
    """Parameters and buffers by their dotted names, in the order of `torch.jit`'s state dict.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: it is not an archive of that kind.
    """
    with zipfile.ZipFile(file) as archive:
        pickled = next((n for n in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", n)), "")
        if not pickled:
            raise ValueError("no data.pkl")
        folder = pickled.partition("/")[0]
        content = _read_member(archive, pickled, MAX_PICKLE)
        _check_opcodes(content)
        root = _Unpickler(content, archive, folder).load()
        if not isinstance(root, _Module):
            raise ValueError("no module in data.pkl")
        source = _Source(archive, folder)
        return dict(_named_tensors(root, source, [MAX_MODULES]))


def _check_opcodes(content: bytes) -> None:
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name not in _OPCODES:
            raise ValueError(f"the pickle has {opcode.name}, which TorchScript does not write")
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > len(content):
            raise ValueError("the pickle has a memo larger than itself")


class _Module:
    """A module as its attributes; a subclass per class of the archive."""

    __slots__ = ("attributes",)
    path = ""  # of the class, such as "__torch__.torch.nn.modules.linear.Linear"

    def __setstate__(self, state: object) -> None:
        if type(state) is not dict:
            raise ValueError(f"{self.path} restores itself by code, which is not run")
        self.attributes = state


class _Function:
    """What stands for a function of the pickle; nothing can be set on it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> Never:
        raise ValueError("the pickle changes a function")


class _FirstArgument(_Function):
    """For type tags around lists and dicts, which are not needed."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> object:
        return arguments[0] if arguments else None


class _RebuildTensor(_Function):
    """torch._utils._rebuild_tensor_v2, which may not look beyond its storage."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: int, size: Any, stride: Any, *_: object) -> Any:
        import torch

        if not isinstance(storage, torch.Tensor):
            raise ValueError("a tensor without a storage")
        numbers = [offset, *size, *stride]
        if any(type(n) is not int or n < 0 for n in numbers) or len(size) != len(stride):
            raise ValueError("a tensor with an impossible shape")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        count = 1
        for n in size:
            count *= n
        if count and (last >= storage.numel() or count > storage.numel()):
            raise ValueError("a tensor larger than its storage")
        return storage.as_strided(tuple(size), tuple(stride), offset)


class _StorageType(_Function):
    """A class of storages, by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Unpickler(pickle.Unpickler):
    """Builds modules, tensors, lists and dicts, and nothing else."""

    def __init__(self, content: bytes, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(content))
        self.archive, self.folder = archive, folder
        self.storages: dict[str, Any] = {}
        self.classes: dict[str, type[_Module]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What a global name of the pickle stands for; never the object of that name."""
        path = f"{module}.{name}"
        if path.startswith("__torch__."):
            if path not in self.classes:
                self.classes[path] = type("_Module", (_Module,), {"path": path, "__slots__": ()})
            return self.classes[path]
        if module == "torch" and name in _DTYPES:
            return _StorageType(name)
        if path == "torch._utils._rebuild_tensor_v2":
            return _RebuildTensor()
        if module == "torch.jit._pickle" or path in {"collections.OrderedDict", "torch.device"}:
            return _FirstArgument()
        raise ValueError(f"the pickle asks for {path}, which is not a tensor")

    def persistent_load(self, reference: Any) -> Any:
        """A storage as a tensor of one axis."""
        import torch

        kind, storage_type, key, _, count = reference
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise ValueError("an unknown reference")
        dtype = getattr(torch, _DTYPES[storage_type.name])
        if key not in self.storages:
            content = _read_member(self.archive, f"{self.folder}/data/{key}")
            if len(content) != count * dtype.itemsize:
                raise ValueError(f"storage {key} has {len(content):,} bytes, not {count:,} values")
            # `frombuffer` refuses empty buffers, and warns of those that are not writable.
            self.storages[key] = (
                torch.frombuffer(bytearray(content), dtype=dtype)
                if content
                else torch.empty(0, dtype=dtype)
            )
        storage = self.storages[key]
        if storage.dtype != dtype:
            raise ValueError(f"storage {key} has two types")
        return storage


def _read_member(archive: zipfile.ZipFile, name: str, limit: int | None = None) -> bytes:
    """A file of the archive; without a limit it must be uncompressed, as PyTorch writes storages.

    An uncompressed file cannot have more bytes than the archive.
    """
    info = archive.getinfo(name)
    if limit is None and info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    if limit is not None and info.file_size > limit:
        raise ValueError(f"{name} has more than {limit:,} bytes")
    with archive.open(info) as member:
        return member.read(limit if limit is not None else -1)


class _Source:
    """The archive's source code, of which only two lists of names per class are read."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self.archive, self.folder = archive, folder
        self.members = frozenset(archive.namelist())
        self.names: dict[str, list[str] | None] = {}

    def tensor_names(self, path: str) -> list[str] | None:
        """Parameters, then buffers of a class; None if its source does not list them."""
        if path not in self.names:
            self.names[path] = self._parse(path)
        return self.names[path]

    def _parse(self, path: str) -> list[str] | None:
        module, _, name = path.rpartition(".")
        file = f"{self.folder}/code/{module.replace('.', '/')}.py"
        if file not in self.members:
            return None
        text = _read_member(self.archive, file, MAX_SOURCE).decode("utf-8", "replace")
        _, marker, body = text.partition(f"class {name}(Module):\n")
        body = re.split(r"^class ", body, maxsplit=1, flags=re.MULTILINE)[0]
        lists = [re.search(_NAME_LIST.format(k), body, re.M) for k in ("parameters", "buffers")]
        if not marker or None in lists:
            return None
        return [name for match in lists if match for name in re.findall(r'"([^"]*)"', match[1])]


def _named_tensors(
    module: _Module, source: _Source, budget: list[int], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """(dotted name, tensor) of a module and of those in it.

    Args:
        budget: modules that may still be visited; references can make a small pickle endless.
    """
    import torch

    budget[0] -= 1
    if budget[0] < 0 or prefix.count(".") > MAX_DEPTH:
        raise ValueError("too many modules in modules")
    attributes = getattr(module, "attributes", {})
    tensors = {k: v for k, v in attributes.items() if isinstance(v, torch.Tensor)}
    names = source.tensor_names(module.path)
    for name in tensors if names is None else names:
        if name in tensors:  # a parameter may be None
            yield f"{prefix}{name}", tensors[name]
    for name, value in attributes.items():
        if isinstance(value, _Module):
            yield from _named_tensors(value, source, budget, f"{prefix}{name}.")
