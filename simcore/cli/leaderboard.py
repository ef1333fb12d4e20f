"""`simcore leaderboard`: every backbone on every task, with ranks that say how sure they are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from simcore.cli import options, output
from simcore.cli.options import Json

if TYPE_CHECKING:
    from simcore.lab.leaderboard.board import Board
    from simcore.lab.leaderboard.evaluation import LeaderboardQuestion
    from simcore.recipe import PostProcessing
    from simcore.types import Metric as Metrics


class ShowByDefault(typer.core.TyperGroup):
    """A group whose first word is the name of a collection unless it is a command."""

    default_command = "show"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # Typer's own copy of click
        """`leaderboard NAME` is `leaderboard show NAME`."""
        if args and args[0] not in self.commands:
            args = [self.default_command, *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=ShowByDefault,
    help="Every backbone on pairs and judgements: `leaderboard NAME[,SET,...]`, export, merge.",
    no_args_is_help=True,
)
Data = Annotated[
    str,
    typer.Argument(metavar="NAME[,SET,...]", help="Collections of pairs and sets of judgements."),
]
Models = Annotated[
    str,
    typer.Option(
        help="Backbones or @groups, separated by commas; @all for every backbone. By default "
        "those that are extracted."
    ),
]
MetricList = Annotated[
    str,
    typer.Option("--metrics", help="cosine, l2, l1. By default what makes sense for each."),
]
PostList = Annotated[
    str, typer.Option("--post", help="Kinds of post-processing, each in rows of its own.")
]
By = Annotated[str, typer.Option(help="The column that orders the rows, such as NAME:recall@1.")]
Fetch = Annotated[
    bool, typer.Option(help="First download missing weights that come from packages.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Download without asking.")]
Html = Annotated[Path | None, typer.Option(help="Also write the board as one HTML file.")]
DEFAULT_POST = "none,center+csls"


@app.command()
@options.table_files
def show(
    data: Data,
    *,
    models: Models = "",
    metrics: MetricList = "",
    post: PostList = DEFAULT_POST,
    by: By = "",
    fetch: Fetch = False,
    yes: Yes = False,
    html: Html = None,
    json: Json = False,
) -> None:
    """Scores, ranks with intervals, costs and licenses of all backbones.

    What was evaluated before is read from the cache, so a stopped run continues.
    """
    question = _question(data, models, metrics, post, by)
    _print(_evaluate(question, fetch=fetch, yes=yes), html=html, json=json)


@app.command()
def export(
    data: Data,
    file: Annotated[Path, typer.Argument(help="The JSON file to write.")],
    models: Models = "",
    metrics: MetricList = "",
    post: PostList = DEFAULT_POST,
    json: Json = False,
) -> None:
    """Write a board as a file for `leaderboard merge`: ranks and credits, no images."""
    from simcore.lab.leaderboard import board_files

    board = _evaluate(_question(data, models, metrics, post, ""), fetch=False, yes=False)
    output.save(file, board_files.dump(board))
    if json:
        output.document(board)


@app.command()
@options.table_files
def merge(
    files: Annotated[list[Path], typer.Argument(help="Files of `leaderboard export`.")],
    by: By = "",
    file: Annotated[
        Path | None, typer.Option("--output", help="Also write the merged board as such a file.")
    ] = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """Join the boards of several computers: same images and weights, same row."""
    from simcore.lab.leaderboard import board_files

    board = board_files.merge([board_files.read(path) for path in files])
    if file is not None:
        output.save(file, board_files.dump(board))
    _print(board.ordered_by(by), html=html, json=json)


def _question(data: str, models: str, metrics: str, post: str, by: str) -> "LeaderboardQuestion":
    from simcore.lab.leaderboard.evaluation import LeaderboardQuestion

    names = options.names(data)
    output.remember_data(names[0] if names else "")
    return LeaderboardQuestion(
        tuple(names),
        tuple(options.names(models)),
        cast("tuple[Metrics, ...]", tuple(options.names(metrics))),
        cast("tuple[PostProcessing, ...]", tuple(options.names(post))),
        by,
    )


def _evaluate(question: "LeaderboardQuestion", *, fetch: bool, yes: bool) -> "Board":
    from simcore.lab.leaderboard import evaluation

    plan = evaluation.plan(question, fetch=fetch)
    if plan.backbones or plan.cells:
        output.note(plan.sentence)
    if plan.download.files and not yes and sys.stdin.isatty():
        output.confirm_download("Download them?")
    with output.resumable_monitor() as monitor:
        return evaluation.run(question, fetch=fetch, monitor=monitor)


def _print(board: "Board", *, html: Path | None, json: bool) -> None:
    from simcore.lab.leaderboard.board_entries import COSTS

    if html is not None:
        from simcore.lab.leaderboard import board_files

        output.save(html, board_files.to_html(board))
    # Files for programs have all numbers, not only what fits into a terminal or on paper.
    output.write_files([board.to_wide_table()], latex=[board.to_table(tuple(COSTS))])
    output.remember_backbones(dict.fromkeys(entry.backbone for entry in board.entries))
    if json:
        output.document(board)
        return
    output.table(board.to_table())
    if board.missing:
        output.table(board.to_missing_table())
