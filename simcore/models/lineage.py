"""Files of the learned backbones, `learned:NAME`, and what each of them was made from.

In `weights/learned/`, `NAME.json` is the lineage, `NAME.npz` an adapter or `NAME.pt` a fine-tuned
network, `NAME.seen` the content keys of the training images, `NAME.ckpt` the checkpoint of an
unfinished run and `NAME.curve` its losses. The digest of the weight file is part of the cache key,
as with every other weight file.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from simcore import memory
from simcore.data import cache_dir, images, named_folders, state_files
from simcore.errors import BadDataError, unknown_name
from simcore.models import weights
from simcore.types import JSON

GROUP = "learned"
PREFIX = f"{GROUP}:"

# Words of older files -> today's; settings are those of learn.adapt and learn.finetune.
_OLD_SETTINGS = {"rate": "learning_rate", "batch": "batch_size"}
_OLD_RESULT = {
    "base": "backbone",
    "rival": "baseline",
    "twins_by": "duplicates_by",
    "steps_an_epoch": "steps_per_epoch",
}
_OLD_PROTOCOLS = {"honest": "held-out"}


@dataclass(frozen=True)
class Lineage:
    """What a learned backbone was made from, and how well it does on images it was not trained on.

    Attributes:
        name: what users type, `learned:NAME`.
        kind: "adaptation" (an adapter on fixed features) or "network" (fine-tuned).
        paradigm: "adaptation", "fusion", "joint" or a paradigm of fine-tuning.
        digest: of the collection or judgement set at the time; of both, that of the collection.
        base: the backbones it was made from.
        settings: those of the run, as JSON. seed: of the split. dim: width of the features.
        description: one sentence. paper: where the method comes from, or "".
        result: the document that `simcore learn adaptation`, `joint` or `finetune` printed.
        collection: the training pairs or images, or "" if these are judgements alone.
        test_ids: left images of the test pairs.
        recall: {"1": asymmetric recall at 1 of the test pairs, ...}.
        judgements: the training data, or those that single images were drawn from; "" for pairs.
        test_trials: row numbers of the test trials.
        agreement: with the votes on the test trials.
        epoch: the epoch that is kept, of a network.
        file, sha256, bytes: the weight file in this folder.
    """

    name: str
    kind: str
    paradigm: str
    digest: str
    base: tuple[str, ...]
    settings: JSON
    seed: int
    dim: int
    description: str
    paper: str
    result: JSON
    collection: str = ""
    test_ids: tuple[str, ...] = ()
    recall: JSON | None = None
    judgements: str = ""
    test_trials: tuple[int, ...] = ()
    agreement: float | None = None
    epoch: int | None = None
    file: str = ""
    sha256: str = ""
    bytes: int = 0

    @property
    def data(self) -> str:
        """The collection, the judgement set, or both, that it was trained on."""
        if self.collection and self.judgements and self.recall is not None:
            return f"{self.collection} + {self.judgements}"
        return self.collection or self.judgements

    @property
    def score_name(self) -> str:
        """What `held_out_score` is."""
        return "aR@1" if self.recall is not None or not self.judgements else "agreement"

    @property
    def held_out_score(self) -> float:
        """On the test pairs or trials, which it was not trained on, 0..1."""
        score = (self.recall or {}).get("1") if self.score_name == "aR@1" else self.agreement
        return float("nan") if score is None else float(score)

    def to_json(self) -> JSON:
        """The document that is stored; its keys are those of existing files."""
        data: JSON = {}
        if self.judgements:
            data = {"judgements": self.judgements, "test_trials": list(self.test_trials)}
            data["agreement"] = self.agreement
        if self.collection:
            data |= {"collection": self.collection, "test_ids": list(self.test_ids)}
            data["aR"] = self.recall
        return {
            "kind": self.kind,
            "paradigm": self.paradigm,
            "digest": self.digest,
            "base": list(self.base),
            "settings": self.settings,
            "seed": self.seed,
            "dim": self.dim,
            **({} if self.epoch is None else {"epoch": self.epoch}),
            "about": self.description,
            "paper": self.paper,
            **data,
            "result": self.result,
            "file": self.file,
            "sha256": self.sha256,
            "bytes": self.bytes,
        }

    def to_dict(self) -> JSON:
        """The entry of `simcore learn list --json`."""
        score = {
            "data": self.data,
            "held_out_score": self.held_out_score,
            "score_name": self.score_name,
        }
        return {"name": self.name, **self.to_json(), **score}


def parse(name: str, document: JSON) -> Lineage:
    """A stored document as a lineage; words of older versions are replaced.

    Raises:
        BadDataError: keys are missing.
    """
    result = _rename(document.get("result", {}), _OLD_RESULT)
    if isinstance(result.get("settings"), dict):
        result["settings"] = _current_settings(result["settings"])
    try:
        return Lineage(
            name=name,
            kind=document["kind"],
            paradigm=document["paradigm"],
            digest=document["digest"],
            base=tuple(document["base"]),
            settings=_current_settings(document["settings"]),
            seed=document["seed"],
            dim=document["dim"],
            description=document["about"],
            paper=document.get("paper", ""),
            result=result,
            collection=document.get("collection", ""),
            test_ids=tuple(document.get("test_ids", ())),
            recall=document.get("aR"),
            judgements=document.get("judgements", ""),
            test_trials=tuple(document.get("test_trials", ())),
            agreement=document.get("agreement"),
            epoch=document.get("epoch"),
            file=document["file"],
            sha256=document["sha256"],
            bytes=document["bytes"],
        )
    except KeyError as error:
        raise BadDataError(
            f"The lineage of {name} has no {error}. Remove the backbone with `simcore learn "
            f"remove {name.removeprefix(PREFIX)}` and train it again."
        ) from error


def _rename(document: JSON, names: dict[str, str]) -> JSON:
    return {names.get(key, key): value for key, value in document.items()}


def _current_settings(settings: JSON) -> JSON:
    settings = _rename(settings, _OLD_SETTINGS)
    if "protocol" in settings:
        protocol = settings["protocol"]
        settings["protocol"] = _OLD_PROTOCOLS.get(protocol, protocol)
    return settings


def check_available(name: str) -> str:
    """The name, if it is a possible one and not in use.

    Raises:
        BadDataError: it is not.
    """
    if _file(named_folders.check_name(name)).exists():
        raise BadDataError(
            f"There is already a learned backbone {name!r}. Choose another name, or remove it with "
            f"`simcore learn remove {name}`."
        )
    return name


def save(lineage: Lineage, file: Path, training_keys: Iterable[str] = ()) -> Lineage:
    """Register a weight file that was written to `path(name, ...)`.

    Args:
        lineage: all but the fields of the file.
        training_keys: content keys of the training images; those of a learned base are added.

    Returns:
        The complete lineage.
    """
    seen = {images.picture(key) for key in training_keys}
    for base in lineage.base:
        seen |= training_images(base) if base.startswith(PREFIX) else frozenset()
    name = lineage.name.removeprefix(PREFIX)
    cache_dir.write_atomic(path(name, "seen"), "\n".join(sorted(seen)).encode())
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    complete = replace(lineage, file=file.name, sha256=digest, bytes=len(content))
    state_files.write_json(_file(name), complete.to_json(), indent=1)
    return complete


def read(name: str) -> Lineage:
    """The lineage of a learned backbone.

    Args:
        name: with or without `learned:`.

    Raises:
        UnknownNameError: no such learned backbone. BadDataError: its description is damaged.
    """
    stem = name.removeprefix(PREFIX)
    if not named_folders.is_name(stem) or not _file(stem).exists():
        raise unknown_name("learned backbone", stem, [n.removeprefix(PREFIX) for n in names()])
    record = state_files.read_json(_file(stem), lambda document: parse(PREFIX + stem, document))
    if record is None:  # removed a moment ago
        raise unknown_name("learned backbone", stem, [])
    return record


def path(name: str, suffix: str) -> Path:
    """The file of a learned backbone with a suffix."""
    return folder() / f"{name}.{suffix}"


def names() -> list[str]:
    """What users type, sorted; a damaged one is left out, see `damaged`."""
    return sorted(PREFIX + stem for stem in _stems() if _is_readable(stem))


def damaged() -> list[Path]:
    """Descriptions of learned backbones that cannot be read, sorted."""
    return sorted(_file(stem) for stem in _stems() if not _is_readable(stem))


def _stems() -> list[str]:
    return [path.stem for path in folder().glob("*.json")]


def _is_readable(stem: str) -> bool:
    try:
        stat = _file(stem).stat()
    except OSError:
        return False
    key = ("lineage", str(_file(stem)), stat.st_mtime_ns, stat.st_size)

    def parses() -> bool:
        try:
            read(stem)
        except BadDataError:
            return False
        return True

    readable: bool = memory.get(key, parses)
    return readable


def unfinished() -> list[str]:
    """Names of runs that were stopped or killed and can be resumed."""
    return sorted(path.stem for path in folder().glob("*.ckpt"))


def forget_unfinished(name: str) -> None:
    """Delete the checkpoint of a run."""
    path(named_folders.check_name(name), "ckpt").unlink(missing_ok=True)


def training_images(name: str) -> frozenset[str]:
    """The images that a learned backbone, or one it was made from, was trained on.

    Returns:
        Content keys as `data.images.picture` gives them.

    Raises:
        UnknownNameError: no such learned backbone.
    """
    lineage = read(name)
    file = path(name.removeprefix(PREFIX), "seen")

    def load() -> frozenset[str]:
        if not file.exists() or file.stat().st_size == 0:  # trained on nothing that has a key
            return frozenset()
        return state_files.read_text(file, lambda text: frozenset(text.split())) or frozenset()

    return memory.get(("training images", str(file), lineage.sha256), load)


def remove(name: str) -> None:
    """Delete the files of a learned backbone; its features stay in the store."""
    stem = name.removeprefix(PREFIX)
    try:
        suffixes = [read(name).file.rpartition(".")[2]]
    except BadDataError:  # a damaged description
        suffixes = ["npz", "pt", "safetensors"]
    _file(stem).unlink(missing_ok=True)
    for suffix in (*suffixes, "curve", "ckpt", "seen"):
        path(stem, suffix).unlink(missing_ok=True)


def folder() -> Path:
    """Where the files are."""
    return weights.folder() / "learned"


def _file(stem: str) -> Path:
    return folder() / f"{stem}.json"
