"""The seven ways of margaritescu2024: what a batch is, and what its loss is.

    network -> linear block -> loss

The network is what is kept. The linear block (fully-connected layers, 3.4.3) brings its features
down to 128 dimensions, or to the classes of a pretext task; it is thrown away afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from simcore.errors import unknown_name
from simcore.learn.finetune import augmentations, losses
from simcore.types import Array

Paradigm = Literal["triplet", "contrastive", "quadruplet", "rotation", "jigsaw", "simclr", "moco"]
PARADIGMS: tuple[Paradigm, ...] = get_args(Paradigm)
SUPERVISED: tuple[Paradigm, ...] = ("triplet", "contrastive", "quadruplet")
HIDDEN, REDUCED = 512, 128
FORMULAS: dict[str, Callable[..., Any]] = {
    "triplet": losses.triplet,
    "contrastive": losses.contrastive,
    "quadruplet": losses.quadruplet,
}
CLASSES = {"rotation": augmentations.ROTATIONS, "jigsaw": augmentations.CHOICES}
QUEUE, MOMENTUM = 1024, 0.99  # keys that MoCo remembers; how slowly its second network follows


def check(name: str) -> Paradigm:
    """The paradigm, if there is one of that name."""
    if name not in PARADIGMS:
        raise unknown_name("paradigm", name, PARADIGMS)
    return name


def linear_block(paradigm: Paradigm, dim: int, seed: int) -> Any:
    """Fully-connected layers behind a network of `dim` features."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(dim, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, CLASSES.get(paradigm, REDUCED)),
        )


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learned from: rows of a list of pictures.

    Attributes:
        query, positive: (n,) each query and what people find like it.
        strangers: (n, s) what they do not, for each query; s = 0: any other query's positive.
        singles: (m,) every picture once, for self-supervised learning.
    """

    query: Array
    positive: Array
    strangers: Array
    singles: Array

    def count(self, paradigm: Paradigm) -> int:
        """How many examples an epoch has."""
        return len(self.query) if paradigm in SUPERVISED else len(self.singles)

    def batch(self, paradigm: Paradigm, rows: Array, random: np.random.Generator) -> list[Array]:
        """The pictures of a batch: query, positive, negatives; or single ones."""
        if paradigm not in SUPERVISED:
            return [self.singles[rows]]
        found = [self.query[rows], self.positive[rows]]
        wanted = 2 if paradigm == "quadruplet" else 1
        known = self.strangers[rows]
        for number in range(wanted):
            if number < known.shape[1]:
                found.append(known[:, number])
            else:
                away = random.integers(1, len(self.positive), len(rows))
                found.append(self.positive[(rows + away) % len(self.positive)])
        return found


# Pictures (B, 3, h, w) in 0..1 -> vectors behind the linear block.
Vectors = Callable[[Any], Any]


def loss(
    paradigm: Paradigm, groups: list[Any], vectors: Vectors, draw: Any, memory: "Memory | None"
) -> Any:
    """The loss of one batch.

    Args:
        groups: as `Examples.batch` orders them, as pictures.
        draw: torch generator for whatever is random. memory: of MoCo.
    """
    import torch

    if paradigm in SUPERVISED:
        parts = vectors(torch.cat(groups)).split(len(groups[0]))
        return FORMULAS[paradigm](*parts)
    (images,) = groups
    if paradigm in CLASSES:
        change = augmentations.rotated if paradigm == "rotation" else augmentations.jigsaw
        changed, which = change(images, draw)
        return torch.nn.functional.cross_entropy(vectors(changed), which)
    one, other = augmentations.augment(images, draw), augmentations.augment(images, draw)
    if paradigm == "simclr":
        return losses.simclr(*vectors(torch.cat([one, other])).split(len(images)))
    if memory is None:
        raise ValueError("MoCo needs its memory")
    return memory.loss(vectors(one), other)


class Memory:
    """MoCo's second network, which follows the first slowly, and its queue of past keys."""

    def __init__(self, keys: Vectors, modules: list[tuple[Any, Any]], seed: int) -> None:
        """Fills the queue with random directions.

        Args:
            keys: pictures -> vectors through the second network.
            modules: (followed, following) pairs of modules.
        """
        import torch

        self.keys, self.modules = keys, modules
        draw = torch.Generator().manual_seed(seed)
        queue = torch.randn(QUEUE, REDUCED, generator=draw)
        device = next(modules[0][0].parameters()).device
        self.queue = torch.nn.functional.normalize(queue, dim=1).to(device)
        self.waiting: Any = None

    def loss(self, query: Any, images: Any) -> Any:
        """InfoNCE of a batch; its keys join the queue when `step` is called."""
        import torch

        with torch.no_grad():
            key = torch.nn.functional.normalize(self.keys(images), dim=1).float()
        self.waiting = key
        return losses.moco(query, key, self.queue)

    def step(self) -> None:
        """After the optimizer: follow, and remember."""
        import torch

        with torch.no_grad():
            for followed, following in self.modules:
                for one, other in zip(followed.parameters(), following.parameters(), strict=True):
                    other.lerp_(one, 1 - MOMENTUM)
            self.queue = torch.cat([self.waiting, self.queue])[:QUEUE]

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"queue": self.queue, "modules": [m.state_dict() for _, m in self.modules]}

    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.queue = state["queue"].to(self.queue.device)
        for (_, module), values in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(values)
