"""`simcore judgements ...` on sets of judgements, and their scores under `simcore evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output, recipe_options
from simcore.cli.options import MAX_SEED, Combine, Device, Json, JudgementsName
from simcore.cli.output import STOPPED
from simcore.lab.judgements.sets import KINDS
from simcore.results import Table
from simcore.types import METRICS

if TYPE_CHECKING:
    from simcore.lab.judgements.agreement import AgreementTable, JudgementQuestion
    from simcore.lab.judgements.pair_similarities import ReadySimilarities
    from simcore.lab.judgements.perceptual import CombinationTable
    from simcore.lab.judgements.sets import JudgementSummary, SingletonSet

MAX_COLUMNS = 6  # groups, or similarities, that fit beside each other
DISTANCES = ("@distances",)
KINDS_HELP = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
Models = Annotated[
    str,
    typer.Option(
        help="Backbones, @groups, and perceptual distances: pixel-l2, ssim, ms-ssim, dists, "
        "lpips-alex, lpips-vgg, lpips-squeeze (lpips-alex/layer0: one layer), @distances for all. "
        "By default, all that are available."
    ),
]
Counting = Annotated[
    str,
    typer.Option(
        help="share: a triplet earns the share of votes (BAPPS); majority: 1 or 0 "
        "(margaritescu2024)."
    ),
]
Subset = Annotated[
    str,
    typer.Option(
        "--subset", help="all, or unseen:NAME: trials without training images of learned:NAME."
    ),
]

app = typer.Typer(help="Human judgements: add, list, sample, remove.", no_args_is_help=True)
scores = typer.Typer()  # part of `simcore evaluate`


@scores.command()
@options.table_files
def triplets(
    name: JudgementsName,
    *,
    models: Models = "",
    metrics: Annotated[
        str, typer.Option(help="cosine, l2, l1 or own, separated by commas.")
    ] = ",".join(METRICS),
    combine: Combine = "none",
    counting: Counting = "share",
    subset: Subset = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score backbones and distances against judgements (2AFC, odd-one-out, JND).

    Missing features and distances are computed first. The set `known` needs no download.
    """
    from simcore.lab.judgements import agreement, pair_similarities
    from simcore.lab.judgements.agreement import JudgementQuestion

    names = options.backbones(models) or [*pair_similarities.default_backbones(), *DISTANCES]
    question = JudgementQuestion(
        name, tuple(names), tuple(options.names(metrics)), combine, counting, subset
    )
    question.validate()
    ready = _prepare(question, device)
    _print(agreement.table(question.with_models(ready.names)), ready, json)


