"""The annex of risser-maroux2021: a backbone a step."""

from collections.abc import Callable

from simcore.evaluate import asymmetric
from simcore.lab import annex, learning, selection
from simcore.lab.sections import Cell, Section, Step


def risser_maroux2021(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    """A backbone a step: four columns of its row of the annex, and its curves (Fig. 3)."""
    about = f"Pairs: {selection.SUBSETS.get(subset, subset)}. "

    def backbone(model: str, first: bool) -> Callable[[], Section]:
        def make() -> Section:
            one, fifteen = (
                learning.adapt(name, [model], learning.Settings("paper", sigma), subset=subset)
                for sigma in (1.0, 15.0)
            )
            stages = {
                "before": fifteen.spread("before"), "after PCA": fifteen.spread("pca"),
                "sigma 1": one.spread("after"), "sigma 15": fifteen.spread("after"),
            }  # fmt: skip
            rows: tuple[tuple[Cell, ...], ...] = tuple(
                (label, *(f"{m:.4f} ± {d:.4f}" for m, d in map(spread.at, asymmetric.KS)))
                for label, spread in stages.items()
            )
            told = one.json()
            note = (
                f"{about}{told['runs']} runs, {told['pairs']['test']} test pairs each, epoch "
                "chosen on them as in the paper; the PCA keeps "
                f"{100 * told['variance_kept']:.1f} % of the variance of {told['width']} columns."
            )
            head = ("aR, mean ± deviation", *(f"@{k}" for k in asymmetric.KS))
            lines = {label: tuple(spread.mean.tolist()) for label, spread in stages.items()}
            length = len(next(iter(lines.values())))
            return Section(
                f"Annex, Table 1 and Figure 3: {model}", note, head, rows,
                annex.ANNEX if first else None, tuple(range(1, length + 1)), lines,
            )  # fmt: skip

        return make

    return [(model, backbone(model, not number)) for number, model in enumerate(models)]
