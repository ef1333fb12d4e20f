"""`simcore learn`: train on pairs or judgements; the result is a backbone."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import (
    MAX_SEED,
    Device,
    Json,
    Name,
    PairsOrJudgements,
    Ready,
    Subset,
    finite,
)
from simcore.cli.output import STOPPED

if TYPE_CHECKING:
    from simcore.lab.learning.adaptation import AdaptationResult, Settings
    from simcore.lab.learning.joint import JointResult

app = typer.Typer(
    help="Train on pairs or judgements; the result is a backbone.", no_args_is_help=True
)
Seed = Annotated[
    int, typer.Option(min=0, max=MAX_SEED, help="The same seed gives the same numbers.")
]


@app.command()
@options.table_files
def adaptation(
    name: Name,
    *,
    models: Ready = "",
    method: Annotated[
        str,
        typer.Option(
            help="paper (risser-maroux2021), or fusion: a map and a weight for every backbone, "
            "cross-validated."
        ),
    ] = "paper",
    runs: Annotated[int, typer.Option(help="Training runs, each with its own split.")] = 20,
    sigma: Annotated[
        float, typer.Option(callback=finite, help="Temperature; the paper compares 1 and 15.")
    ] = 15,
    protocol: Annotated[
        str,
        typer.Option(help="Pairs that choose the epoch: held-out (validation) or paper (test)."),
    ] = "held-out",
    epochs: Annotated[int, typer.Option(help="Maximum.")] = 150,
    dims: Annotated[int | None, typer.Option(help="PCA dimensions; 256 by default.")] = None,
    width: Annotated[
        int | None, typer.Option(help="Dimensions of adapted vectors; 1024 by default.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(callback=finite, help="Learning rate of Adam; 0.001.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Epochs without a lower validation loss before a run stops; 20."),
    ] = None,
    relu: Annotated[bool, typer.Option(help="Whether a ReLU follows the map.")] = True,
    pca: Annotated[
        str,
        typer.Option(
            help="split: fitted on each run's training images; once: on all, test images too; none."
        ),
    ] = "split",
    no_pca: Annotated[bool, typer.Option("--no-pca", help="The same as --pca none.")] = False,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Compare with versions without ReLU, PCA and so on.")
    ] = False,
    baseline: Annotated[
        bool, typer.Option(help="Compare with the best z-sum, selected on the training pairs.")
    ] = False,
    seed: Seed = 0,
    subset: Subset = "all",
    device: Device = "auto",
    save: Annotated[str, typer.Option(help="Save the first run as learned:SAVE.")] = "",
    export: Annotated[Path | None, typer.Option(help="Write the first run as .npz.")] = None,
    json: Json = False,
) -> None:
    """Learn a map on fixed features from pairs: recall before and after.

    Run a stopped command again to resume.
    """
    from simcore.lab.learning import adaptation as learning
    from simcore.lab.learning import learned_backbones

    if save:
        learned_backbones.check_available(save)
    backbones = options.ready(name, models)
    if baseline:
        learning.check_backbone_count(backbones)  # before the work, not after it
    options_set = {
        "dims": dims,
        "width": width,
        "learning_rate": learning_rate,
        "patience": patience,
        "relu": None if relu else False,
        "pca": "none" if no_pca else None if pca == "split" else pca,
    }
    settings = learning.make_settings(
        method,
        protocol=protocol,
        sigma=sigma,
        epochs=epochs,
        seed=seed,
        **{field: value for field, value in options_set.items() if value is not None},
    )
    if ablation:
        _ablation(name, backbones, settings, runs=runs, subset=subset, device=device, json=json)
        return
    with output.resumable_monitor() as monitor:
        result = learning.adapt(
            name,
            backbones,
            settings,
            runs=runs,
            subset=subset,
            device=device,
            save=save,
            monitor=monitor,
            on_curve=partial(learned_backbones.write_curve, save) if save else None,
        )
    result = result.with_baseline() if baseline else result
    saved = learning.save_backbone(result, save).name if save else ""
    _show(result, saved, export, json=json)


def _ablation(
    name: str,
    backbones: list[str],
    settings: "Settings",
    *,
    runs: int,
    subset: str,
    device: str,
    json: bool,
) -> None:
    from simcore.errors import BadDataError
    from simcore.lab.learning import ablation
    from simcore.lab.learning.adaptation import AdaptationSettings

    if not isinstance(settings, AdaptationSettings):
        raise BadDataError("The ablation is of the method paper. Leave --method fusion out.")
    with output.resumable_monitor() as monitor:
        result = ablation.compare_versions(
            name,
            backbones,
            settings,
            runs=runs,
            subset=subset,
            device=device,
            monitor=monitor,
        )
    output.show(result, result.to_table(), json=json)


def _show(
    result: "AdaptationResult | JointResult", saved: str, export: Path | None, *, json: bool
) -> None:
    """Print a result, which was saved under a name, and write its adapter where that is wanted."""
    document = result.to_dict()
    if saved:
        document["saved"] = saved
        output.note(f"Saved as {saved}.")
    if export is not None:
        result.adapter.save(export)
        output.note(f"Wrote {export}.")
    output.show(document, result.to_table(), json=json)


@app.command()
@options.table_files
def joint(
    pairs: Name,
    judgements: Annotated[str, typer.Argument(help="A set of triplets.")],
    *,
    models: Ready = "",
    term: Annotated[
        str,
        typer.Option(help="Loss of the judgements: triplet or quadruplet (a second negative)."),
    ] = "triplet",
    margin: Annotated[
        float | None,
        typer.Option(callback=finite, help="Margin of the triplet loss; distances are at most 2."),
    ] = None,
    balance: Annotated[
        float,
        typer.Option(callback=finite, help="Weight of the judgements, between 0 and 1."),
    ] = 0.5,
    folds: Annotated[
        int, typer.Option(help="Parts of the pictures; each is tested on what the others taught.")
    ] = 4,
    seed: Seed = 0,
    subset: Subset = "all",
    device: Device = "auto",
    save: Annotated[str, typer.Option(help="Save the first fold's map as learned:SAVE.")] = "",
    export: Annotated[Path | None, typer.Option(help="Write the first fold's map as .npz.")] = None,
    json: Json = False,
) -> None:
    """Learn one map on fixed features from pairs and judgements, and what each adds to the other.

    The map is learned from pairs, from judgements and from both; recall of pairs and agreement with
    judgements are of pictures that it never saw. Run a stopped command again to resume.
    """
    from simcore.lab.learning import joint as learning
    from simcore.lab.learning import learned_backbones

    if save:
        learned_backbones.check_available(save)
    settings = learning.make_settings(
        term=term, margin=margin, balance=balance, folds=folds, seed=seed
    )
    with output.resumable_monitor() as monitor:
        result = learning.learn(
            pairs,
            judgements,
            options.ready(pairs, models),
            settings,
            subset=subset,
            device=device,
            save=save,
            monitor=monitor,
        )
    saved = learning.save_backbone(result, save).name if save else ""
    _show(result, saved, export, json=json)


@app.command()
@options.table_files
def finetune(
    name: PairsOrJudgements,
    *,
    backbone: Annotated[
        str,
        typer.Option(
            help="The network to start from, e.g. mobilenetv2; AlexNet_BASE is read before its "
            "classifier, any other layer is NAME[LAYER]."
        ),
    ],
    paradigm: Annotated[
        str,
        typer.Option(
            help="triplet, contrastive, quadruplet, rotation, jigsaw (3 x 3 tiles, 36 "
            "permutations), simclr or moco. Batch normalization keeps its pre-trained statistics."
        ),
    ],
    save: Annotated[str, typer.Option(help="The result is learned:SAVE.")],
    protocol: Annotated[
        str,
        typer.Option(
            help="held-out: the epoch of the lowest validation loss. paper (margaritescu2024): all "
            "trials, all epochs of Table B.1, contrastive loss in two updates per step."
        ),
    ] = "held-out",
    split: Annotated[
        str,
        typer.Option(
            help="For judgements. images: training shows no image of a test trial. references: no "
            "reference of one, so that dense sets keep most trials. By protocol paper: all."
        ),
    ] = "",
    optimizer: Annotated[str, typer.Option(help="adam, or sgd (momentum 0.9).")] = "adam",
    learning_rate: Annotated[float | None, typer.Option(callback=finite, help="Step size.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="At most; by protocol paper exactly this many.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step.")] = None,
    patience: Annotated[
        int, typer.Option(help="Epochs without a lower validation loss before it stops.")
    ] = 5,
    seed: Seed = 0,
    subset: Subset = "all",
    device: Device = "auto",
    bf16: Annotated[bool, typer.Option(help="Forward passes in bfloat16.")] = False,
    recompute: Annotated[bool, typer.Option(help="Less memory for more time.")] = False,
    json: Json = False,
) -> None:
    """Fine-tune a network on pairs or judgements. Run a stopped command again to resume.

    NAME is a collection of pairs, a set of triplets, or single images (a singleton set, or any
    collection without mates) for self-supervised paradigms. If a collection and a set have the
    name, write pairs:NAME or judgements:NAME. The majority of the votes decides which image of a
    triplet is nearer. Learning rate, epochs and batch size are those of Table B.1 of
    margaritescu2024 by default.
    """
    from simcore.lab.learning import finetuning

    settings = finetuning.make_settings(
        backbone,
        paradigm,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        bf16=bf16,
        recompute=recompute,
        patience=patience,
        optimizer=optimizer,
        protocol=protocol,
    )
    source = finetuning.preset_source(backbone)
    if not source.is_printed and None in (learning_rate, epochs, batch_size):
        output.note(source.note)
    with output.monitor() as monitor:
        result = finetuning.tune(
            name,
            backbone,
            settings,
            save=save,
            subset=subset,
            split=split,
            device=device,
            monitor=monitor,
        )
    output.show(result, *([result.to_table()] if result.saved else []), json=json)
    if not result.saved:
        output.note("Stopped. Run the same command again to resume.")
        raise typer.Exit(STOPPED)


@app.command("list")
@options.table_files
def listing(json: Json = False) -> None:
    """List learned backbones, what they were trained on, and unfinished runs."""
    from simcore.lab.learning import learned_backbones

    unfinished = learned_backbones.unfinished()
    learned = [info.to_dict() for info in learned_backbones.listing()]
    document = {"learned": learned, "unfinished": unfinished}
    output.show(
        document,
        learned_backbones.summary_table(),
        json=json,
        empty="Nothing was learned yet. `simcore learn adaptation NAME --save MINE` learns from "
        "pairs.",
    )
    if unfinished and not json:
        output.note(f"Unfinished: {', '.join(unfinished)}. Run their commands again to resume.")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its name, with or without learned:.")],
    json: Json = False,
) -> None:
    """Delete a learned backbone and its features, or an unfinished run."""
    from simcore.lab.learning import learned_backbones

    learned_backbones.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"Removed {name}.")
