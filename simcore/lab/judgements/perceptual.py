"""LPIPS layer by layer, and the best combinations, on triplets (rosenfeld2019, Tables 2 and 3)."""

from collections.abc import Sequence

from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import lpips_layers, triplet_combinations
from simcore.lab.judgements import pair_similarities
from simcore.models.distances import lpips
from simcore.results import to_dict

NETS = tuple(lpips.NETS)


def check_nets(nets: Sequence[str]) -> list[str]:
    """The nets, if there are such.

    Raises:
        UnknownNameError: no such net. BadDataError: none.
    """
    for net in nets:
        if net not in NETS:
            raise unknown_name("LPIPS net", net, NETS)
    if not nets:
        raise BadDataError(f"found no net; expected some of {', '.join(NETS)}")
    return list(dict.fromkeys(nets))


def layer_table(judged: JudgementSet, nets: Sequence[str]) -> list[lpips_layers.LayerRow]:
    """Every layer of LPIPS alone against all of them, calibrated (rosenfeld2019, Table 2).

    Args:
        nets: "alex", "vgg", "squeeze"; ready for these judgements.
    """
    singles, sums, plain = {}, {}, {}
    for net in check_nets(nets):

        def sides(part: str, net: str = net) -> triplet_combinations.Sides:
            left, right = pair_similarities.values(judged, f"lpips-{net}/{part}")
            return left, right

        singles[net] = [sides(f"layer{k}") for k in lpips.NETS[net].compared]
        sums[net], plain[net] = sides("calibrated"), sides("uncalibrated")
    return lpips_layers.best_layers(singles, sums, plain, judged.triplets)


def combinations(
    judged: JudgementSet,
    names: Sequence[str],
    *,
    metric: str = pair_similarities.OWN,
    combine: str = "sum",
    up_to: int = 4,
) -> triplet_combinations.CombinationTable:
    """The best combination for each group (rosenfeld2019, Table 3).

    LPIPS takes part twice, calibrated ("lpips-alex") and not ("lpips-alex/uncalibrated").
    """
    wanted = pair_similarities.expand(names)
    for name in [n for n in wanted if n.startswith("lpips-") and "/" not in n]:
        wanted.append(f"{name}/uncalibrated")
    sides = {}
    for name in dict.fromkeys(wanted):
        left, right = pair_similarities.values(
            judged, name, pair_similarities.metrics_of(name, [metric])[0]
        )
        sides[name] = (left, right)
    return triplet_combinations.best_combinations(
        sides, judged.triplets, combine=combine, up_to=up_to
    )


def layers_json(rows: Sequence[lpips_layers.LayerRow]) -> list[dict]:
    """Rows of Table 2 for JSON; layers are counted from 0, the shallowest of those compared."""
    return [
        {
            "group": row.group,
            "net": row.net,
            "layer": row.layer,
            "score": to_dict(row.score),
            "layers": [float(value) for value in row.layers],
            "calibrated": to_dict(row.calibrated),
            "uncalibrated": to_dict(row.uncalibrated),
            "delta": float(row.delta),
        }
        for row in rows
    ]


def combinations_json(found: triplet_combinations.CombinationTable) -> dict:
    """Table 3 for JSON."""
    return {
        "contributing": list(found.contributing),
        "dropped": list(found.dropped),
        "rows": [
            {
                "group": row.group,
                "single": row.single,
                "single_score": to_dict(row.single_score),
                "several": list(row.several),
                "several_score": to_dict(row.several_score),
                "held_out": float(row.held_out),
            }
            for row in found.rows
        ],
    }
