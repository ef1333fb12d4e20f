"""LPIPS layer by layer and the best combinations, on triplets (rosenfeld2019, Tables 2 and 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import lpips_layers, triplet_combinations
from simcore.evaluate.judgements.lpips_layers import LayerRow
from simcore.evaluate.judgements.triplet_combinations import BestCombination, Sides
from simcore.lab.judgements import pair_similarities
from simcore.lab.judgements.agreement import JudgementQuestion, percent
from simcore.models.distances import lpips
from simcore.results import Cell, Table, to_dict
from simcore.types import JSON

NETS = tuple(lpips.NETS)


def check_nets(nets: Sequence[str]) -> list[str]:
    """The nets, each once.

    Raises:
        UnknownNameError: no such net. BadDataError: none.
    """
    for net in nets:
        if net not in NETS:
            raise unknown_name("LPIPS net", net, NETS)
    if not nets:
        raise BadDataError(f"Choose at least one net of {', '.join(NETS)}.")
    return list(dict.fromkeys(nets))


@dataclass(frozen=True)
class LayerTable:
    """Single layers of LPIPS against all of them (rosenfeld2019, Table 2).

    Attributes:
        judgements: name of the set.
        rows: one per group and net; layers are counted from 0, the shallowest of those compared.
    """

    judgements: str
    rows: tuple[LayerRow, ...]

    def to_dict(self) -> JSON:
        """The document that `simcore evaluate layers --json` prints, without what is missing."""
        return to_dict(self)

    def to_table(self, *, each_layer: bool = False) -> Table:
        """One row per group and net, scores in percent.

        Args:
            each_layer: with a column for every layer.
        """
        columns = ["group", "net", "best layer", "best layer %", "calibrated %", "all layers %"]
        n_layers = max((len(row.layers) for row in self.rows), default=0) if each_layer else 0
        columns += ["difference", *(f"layer {k} %" for k in range(n_layers))]
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                row.group,
                row.net,
                row.layer,
                percent(row.score),
                percent(row.calibrated),
                percent(row.uncalibrated),
                f"{100 * row.delta:+.2f}",
                *(f"{100 * score:.2f}" for score in row.layers[:n_layers]),
            )
            for row in self.rows
        )
        title = f"{self.judgements}: layer 0 is the shallowest of five"
        return Table(tuple(columns), rows, title)


def layer_table(question: JudgementQuestion, nets: Sequence[str]) -> LayerTable:
    """Every layer of LPIPS alone against all of them, calibrated and not.

    Args:
        question: says which trials.
        nets: "alex", "vgg", "squeeze"; ready for these trials.

    Raises:
        UnknownNameError: no such net. BadDataError: no triplets, or a net is not ready.
    """
    judged = question.open()

    def sides(net: str, column: str) -> Sides:
        left, right = pair_similarities.values(judged, f"lpips-{net}/{column}")
        return left, right

    nets = check_nets(nets)
    rows = lpips_layers.best_layers(
        {net: [sides(net, f"layer{k}") for k in lpips.NETS[net].compared] for net in nets},
        {net: sides(net, "calibrated") for net in nets},
        {net: sides(net, "uncalibrated") for net in nets},
        judged.triplets,
    )
    return LayerTable(question.judgements, tuple(rows))


@dataclass(frozen=True)
class CombinationTable:
    """The best combination for each group (rosenfeld2019, Table 3).

    Attributes:
        combine: "sum" or "zsum".
        rows: one per group, "all" last.
        kept: the similarities of the full search.
        dropped: those in no best combination of up to four.
    """

    combine: str
    rows: tuple[BestCombination, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]

    def to_dict(self) -> JSON:
        """The document for JSON."""
        return {key: to_dict(getattr(self, key)) for key in ("kept", "dropped", "rows")}

    def to_table(self) -> Table:
        """One row per group, scores in percent."""
        rows = tuple(
            (
                row.group,
                row.single,
                percent(row.single_score),
                " + ".join(row.several),
                percent(row.several_score),
                None if row.held_out is None else f"{100 * row.held_out:.2f}",
            )
            for row in self.rows
        )
        columns = (
            "group",
            "best single",
            "single %",
            "best combination",
            "combination %",
            "held out %",
        )
        title = f"{self.combine} of up to {len(self.kept)}, chosen on these triplets"
        notes: tuple[str, ...] = ()
        if self.dropped:
            notes = (f"in no best combination of up to 4: {', '.join(self.dropped)}",)
        return Table(columns, rows, title, notes)


def combinations(
    question: JudgementQuestion, *, metric: str = pair_similarities.OWN, up_to: int = 4
) -> CombinationTable:
    """The best combination for each group.

    LPIPS takes part twice, calibrated ("lpips-alex") and not ("lpips-alex/uncalibrated").

    Args:
        question: its models, and `combine`, "sum" or "zsum".
        metric: of the backbones.
        up_to: size of the combinations that decide what takes part in the full search.

    Raises:
        UnknownNameError: no such combination. BadDataError: no triplets, a similarity is not
            ready, or too many contribute.
    """
    judged = question.open()
    names = pair_similarities.expand(question.models)
    names += [f"{name}/uncalibrated" for name in names if name in _LPIPS]
    sides = {}
    for name in dict.fromkeys(names):
        (name_metric,) = pair_similarities.metrics_of(name, [metric])
        left, right = pair_similarities.values(judged, name, name_metric)
        sides[name] = (left, right)
    best = triplet_combinations.best_combinations(
        sides, judged.triplets, combine=question.combine, up_to=up_to
    )
    return CombinationTable(question.combine, best.rows, best.contributing, best.dropped)


_LPIPS = tuple(f"lpips-{net}" for net in NETS)
