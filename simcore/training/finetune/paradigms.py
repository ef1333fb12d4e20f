"""The seven paradigms of margaritescu2024: what a batch is, and what its loss is.

    network -> linear block -> loss

The network is the result. The linear block (fully connected layers, 3.4.3) reduces its features to
128 dimensions, or to the classes of a pretext task, and is discarded after training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from simcore.errors import unknown_name
from simcore.training.finetune import augmentations, losses
from simcore.types import JSON, Array

Paradigm = Literal["triplet", "contrastive", "quadruplet", "rotation", "jigsaw", "simclr", "moco"]
PARADIGMS: tuple[Paradigm, ...] = get_args(Paradigm)
SUPERVISED: tuple[Paradigm, ...] = ("triplet", "contrastive", "quadruplet")
SELF_SUPERVISED = tuple(name for name in PARADIGMS if name not in SUPERVISED)
HIDDEN, REDUCED = 512, 128  # widths of the linear block
FORMULAS: dict[str, Callable[..., Any]] = {
    "triplet": losses.triplet,
    "contrastive": losses.contrastive,
    "quadruplet": losses.quadruplet,
}
ContrastiveTerm = Literal["positive", "negative"]
CONTRASTIVE_TERMS: tuple[ContrastiveTerm, ...] = get_args(ContrastiveTerm)
PRETEXT_CLASSES = {"rotation": augmentations.N_ROTATIONS, "jigsaw": augmentations.N_PERMUTATIONS}
QUEUE = 1024  # past keys that MoCo compares with
MOMENTUM = 0.99  # of MoCo's key network

Embed = Callable[[Any], Any]  # images (B, 3, h, w) in 0..1 -> vectors behind the linear block

EmbedRows = Callable[[Array], Array]  # rows of images -> (n, D) float32 features


def check_paradigm(name: str) -> Paradigm:
    """The paradigm of that name.

    Raises:
        UnknownNameError: no such paradigm.
    """
    if name not in PARADIGMS:
        raise unknown_name("paradigm", name, PARADIGMS)
    return name


def linear_block(paradigm: Paradigm, dim: int, seed: int) -> Any:
    """Fully connected layers behind a network of `dim` features."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(dim, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, PRETEXT_CLASSES.get(paradigm, REDUCED)),
        )


@dataclass(frozen=True, eq=False)
class Examples:
    """Training examples, as rows of a list of images.

    Attributes:
        query, positive: (n,) each query and an image that people find similar.
        negatives: (n, s) dissimilar images for each query; without (s = 0), the positives of other
            queries are taken.
        singles: (m,) every image once, for self-supervised learning.
    """

    query: Array
    positive: Array
    negatives: Array
    singles: Array

    @property
    def arrays(self) -> list[Array]:
        """All rows, for the fingerprint of a run."""
        return [self.query, self.positive, self.negatives, self.singles]

    def count(self, paradigm: Paradigm) -> int:
        """Examples per epoch."""
        return len(self.query) if paradigm in SUPERVISED else len(self.singles)

    def batch(self, paradigm: Paradigm, rows: Array, rng: np.random.Generator) -> list[Array]:
        """The images of a batch: query, positive, negatives; or single images."""
        if paradigm not in SUPERVISED:
            return [self.singles[rows]]
        groups = [self.query[rows], self.positive[rows]]
        negatives = self.negatives[rows]
        for number in range(2 if paradigm == "quadruplet" else 1):
            if number < negatives.shape[1]:
                groups.append(negatives[:, number])
            else:
                offset = rng.integers(1, len(self.positive), len(rows))
                groups.append(self.positive[(rows + offset) % len(self.positive)])
        return groups


def contrastive_term(term: ContrastiveTerm, groups: list[Any], embed: Embed) -> Any:
    """One case of the contrastive loss: the query and its positive, or the query and its negative.

    Args:
        groups: images of queries, positives and negatives.
    """
    import torch

    other = groups[1 if term == "positive" else 2]
    vectors = embed(torch.cat([groups[0], other])).split(len(other))
    return (losses.attraction if term == "positive" else losses.repulsion)(*vectors)


def loss(
    paradigm: Paradigm,
    groups: list[Any],
    embed: Embed,
    generator: Any,
    momentum: "MomentumEncoder | None",
) -> Any:
    """The loss of one batch.

    Args:
        groups: images, in the order of `Examples.batch`.
        generator: of torch, for everything random. momentum: of MoCo.
    """
    import torch

    if paradigm in SUPERVISED:
        vectors = embed(torch.cat(groups)).split(len(groups[0]))
        return FORMULAS[paradigm](*vectors)
    (images,) = groups
    if paradigm in PRETEXT_CLASSES:
        transform = augmentations.rotate if paradigm == "rotation" else augmentations.jigsaw
        transformed, labels = transform(images, generator)
        return torch.nn.functional.cross_entropy(embed(transformed), labels)
    views, other_views = (augmentations.augment(images, generator) for _ in range(2))
    if paradigm == "simclr":
        return losses.simclr(*embed(torch.cat([views, other_views])).split(len(images)))
    if momentum is None:
        raise ValueError("MoCo needs a momentum encoder")
    return momentum.loss(embed(views), other_views)


class MomentumEncoder:
    """MoCo's key network, a moving average of the query network, and its queue of past keys."""

    def __init__(self, embed: Embed, modules: list[tuple[Any, Any]], seed: int) -> None:
        """Fills the queue with random directions.

        Args:
            embed: images -> vectors through the key network.
            modules: (query module, key module) pairs.
        """
        import torch

        self.embed, self.modules = embed, modules
        generator = torch.Generator().manual_seed(seed)
        queue = torch.randn(QUEUE, REDUCED, generator=generator)
        device = next(modules[0][0].parameters()).device
        self.queue = torch.nn.functional.normalize(queue, dim=1).to(device)
        self.new_keys: Any = None

    def loss(self, query: Any, images: Any) -> Any:
        """InfoNCE of a batch; `step` adds its keys to the queue."""
        import torch

        with torch.no_grad():
            key = torch.nn.functional.normalize(self.embed(images), dim=1).float()
        self.new_keys = key
        return losses.moco(query, key, self.queue)

    def step(self) -> None:
        """Update key network and queue; to be called after the optimizer."""
        import torch

        with torch.no_grad():
            for source, average in self.modules:
                for new, old in zip(source.parameters(), average.parameters(), strict=True):
                    old.lerp_(new, 1 - MOMENTUM)
            self.queue = torch.cat([self.new_keys, self.queue])[:QUEUE]

    def state(self) -> JSON:
        """For a checkpoint."""
        return {"queue": self.queue, "modules": [m.state_dict() for _, m in self.modules]}

    def restore(self, state: JSON) -> None:
        """From a checkpoint."""
        self.queue = state["queue"].to(self.queue.device)
        for (_, module), values in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(values)