@scores.command()
@options.table_files
def two_afc(
    name: JudgementsName,
    models: Models = "@distances",
    search: Annotated[
        str, typer.Option(help="sum or zsum: find the best combinations as well (Table 3).")
    ] = "none",
    subset: Subset = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score perceptual distances against judgements (BAPPS 2AFC and JND), beside human ceilings."""
    from simcore.lab.judgements import agreement, pair_similarities, perceptual
    from simcore.lab.judgements.agreement import JudgementQuestion

    combine = "none" if search == "none" else recipe_options.parse_combination(search)
    names = tuple(options.backbones(models)) or DISTANCES
    question = JudgementQuestion(name, names, (pair_similarities.OWN,), subset=subset)
    ready = _prepare(question, device)
    question = question.with_models(ready.names)
    table = agreement.table(question)
    if combine == "none":
        _print(table, ready, json)
        return
    _print(table, ready, json, best=perceptual.combinations(question.with_combine(combine)))


@scores.command()
@options.table_files
def layers(
    name: JudgementsName,
    nets: Annotated[
        str, typer.Option(help="alex, vgg or squeeze, separated by commas.")
    ] = "alex,vgg,squeeze",
    subset: Subset = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score every layer of LPIPS alone against its calibrated sum (rosenfeld2019, Table 2)."""
    from simcore.lab.judgements import perceptual
    from simcore.lab.judgements.agreement import JudgementQuestion

    checked = perceptual.check_nets(options.names(nets))
    models = tuple(f"lpips-{net}" for net in checked)
    question = JudgementQuestion(name, models, subset=subset)
    ready = _prepare(question, device)
    ready_nets = [net for net in checked if f"lpips-{net}" in ready.names]
    table = perceptual.layer_table(question, ready_nets)
    document = table.to_dict() | {"unavailable": ready.unavailable}
    output.show(document, table.to_table(), json=json)
    if not json:
        _print_missing(ready)


def _prepare(question: "JudgementQuestion", device: str) -> "ReadySimilarities":
    """Compute the missing similarities of a question.

    Raises:
        typer.Exit: a stop was requested; what is finished is kept.
    """
    from simcore.lab import jobs
    from simcore.lab.judgements import pair_similarities, sets
    from simcore.lab.library import provenance

    with output.monitor() as monitor:
        sets.open_(question.judgements, monitor=monitor)  # "known" is made here
        judged = question.open()
        ready = pair_similarities.prepare(judged, question.models, device=device, monitor=monitor)
        stopped = monitor.stopped
    jobs.report_missing(ready.unavailable)
    if stopped:
        raise typer.Exit(STOPPED)
    if warning := provenance.trained_on_warning(judged, ready.names):
        output.warn(warning)
    return ready


def _print(
    table: "AgreementTable",
    ready: "ReadySimilarities",
    json: bool,
    *,
    best: "CombinationTable | None" = None,
) -> None:
    """Print scores, and the best combinations if they were searched for."""
    if len(table.groups) <= MAX_COLUMNS:
        tables = [table.to_table()]
    else:
        tables = [table.to_table(groups=()), table.to_group_table(MAX_COLUMNS)]
    document = table.to_dict() | {"unavailable": ready.unavailable}
    if best is not None:
        tables.append(best.to_table())
        document["combinations"] = best.to_dict()
    output.show(document, *tables, json=json)
    if not json:
        _print_missing(ready)


def _print_missing(ready: "ReadySimilarities") -> None:
    for name, reason in ready.unavailable.items():
        output.note(f"{name} is not available: {reason}")
    for image in ready.skipped[:20]:
        output.note(f"could not be read: {image.name}: {image.reason}")


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help=KINDS_HELP)],
    path: Annotated[
        Path | None, typer.Argument(help="Folder, file, tar or zip; none for known.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Name of the set; by default, its kind.")] = "",
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images, if they are not beside the trials."),
    ] = None,
    size: Annotated[
        int, typer.Option(help="At most this many trials per group, drawn at random; 0: all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of every draw.")] = 0,
    min_catch: Annotated[
        int,
        typer.Option(
            help="Lowest percentage of catch trials that must be passed (hsj, birds-16, psiz)."
        ),
    ] = 100,
    keep_alternatives: Annotated[
        bool,
        typer.Option(
            "--keep-alternatives",
            help="Keep the images of 8rank2 trials that were not chosen, for quadruplets.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Read a set of judgements and store it under a name."""
    from simcore.lab.judgements import sets

    with output.monitor() as monitor:
        judged = sets.add(
            kind,
            path,
            name=name or kind,
            images=images,
            size=size or None,
            seed=seed,
            min_catch=min_catch,
            keep_alternatives=keep_alternatives,
            monitor=monitor,
        )
    summary = sets.summary(judged.name)
    _print_summary(summary, json)
    if not json:
        for note in summary.notes:
            output.note(f"  {note}")
        output.left_out(summary.skipped)


def _print_summary(summary: "JudgementSummary", json: bool) -> None:
    if json:
        output.document(summary.to_dict())
    else:
        output.note(f"{summary.name}: {summary.trials:,} trials over {summary.images:,} images")


def _print_singles(singles: "SingletonSet", json: bool) -> None:
    if json:
        output.document(singles)
        return
    output.note(
        f"{singles.name}: {singles.images:,} single images of {singles.judgements}. `simcore learn "
        f"finetune {singles.name} --paradigm simclr` learns from them."
    )


@app.command(name="list")
@options.table_files
def list_(json: Json = False) -> None:
    """List the sets of judgements."""
    from simcore.lab.judgements import sets

    summaries = sets.listing()
    output.show(
        [summary.to_dict() for summary in summaries],
        sets.summary_table(summaries),
        json=json,
        empty="No judgements yet. `simcore evaluate triplets known` makes a set that needs no "
        "download, `simcore judgements add` adds yours.",
    )


@app.command()
def remove(name: JudgementsName, json: Json = False) -> None:
    """Remove a set of judgements. Its features stay in the cache."""
    from simcore.lab.judgements import sets

    sets.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"Removed {name}.")


@app.command()
def sample(
    name: JudgementsName,
    what: Annotated[
        str, typer.Argument(help="triplets, quadruplets or singles, or an id of Table A.1.")
    ] = "triplets",
    size: Annotated[int, typer.Option(help="At most this many; the thesis draws 1,000.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the draw.")] = 0,
    save: Annotated[
        str, typer.Option(help="Store the sample under this name, to learn from it.")
    ] = "",
    json: Json = False,
) -> None:
    """Draw a fine-tuning set with all groups equally represented (margaritescu2024, 4.3).

    The ids of its images are printed, tab-separated; or it is stored as a set, with its votes.
    Single images are stored as a collection, which self-supervised paradigms learn from.
    """
    from simcore.lab.judgements import sets

    if save:
        with output.monitor() as monitor:
            saved = sets.save_sample(name, what, save, size=size, seed=seed, monitor=monitor)
        if isinstance(saved, sets.SingletonSet):
            _print_singles(saved, json)
        else:
            _print_summary(sets.summary(saved.name), json)
        return
    drawn = sets.sample(name, what, size=size, seed=seed)
    if json:
        output.document(drawn.to_dict())
        return
    output.lines("\t".join(row) for row in [drawn.columns, *drawn.rows])
    output.note(f"{len(drawn.rows):,} {drawn.what} of {name}, seed {seed}")


@app.command()
@options.table_files
def printed(json: Json = False) -> None:
    """List the fine-tuning sets of margaritescu2024 (Table A.1) and the sets to draw them from."""
    from simcore.lab.judgements import sets

    rows = sets.printed()
    table = Table(
        ("id", "drawn from", "what", "size", "stored sets of that kind"),
        tuple((row.id, row.source, row.sample, row.size, ", ".join(row.sets)) for row in rows),
        "margaritescu2024, Table A.1",
    )
    output.show(rows, table, json=json)
