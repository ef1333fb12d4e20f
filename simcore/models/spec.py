"""What a backbone consists of: its input, its weight files and how it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simcore.types import Array, Features, MapLayout, Metric, Preprocessing


def is_non_commercial(license: str) -> bool:
    """Whether a license forbids commercial use, or must be read before it.

    >>> is_non_commercial("CC-BY-NC-4.0"), is_non_commercial("Apache-2.0")
    (True, False)
    """
    words = set(license.lower().replace("(", " ").replace("-", " ").split())
    return bool({"nc", "noncommercial", "commercial", "dinov3"} & words)


def license_terms(license: str) -> str:
    """What a license allows, in words.

    >>> license_terms("MIT"), license_terms("CC-BY-NC-4.0 (non-commercial)")
    ('free to use', 'no commercial use')
    >>> license_terms("MIT (code); none stated for the weights")
    'not stated for weights'
    """
    if "dinov3" in license.lower():
        return "own terms, read first"
    if is_non_commercial(license):
        return "no commercial use"
    if not license:
        return "unknown"
    if "none stated" in license or ("(code)" in license and "(weights)" not in license):
        return "not stated for weights"
    return "free to use"


@dataclass(frozen=True)
class WeightFile:
    """Where a weight file comes from, and how to check that it is the right one.

    Attributes:
        file: name on disk, relative to the weights folder.
        sha256: full digest, or a prefix where the source publishes no more; empty = unknown.
        size: bytes, 0 = unknown.
        pip_project, pip_member: a pip requirement "name==version" and the file's path in its
            archive.
        url: where it can be downloaded.
        hub: "owner/name" or "owner/name/file|alternative file" on the Hugging Face hub.
        note: what users should know (manual download, license, dead link).
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
    """A layer whose output is read as features, and how a feature map becomes a vector.

    Attributes:
        layer: a module's dotted name; "^name" is the module's input; "" is the network's output.
        pool: "avg", "max", "gem" (p = 3), "cls" (first token), "grid" (3 x 3 averages) or "flat".
    """

    layer: str = ""
    pool: str = "avg"


StateDict = dict[str, Any]  # layer name -> tensor
Checkpoint = dict[str, Any]  # the content of a weight file: a state dict, often wrapped in another


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """An architecture, and how a checkpoint is loaded into it.

    Attributes:
        build: creates the module with random weights, on the default device.
        outputs: the layers to read; several are normalized to length 1 each and concatenated.
        convert_state: a checkpoint's content -> the module's state dict; by default its tensors.
        build_from_state: state dict -> module, for libraries that bring their own conversion.
        remove_head: removes the classifier once the weights are loaded.
        file_format: how the file is read, a key of `state_dicts.FORMATS`.
        text_model: open_clip's model name, where the network has a text encoder.
    """

    build: Callable[[], Any]
    outputs: tuple[LayerOutput, ...] = (LayerOutput(),)
    convert_state: Callable[[Checkpoint], StateDict] | None = None
    build_from_state: Callable[[StateDict], Any] | None = None
    remove_head: Callable[[Any], Any] | None = None
    file_format: str = "torch"
    text_model: str = ""


# torch (B, C, H, W) float32 -> (B, D) float32; with Preprocessing.raw: uint8 (H, W, 3) -> (n, D).
Embedder = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Derivation:
    """How features follow from the stored features of other backbones.

    Attributes:
        bases: names of the other backbones; theirs are used in fp32.
        compute: features of N images, one per base -> N arrays (n_i, D) float32.
    """

    bases: tuple[str, ...]
    compute: Callable[[Sequence[Features]], Sequence[Array]]


@dataclass(frozen=True, eq=False)
class BackboneSpec:
    """Everything about a backbone except the values of its weights.

    Attributes:
        name: what users type.
        dim: D.
        load: device name -> Embedder; raises MissingWeightsError if weights are missing.
        preprocessing: how an image becomes its input.
        metric: the metric it was made for ("cosine" unless its authors say otherwise).
        weights: files it needs; empty for handcrafted descriptors.
        groups: names such as "offline", written @offline by users.
        license, paper, description: for the Models page.
        version: to be raised when a code change changes the features.
        net: the network behind `load`, if there is one; needed to read other layers.
        paper_rows: what papers call it, as (paper, row) pairs, if it is in one of their tables.
        n_parameters: number of weights, 0 = unknown; a file has about four bytes for each.
        requires: an optional module that it imports, and the extra that installs it.
        holds_gil: its library holds the GIL while computing, so that on a CPU only more processes
            make it faster.
        digest: identifies weights that are in no file, such as those of a module of the caller.
        derive: loads the map from other backbones' features, where the features are a function of
            these; raises MissingWeightsError if its file is missing.
        only_stored: why no new features can be computed, where they were computed elsewhere.
        map_layout: how a feature row is a map of the picture; None where it is not.
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
    paper_rows: tuple[tuple[str, str], ...] = ()
    n_parameters: int = 0
    requires: tuple[str, str] | None = None
    holds_gil: bool = False
    digest: str = ""
    derive: Callable[[], Derivation] | None = None
    only_stored: str = ""
    map_layout: MapLayout | None = None
