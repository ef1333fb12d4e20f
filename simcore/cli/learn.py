"""`simcore learn`: learning from pairs; what comes out is a backbone."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import evaluate, output
from simcore.cli.options import Device, Json, Ready, Subset

app = typer.Typer(help="Learn from pairs; what comes out is a backbone.", no_args_is_help=True)
app.command()(evaluate.weights)
Save = Annotated[str, typer.Option("--save", help="Keep the first run as learned:THIS.")]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]


@app.command()
def adaptation(
    name: str,
    models: Ready = "",
    sigma: Annotated[float, typer.Option(help="Temperature; the paper compares 1 and 15.")] = 15,
    runs: Annotated[int, typer.Option(help="Each with its own split and start.")] = 20,
    protocol: Annotated[
        str,
        typer.Option(
            help="honest: the epoch is chosen on validation pairs; paper: on the test pairs."
        ),
    ] = "honest",
    epochs: Annotated[int, typer.Option(help="At most.")] = 150,
    method: Annotated[
        str,
        typer.Option(
            help="paper; or fusion: a map and a learned weight for every backbone, by folds."
        ),
    ] = "paper",
    rival: Annotated[
        bool, typer.Option(help="Also the best z-sum, chosen on the same training pairs.")
    ] = False,
    seed: Seed = 0,
    subset: Subset = "all",
    device: Device = "auto",
    save: Save = "",
    export: Annotated[Path | None, typer.Option(help="Write the first run as .npz.")] = None,
    json: Json = False,
) -> None:
    """PCA, W with ReLU and cosine, learned from pairs (risser-maroux2021): before and after.

    Stopped or killed, the same command goes on.
    """
    from simcore.cli import options
    from simcore.cli.output import STOPPED
    from simcore.errors import Stopped
    from simcore.lab.learning import adaptation as learning_adaptation
    from simcore.lab.learning import learned_backbones
    from simcore.models import lineage

    if save:
        lineage.check(save)
    chosen = options.ready(name, models)
    if rival:
        learning_adaptation.check_backbone_count(chosen)  # before the work, not after it
    settings = learning_adaptation.settings(
        method, protocol=protocol, sigma=sigma, epochs=epochs, seed=seed
    )
    with output.monitor() as monitor:
        try:
            found = learning_adaptation.adapt(
                name,
                chosen,
                settings,
                runs=runs,
                subset=subset,
                device=device,
                save=save,
                monitor=monitor,
                on_curve=partial(learned_backbones.write, save) if save else None,
            )
        except Stopped as said:
            output.note(str(said))
            raise typer.Exit(STOPPED) from said
    told = found.to_dict()
    if rival:
        told["rival"] = learning_adaptation.baseline(found)
    if save:
        told["saved"] = learning_adaptation.keep(found, save, dict(told))
        output.note(f"kept as {told['saved']}")
    if export is not None:
        learning_adaptation.export(found, export)
        output.note(f"wrote {export}")
    if json:
        output.document(told)
    else:
        _print(told)


@app.command()
def finetune(
    name: str,
    base: Annotated[str, typer.Option(help="The network to start from, such as mobilenetv2.")],
    paradigm: Annotated[
        str,
        typer.Option(help="triplet, contrastive, quadruplet; rotation, jigsaw, simclr or moco."),
    ],
    save: Annotated[str, typer.Option("--save", help="The result is learned:THIS.")],
    rate: Annotated[float | None, typer.Option(help="Of Adam.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most.")] = None,
    batch: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Seed = 0,
    subset: Subset = "all",
    device: Device = "auto",
    bf16: Annotated[bool, typer.Option(help="Forward passes in bfloat16.")] = False,
    recompute: Annotated[bool, typer.Option(help="Less memory for more time.")] = False,
    json: Json = False,
) -> None:
    """Fine-tune a network on pairs or judgements; stopped or killed, the same command goes on.

    NAME is a collection of pairs or a set of triplets; where both are called so, say pairs:NAME or
    judgements:NAME. The majority of the votes says which picture is nearer.
    Rate, epochs and batch that are left out come from Table B.1 of margaritescu2024.
    """
    from simcore.cli.output import STOPPED
    from simcore.lab.learning import finetuning

    chosen = {"rate": rate, "epochs": epochs, "batch": batch}
    settings = finetuning.preset(
        base, paradigm, **chosen, seed=seed, bf16=bf16, recompute=recompute
    )
    with output.monitor() as monitor:
        found = finetuning.tune(
            name,
            base,
            settings,
            save=save,
            subset=subset,
            device=device,
            monitor=monitor,
        )
    told = found.to_dict()
    if json:
        output.document(told)
    elif told["finished"]:
        (_judged if "judgements" in told else _recall)(told)
    if not told["finished"]:
        output.note("stopped; the same command goes on from here")
        raise typer.Exit(STOPPED)


@app.command()
def annex(
    name: str,
    models: Ready = "",
    subset: Subset = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """The paper's table on your pairs, a backbone a row: 20 runs at sigma 1 and 15, as it has them.

    Rows are kept: stopped or killed, the same command makes those that are missing.
    """
    from simcore.cli import options
    from simcore.cli.output import STOPPED
    from simcore.errors import SimError, Stopped
    from simcore.lab.papers import risser_maroux2021_tables

    rows = []
    with output.monitor() as monitor:
        for model in options.ready(name, models):
            try:
                rows.append(
                    risser_maroux2021_tables.compute_row(
                        name,
                        model,
                        subset=subset,
                        device=device,
                        monitor=monitor,
                    )
                )
            except Stopped as said:
                output.note(str(said))
                raise typer.Exit(STOPPED) from said
            except SimError as error:
                output.note(f"{model} is left out: {error}")
    if json:
        output.document(
            {"collection": name, "subset": subset, "rows": [row.to_dict() for row in rows]}
        )
        return
    lines = [
        ["" if cell is None else str(cell) for cell in row]
        for row in risser_maroux2021_tables.table(rows).rows
    ]
    title = f"{name}: asymmetric recall at 1, before and after adaptation"
    output.table(risser_maroux2021_tables.COLUMNS, lines, title=title)
    output.note("printed: risser-maroux2021 on TLLobj, other pairs and a larger gallery than here")


@app.command("list")
def listing(json: Json = False) -> None:
    """What was learned here, and from what."""
    from simcore.lab.learning import learned_backbones
    from simcore.models import lineage

    rows, waiting = learned_backbones.listing(), lineage.unfinished()
    if json:
        output.document({"learned": rows, "unfinished": waiting})
        return
    table = [
        (
            r["name"],
            r["paradigm"],
            " + ".join(r["base"]),
            r["data"],
            str(r["seed"]),
            f"{100 * r['worth']:.1f} {r['score']}",
        )
        for r in rows
    ]
    output.table(
        ["backbone", "paradigm", "base", "learned on", "seed", "on what it never saw"], table
    )
    if waiting:
        output.note(f"unfinished: {', '.join(waiting)}; the command that began them goes on")


@app.command()
def remove(name: str, json: Json = False) -> None:
    """Forget a learned backbone and its features, or an unfinished run."""
    from simcore.lab.learning import learned_backbones

    learned_backbones.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"removed {name}")


def _recall(told: dict) -> None:
    """A fine-tuning run on pairs."""
    ks = ("1", "5", "20")
    rows = [
        (label, *[f"{100 * told[stage]['aR'][k]['mean']:.1f}" for k in ks])
        for stage, label in (("before", told["base"]), ("after", told["saved"]))
    ]
    title = (
        f"{told['collection']}: {told['pairs']['test']:,} pairs judged, epoch {told['epoch']} kept"
    )
    output.table(["", *[f"aR@{k} %" for k in ks]], rows, title=title)


def _judged(told: dict) -> None:
    """A fine-tuning run on judgements."""

    def percent(score: dict) -> str:
        return f"{100 * score['value']:.1f}  [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"

    rows = [
        (label, *[percent(told[stage][score]) for score in ("agreement", "majority")])
        for stage, label in (("before", told["base"]), ("after", told["saved"]))
    ]
    trials = told["trials"]
    title = (
        f"{told['judgements']}: {trials['train']:,} judgements learned from, "
        f"{trials['validation']:,} to choose the epoch, {trials['test']:,} judged; "
        f"epoch {told['epoch']} kept"
    )
    output.table(["", "agreement with the votes %", "with the majority %"], rows, title=title)
    output.note(f"difference, paired: {percent(told['difference'])} points")
    for count, why in (
        (trials["undecided"], "without a majority: not learned from"),
        (trials["across"], "with pictures of two parts: left out"),
    ):
        if count:
            output.note(f"{count:,} judgements {why}")


def _print(told: dict) -> None:
    ks = ("1", "5", "20")
    start = "after PCA" if "protocol" in told["settings"] else "start: all weights alike"
    labels = {
        "before": "features side by side",
        "pca": start,
        "rival": "best z-sum",
        "after": "learned",
    }
    rows = [
        (
            label,
            *[
                f"{100 * told[stage]['aR'][k]['mean']:.1f} ± "
                f"{200 * told[stage]['aR'][k]['deviation']:.1f}"
                for k in ks
            ],
        )
        for stage, label in labels.items()
        if stage in told
    ]
    pairs = told["pairs"]
    title = (
        f"{told['collection']}, {told['runs']} runs: {pairs['train']:,} pairs learned from, "
        f"{pairs['validation']:,} to choose the epoch, {pairs['test']:,} judged"
    )
    output.table(["", *[f"aR@{k} %, two deviations" for k in ks]], rows, title=title)
