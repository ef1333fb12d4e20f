"""Learning in the Python API: an adaptation of backbones' features."""

from collections.abc import Sequence
from typing import overload

from simcore.lab.api.arguments import CollectionLike, collection_name
from simcore.lab.learning import adaptation, joint
from simcore.types import Monitor


@overload
def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: None = None,
    method: str = "fusion",
    save: str = "",
    runs: int = 1,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> adaptation.AdaptationResult: ...


@overload
def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: str,
    save: str = "",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> joint.JointResult: ...


def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: str | None = None,
    method: str = "fusion",
    save: str = "",
    runs: int = 1,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> adaptation.AdaptationResult | joint.JointResult:
    """Learn an adaptation of some backbones' features from pairs, or from pairs and judgements.

    Args:
        models: backbones with features of the collection.
        judgements: a set of triplets that is learned from together with the pairs.
        method: of pairs alone: "fusion", or "paper" for the function of risser-maroux2021.
        save: if given, what was learned (by the first run) becomes the backbone learned:SAVE.
        runs: of pairs alone, each with its own split.

    Returns:
        Recall on held-out pairs before and after; with judgements also agreement with them, of what
        was learned from pairs, from judgements, and from both.
    """
    if judgements is not None:
        together = joint.learn(
            collection_name(collection),
            judgements,
            models,
            joint.make_settings(seed=seed),
            save=save,
            monitor=monitor,
        )
        if save:
            joint.save_backbone(together, save)
        return together
    settings = adaptation.make_settings(method, seed=seed)
    result = adaptation.adapt(
        collection_name(collection), models, settings, runs=runs, save=save, monitor=monitor
    )
    if save:
        adaptation.save_backbone(result, save)
    return result
