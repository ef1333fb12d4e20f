"""One forward pass for several backbones that read the same network at different layers.

`mobilenetv2` and `mobilenetv2-grid`, or `vgg16-hed` and `contours`, differ in nothing but the
layers they read. The images that all of them lack pass the network once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simcore.data.store.feature_key import FeatureKey
from simcore.models import nets
from simcore.models.extract.extraction_run import Sink
from simcore.models.spec import BackboneSpec
from simcore.types import Array


@dataclass(frozen=True)
class JointNetwork:
    """Backbones that are computed together.

    Attributes:
        spec: all of them as one backbone.
        members: the backbones, in the order of their columns.
        todo: keys of the images that all of them lack.
    """

    spec: BackboneSpec
    members: tuple[BackboneSpec, ...]
    todo: frozenset[str]

    @property
    def dims(self) -> tuple[int, ...]:
        """D of each member."""
        return tuple(spec.dim for spec in self.members)


@dataclass(frozen=True, eq=False)
class SplitSink:
    """Writes the columns of each member where its own features are.

    Attributes:
        sink: where features are written.
        feature_keys: of the members, in the order of their columns.
    """

    sink: Sink
    feature_keys: tuple[FeatureKey, ...]

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Write the rows of N images for every member; `slot` is of no store."""
        ends = np.cumsum([0, *(key.dim for key in self.feature_keys)])
        for member, (start, end) in zip(self.feature_keys, pairwise(ends), strict=True):
            self.sink.append(member, keys, [rows[:, start:end] for rows in values])

    def compact(self, slot: FeatureKey) -> None:
        """Merge small files of every member."""
        for member in self.feature_keys:
            self.sink.compact(member)


def joint_networks(
    specs: Sequence[BackboneSpec], todo: Mapping[str, set[str]]
) -> list[JointNetwork]:
    """The backbones that can be computed together, where there are images that all of them lack.

    Args:
        todo: backbone -> keys of the images that it lacks.
    """
    groups = defaultdict[object, list[BackboneSpec]](list)
    for spec in specs:
        if todo[spec.name] and (key := nets.network_key(spec)) is not None:
            groups[key].append(spec)
    shared = [
        (members, frozenset.intersection(*(frozenset(todo[spec.name]) for spec in members)))
        for members in groups.values()
        if len(members) > 1
    ]
    return [
        JointNetwork(nets.joint_spec(members), tuple(members), keys)
        for members, keys in shared
        if keys
    ]
