"""Features of changed pictures: computed by the same extraction, in a store per change.

The pictures themselves are never stored. Tables in a store have the names and content keys of the
unchanged ones; the store's folder names transform, strength, seed and version.
"""

from collections.abc import Sequence

from simcore import memory
from simcore.data import cache_dir
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.lab.library import features
from simcore.lab.library.features import DecodedImage
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.models.extract.extraction import ExtractionReport
from simcore.models.transforms import Setting
from simcore.types import Features, ImageSet, Monitor


def extract(
    images: ImageSet, backbones: Sequence[str], setting: Setting, *, monitor: Monitor = Monitor()
) -> ExtractionReport:
    """Compute the features of changed pictures that are not stored yet; a stopped run resumes."""
    missing = [registry.get(n) for n in backbones if not has_features(images, n, setting)]
    return extraction.extract(
        images, missing, store=_store(setting), alter=setting, monitor=monitor
    )


def has_features(images: ImageSet, backbone: str, setting: Setting) -> bool:
    """Whether every changed picture has its features."""
    return _complete_key(images, backbone, setting) is not None


def read(images: ImageSet, backbone: str, setting: Setting) -> Features:
    """Features of changed pictures.

    Raises:
        BadDataError: some are not computed yet.
    """
    key = _complete_key(images, backbone, setting)
    if key is None:
        raise BadDataError(
            f"No features of {backbone} for pictures changed by {setting.label}. Run `simcore "
            "evaluate invariance` first."
        )
    return memory.get(
        ("changed features", str(_store(setting).root), key, images.digest),
        lambda: Features(backbone, *_store(setting).read(key, images.keys), len(images)),
    )


def embed(image: DecodedImage, backbone: str, setting: Setting) -> Features:
    """Features of one changed picture, in memory only.

    Raises:
        MissingWeightsError: the backbone's weights are missing.
    """
    return features.embed_upload(change(image, setting), backbone)


def change(image: DecodedImage, setting: Setting) -> DecodedImage:
    """A changed picture."""
    key = f"{image.digest} {setting.key}"
    pixels = memory.get(("changed picture", key), lambda: setting(image.pixels, image.digest))
    return DecodedImage(key, pixels, image.name)


def _store(setting: Setting) -> FeatureStore:
    return FeatureStore.shared(cache_dir.root() / "changed" / setting.key)


def _complete_key(images: ImageSet, backbone: str, setting: Setting) -> FeatureKey | None:
    folder = cache_dir.root() / "changed" / setting.key
    if not folder.is_dir():
        return None
    spec, store = registry.get(backbone), _store(setting)
    for precision in features.PRECISIONS:
        key = extraction.feature_key(spec, precision)
        mark = ("changed complete", str(folder), key, images.digest)
        if memory.contains(mark):
            return key
        try:
            missing = store.missing(key, images.keys)
        except BadDataError:
            continue  # a damaged table is computed again
        if not missing:
            memory.put(mark, True)
            return key
    return None
