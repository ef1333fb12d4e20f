"""`simcore alike`: two images of a collection under every backbone."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import asking, show
from simcore.cli.asking import Ready
from simcore.cli.options import Json, Metric

if TYPE_CHECKING:
    from simcore.lab.pair import Picture

Image = Annotated[str, typer.Argument(help="left:ID or right:ID.")]


def alike(
    name: str, first: Image, second: Image, models: Ready = "", metric: Metric = "own",
    json: Json = False,
) -> None:  # fmt: skip
    """How alike each backbone finds two images, and how many of all pairs are less alike."""
    from simcore.lab import pair

    one, other = _picture(name, first), _picture(name, second)
    rows = pair.table(name, one, other, asking.ready(name, models), metric)
    if json:
        show.document(
            {"collection": name, "first": first, "second": second, "rows": [vars(r) for r in rows]}
        )
        return
    show.table(
        ["backbone", "metric", "similarity", "% of all pairs less alike", "% of the true pairs"],
        [
            (
                r.backbone, r.metric, *("" if v is None else f"{v:.4f}" for v in (r.similarity,)),
                *("" if v is None else f"{100 * v:.2f}" for v in (r.above, r.mates)),
            )
            for r in rows
        ],
        title=f"{first} and {second}",
    )  # fmt: skip


def _picture(name: str, text: str) -> "Picture":
    from simcore.lab import pair

    side, _, image = text.partition(":")
    return pair.known(name, side, image)
