"""What sections 5.2.1 to 5.2.9 of margaritescu2024 say, tested on one's own triplets.

Every sentence is about a difference in accuracy. The bootstrap draws references, with the triplets
of all sets of a source together; the verdicts are those of the page Claims (`evaluate.claims`),
corrected over the sentences of a section.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcore.data.judgements.triplet_sets import PANELS, SETS, BySet
from simcore.errors import SimError
from simcore.evaluate.claims import resampling, verdicts
from simcore.evaluate.claims.resampling import Resampled
from simcore.evaluate.claims.verdicts import Evidence, Outcome, Rule
from simcore.lab.learning import finetuning
from simcore.lab.learning.finetuning_grid import BEFORE
from simcore.lab.papers.sections import Section
from simcore.results import Cell, Table
from simcore.training.finetune.paradigms import PARADIGMS, SUPERVISED
from simcore.types import Array, Labels

DRAWS = 2000  # bootstrap samples
POINT = 0.01  # one percentage point: the smallest difference worth mentioning
VERDICTS: dict[Outcome, str] = {"holds": "agrees", "fails": "differs", "undecided": "undecided"}
MORE, NO_LESS, NEAR = (Rule(kind, margin=POINT) for kind in ("more", "no less", "near"))
PATCHES = tuple(panel for panel, sets in PANELS.items() if SETS[sets[0]][0] == "bapps")
WHOLE_IMAGES = tuple(panel for panel in PANELS if panel not in PATCHES)
HARDER = tuple(panel for panel in WHOLE_IMAGES if panel.endswith(" similar"))
EASIER = tuple(panel for panel in WHOLE_IMAGES if panel not in HARDER)
SELF_SUPERVISED = tuple(paradigm for paradigm in PARADIGMS if paradigm not in SUPERVISED)
VIEWS, PRETEXT = ("simclr", "moco"), ("jigsaw", "rotation")
LARGE = ("clip", "dino")
PRETRAINING_NAMES = {"clip": "CLIP", "dino": "DINO", "supervised": "supervised"}
ARCHITECTURE_NAMES = {"": "", "vit": "ViT", "cnn": "CNN"}
Entry = tuple[str, str]  # network, and a metric or a paradigm
Member = BySet  # (T,) weighted difference of each triplet


class MissingEvidenceError(SimError):
    """The data at hand cannot decide a sentence; the message is what it needs."""


@dataclass(frozen=True, eq=False)
class Credits:
    """What networks earned.

    Attributes:
        values: (network, metric or paradigm) -> triplet set -> (T,) credits.
        clusters: triplet set -> (T,) triplets of one reference.
        names: the networks that the sentences are about; handmade descriptors are none.
    """

    values: Mapping[Entry, Mapping[str, Array]]
    clusters: Mapping[str, Array]
    names: tuple[str, ...]

    @cached_property
    def rows(self) -> Labels:
        """Network -> the row of Table B.1 of its architecture and pre-training."""
        return {name: finetuning.preset_source(name).network for name in self.names}

    def networks(self, pretraining: Iterable[str] = (), architecture: str = "") -> list[str]:
        """Networks of some kinds of pre-training ("clip", "dino", "supervised").

        Args:
            pretraining: empty means all. architecture: "vit", or "cnn" for all others.

        Raises:
            MissingEvidenceError: there is none.
        """
        chosen = [
            name
            for name, row in self.rows.items()
            if (not pretraining or _pretraining(row) in pretraining)
            and architecture in ("", "vit" if "vit-" in row else "cnn")
        ]
        if not chosen:
            kinds = " or ".join(PRETRAINING_NAMES[kind] for kind in pretraining)
            words = f"{kinds} {ARCHITECTURE_NAMES[architecture]}".strip()
            raise MissingEvidenceError(f"a network: {words}" if words else "a network")
        return chosen

    def panels(self, wanted: Sequence[str]) -> list[str]:
        """The panels whose sets are at hand.

        Raises:
            MissingEvidenceError: there is none.
        """
        ready = [p for p in wanted if all(name in self.clusters for name in PANELS[p])]
        if not ready:
            raise MissingEvidenceError(f"triplets of {' or '.join(wanted)}")
        return ready

    def mean(self, entries: Iterable[Entry], name: str) -> Array:
        """(T,) mean credit of some entries on a triplet set.

        Raises:
            MissingEvidenceError: an entry has no credits there.
        """
        entries = list(entries)
        if not entries:
            raise MissingEvidenceError("a network")
        for network, label in entries:
            if name not in self.values.get((network, label), {}):
                raise MissingEvidenceError(f"{network}, {label} on {name}")
        mean: Array = np.mean([self.values[entry][name] for entry in entries], axis=0)
        return mean

    def difference(
        self, first: Sequence[Entry], second: Sequence[Entry], panels: Sequence[str] = tuple(PANELS)
    ) -> Member:
        """Mean accuracy of `first` minus that of `second`, each panel with the same weight."""
        ready = self.panels(panels)
        return {
            name: (self.mean(first, name) - self.mean(second, name))
            / (len(ready) * len(PANELS[panel]))
            for panel in ready
            for name in PANELS[panel]
        }

    @cached_property
    def weights(self) -> BySet:
        """Triplet set -> (R, T) how often each triplet is in each bootstrap sample."""
        weights: BySet = {}
        sources = dict.fromkeys(SETS[name][0] for name in self.clusters)
        for seed, source in enumerate(sources):  # sources are drawn independently
            names = [name for name in self.clusters if SETS[name][0] == source]
            drawn = resampling.sample_weights(
                np.concatenate([self.clusters[name] for name in names]), DRAWS, seed=seed
            )
            ends = np.cumsum([self.clusters[name].size for name in names])
            weights |= dict(zip(names, np.split(drawn, ends[:-1], axis=1), strict=True))
        return weights

    def resample(self, members: Sequence[Member]) -> Resampled:
        """The members of a family, and their bootstrap distributions.

        Triplets that all differ by the same have a bootstrap without spread. Then the share of
        other references is drawn from the distribution behind the exact bound (Clopper and Pearson
        1934), each of which may differ by as much as credits can, in either direction.
        """
        values = [sum(float(d.mean()) for d in member.values()) for member in members]
        draws = np.zeros((DRAWS, len(members)))
        for number, member in enumerate(members):
            for name, differences in member.items():
                weights = self.weights[name]
                total = weights.sum(axis=1)
                draws[:, number] += np.where(
                    total > 0, weights @ differences / np.maximum(total, 1), np.nan
                )
            if all(np.ptp(differences) == 0 for differences in member.values()):
                draws[:, number] = self._draws_without_spread(values[number], list(member))
        return Resampled(np.array(values), draws)

    def _draws_without_spread(self, value: float, names: Sequence[str]) -> Array:
        """(R,) a difference that all references of some triplet sets share."""
        count = sum(np.unique(self.clusters[name]).size for name in names)
        random = np.random.default_rng(0)
        other = random.beta(1, count, DRAWS)
        draws: Array = value + other * (random.choice((-1.0, 1.0), DRAWS) - value)
        return draws


def _pretraining(row: str) -> str:
    prefix = row.partition("-")[0]
    return prefix if prefix in LARGE else "supervised"


def minus(first: Member, second: Member) -> Member:
    """The difference of two differences."""
    zero = np.zeros(1)
    return {
        name: np.subtract(first.get(name, zero), second.get(name, zero))
        for name in dict.fromkeys([*first, *second])
    }


@dataclass(frozen=True)
class Statement:
    """One sentence of the thesis.

    Attributes:
        section: where it is. text: the sentence, shortened.
        members: differences that it is about; of several, it says "all".
        rule: when it holds.
        denies: whether the thesis says that the rule does not hold.
    """

    section: str
    text: str
    members: Callable[[Credits], list[Member]]
    rule: Rule = MORE
    denies: bool = False


def section(title: str, note: str, statements: Sequence[Statement], credits: Credits) -> Section:
    """One row per statement: the number here, in percentage points, and the verdict."""
    weighed: dict[int, Evidence] = {}
    missing: dict[int, str] = {}
    sizes: dict[int, int] = {}
    for number, statement in enumerate(statements):
        try:
            members = statement.members(credits)
        except MissingEvidenceError as reason:
            missing[number] = str(reason)
            continue
        sizes[number] = len(members)
        weighed[number] = verdicts.weigh(credits.resample(members), statement.rule)
    outcomes = dict(zip(weighed, verdicts.decide(list(weighed.values())), strict=True))
    rows: list[tuple[Cell, ...]] = []
    for number, statement in enumerate(statements):
        if number in missing:
            rows.append(
                (statement.section, statement.text, f"needs {missing[number]}", "undecided")
            )
            continue
        verdict = _verdict(outcomes[number], statement)
        shown = _number(weighed[number], sizes[number])
        rows.append((statement.section, statement.text, shown, verdict))
    return Section(
        title,
        f"{note} The thesis prints bars without numbers, so its sentences are tested: differences "
        "in percentage points with 95 % intervals; of several the one that fits least. Verdicts "
        "are corrected over the sentences (Holm), intervals are not.".strip(),
        Table(("section", "the thesis says", "here", "verdict"), tuple(rows)),
    )


def _verdict(outcome: Outcome, statement: Statement) -> str:
    if statement.denies and outcome != "undecided":
        outcome = "fails" if outcome == "holds" else "holds"
    return VERDICTS[outcome]


def _number(evidence: Evidence, size: int) -> str:
    value, low, high = (100 * v for v in (evidence.value, evidence.low, evidence.high))
    least = f", least of {size}" if size > 1 else ""
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]{least}"


def _cosine(networks: Iterable[str]) -> list[Entry]:
    return [(name, "cosine") for name in networks]


def _large_models(credits: Credits) -> list[Member]:
    large, rest = credits.networks(LARGE), credits.networks(["supervised"])
    return [credits.difference(_cosine(large), _cosine(rest))]


def _dino_on_harder(credits: Credits) -> list[Member]:
    dino, clip = (_cosine(credits.networks([kind], "vit")) for kind in ("dino", "clip"))
    return [minus(credits.difference(dino, clip, HARDER), credits.difference(dino, clip, EASIER))]


def _dino_on_patches(credits: Credits) -> list[Member]:
    rest = _cosine(credits.networks(["clip", "supervised"]))
    return [credits.difference(rest, _cosine(credits.networks(["dino"])), PATCHES)]


def _cosine_best(credits: Credits) -> list[Member]:
    return [
        credits.difference([(name, "cosine")], [(name, metric)])
        for name in credits.networks()
        for metric in ("l2", "l1")
    ]


def _metric_cost(credits: Credits, networks: Sequence[str]) -> Member:
    other = [(name, metric) for name in networks for metric in ("l2", "l1")]
    return credits.difference(_cosine(networks), other)


def _alexnet_least(credits: Credits) -> list[Member]:
    alexnet = [name for name, row in credits.rows.items() if row == "alexnet"]
    rest = [name for name in credits.networks() if name not in alexnet]
    if not alexnet or not rest:
        raise MissingEvidenceError("AlexNet and another network")
    return [minus(_metric_cost(credits, rest), _metric_cost(credits, alexnet))]


def _vits_robust(credits: Credits) -> list[Member]:
    cnns, vits = (credits.networks(architecture=kind) for kind in ("cnn", "vit"))
    return [minus(_metric_cost(credits, cnns), _metric_cost(credits, vits))]


def _clip_everywhere(credits: Credits) -> list[Member]:
    clip, dino = (_cosine(credits.networks([kind])) for kind in LARGE)
    return [credits.difference(clip, dino, [panel]) for panel in credits.panels(tuple(PANELS))]


def _wider(panels: Sequence[str]) -> Callable[[Credits], list[Member]]:
    def members(credits: Credits) -> list[Member]:
        base, wide = "CLIP_ResNet-50_BASE", [n for n in credits.rows if "ResNet-50x" in n]
        if base not in credits.rows or not wide:
            raise MissingEvidenceError(f"{base} and a wider one such as CLIP_ResNet-50x4")
        return [credits.difference(_cosine(wide), _cosine([base]), panels)]

    return members


def _vits_better(credits: Credits) -> list[Member]:
    vits, cnns = (_cosine(credits.networks(architecture=kind)) for kind in ("vit", "cnn"))
    return [credits.difference(vits, cnns)]


PRETRAINED = (
    Statement("5.2.1", "CLIP and DINO are consistently top-performers.", _large_models),
    Statement(
        "5.2.1",
        "DINO ViTs are best on harder sets (similar), CLIP on easier ones (dissimilar).",
        _dino_on_harder,
    ),
    Statement(
        "5.2.2",
        "On distorted patches DINO does not greatly surpass CLIP and supervised networks.",
        _dino_on_patches,
        NO_LESS,
    ),
    Statement("5.2.3", "Cosine outperforms L2 and L1 for all models.", _cosine_best, NO_LESS),
    Statement("5.2.3", "AlexNet is the least affected by the switch to L1 or L2.", _alexnet_least),
    Statement("5.2.3", "ViTs are more robust to the metric than CNNs.", _vits_robust),
    Statement(
        "5.2.4",
        "Language in pre-training is not the better choice on every set.",
        _clip_everywhere,
        NO_LESS,
        denies=True,
    ),
    Statement("5.2.5", "More filters help on patches (BAPPS).", _wider(PATCHES)),
    Statement("5.2.5", "More filters make no difference on images.", _wider(WHOLE_IMAGES), NEAR),
    Statement("5.2.6", "Transformers agree better than CNNs.", _vits_better),
)


def _paradigms(credits: Credits, labels: Sequence[str], networks: Sequence[str]) -> list[Entry]:
    """Entries of some paradigms of some networks.

    Raises:
        MissingEvidenceError: one of the paradigms was left out.
    """
    absent = [label for label in labels if not any(own == label for _, own in credits.values)]
    if absent:
        raise MissingEvidenceError(f"networks fine-tuned with {', '.join(absent)}")
    return [(name, label) for name in networks for label in labels]


def _over(
    first: Sequence[str], second: Sequence[str], panels: Sequence[str] = tuple(PANELS)
) -> Callable[[Credits], list[Member]]:
    """Some paradigms minus others, over all networks."""

    def members(credits: Credits) -> list[Member]:
        return [_gap(credits, first, second, panels)]

    return members


def _gap(
    credits: Credits, first: Sequence[str], second: Sequence[str], panels: Sequence[str]
) -> Member:
    networks = credits.names
    return credits.difference(
        _paradigms(credits, first, networks), _paradigms(credits, second, networks), panels
    )


def _self_supervised_gain(credits: Credits, pretraining: Sequence[str]) -> Member:
    networks = credits.networks(pretraining)
    after = _paradigms(credits, SELF_SUPERVISED, networks)
    return credits.difference(after, [(name, BEFORE) for name in networks])


def _gains_by_pretraining(
    first: Sequence[str], second: Sequence[str]
) -> Callable[[Credits], list[Member]]:
    def members(credits: Credits) -> list[Member]:
        return [minus(*(_self_supervised_gain(credits, kind) for kind in (first, second)))]

    return members


def _quadruplet_best(credits: Credits) -> list[Member]:
    rest = [label for label in PARADIGMS if label != "quadruplet"]
    return [_gap(credits, ["quadruplet"], [label], tuple(PANELS)) for label in rest]


def _loss_order(credits: Credits) -> list[Member]:
    order = [("quadruplet", "triplet"), ("triplet", "contrastive")]
    return [_gap(credits, [first], [second], tuple(PANELS)) for first, second in order]


def _supervised_on_all(credits: Credits) -> list[Member]:
    panels = credits.panels(tuple(PANELS))
    return [_gap(credits, SUPERVISED, SELF_SUPERVISED, [panel]) for panel in panels]


def _gap_grows(credits: Credits) -> list[Member]:
    easier, harder = (_gap(credits, ["contrastive"], VIEWS, p) for p in (EASIER, HARDER))
    return [minus(easier, harder)]


FINE_TUNING = (
    Statement(
        "5.2.7",
        "Supervised fine-tuning is the most effective.",
        _over(SUPERVISED, SELF_SUPERVISED),
    ),
    Statement("5.2.7", "The top-performers all use the quadruplet loss.", _quadruplet_best),
    Statement(
        "5.2.7",
        "Self-supervised fine-tuning gains more on self-supervised backbones (DINO).",
        _gains_by_pretraining(["dino"], ["supervised", "clip"]),
    ),
    Statement(
        "5.2.7",
        "It gains less on large supervised backbones (CLIP) than on PyTorch's.",
        _gains_by_pretraining(["supervised"], ["clip"]),
    ),
    Statement("5.2.8", "Quadruplet beats triplet, and triplet beats contrastive.", _loss_order),
    Statement(
        "5.2.8",
        "On images, SimCLR and MoCo beat jigsaw and rotation.",
        _over(VIEWS, PRETEXT, WHOLE_IMAGES),
    ),
    Statement(
        "5.2.8", "On patches (BAPPS), SimCLR and MoCo are worse.", _over(PRETEXT, VIEWS, PATCHES)
    ),
    Statement(
        "5.2.9",
        "All kinds of triplets gain most from supervised fine-tuning.",
        _supervised_on_all,
    ),
    Statement(
        "5.2.9",
        "SimCLR and MoCo come close to contrastive loss on harder sets; the gap grows on easier.",
        _gap_grows,
    ),
)
