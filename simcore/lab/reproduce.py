"""A whole paper on one's own collection: every table and figure, the printed values beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simcore.errors import SimError, unknown
from simcore.evaluate import asymmetric
from simcore.lab import annex, collections, combine, evaluate, learning, papers, recipes, retrieve
from simcore.lab.papers import Printed
from simcore.types import OnProgress, Progress

Cell = str | int | float


@dataclass(frozen=True)
class Section:
    """One table or figure.

    Attributes:
        title: which one of the paper it is. note: what to know before comparing.
        columns, rows: one's own numbers; empty where it could not be made, and `note` says why.
        printed: the paper's.
        lines: {label: values}, drawn over `x`; empty for tables.
    """

    title: str
    note: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    printed: Printed | None = None
    x: tuple[float, ...] = ()
    lines: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A paper reproduced on a collection."""

    paper: str
    collection: str
    pairs: int
    models: tuple[str, ...]
    sections: tuple[Section, ...]

    def json(self) -> dict:
        """The document that `simcore reproduce --json` prints."""
        return {
            "paper": self.paper,
            "collection": self.collection,
            "pairs": self.pairs,
            "models": list(self.models),
            "sections": [
                {
                    "title": one.title,
                    "note": one.note,
                    "rows": [dict(zip(one.columns, row, strict=True)) for row in one.rows],
                    "printed": None
                    if one.printed is None
                    else [dict(zip(one.printed.columns, r, strict=True)) for r in one.printed.rows],
                }
                for one in self.sections
            ],
        }


Step = tuple[str, Callable[[], Section]]


def run(
    paper: str, name: str, models: Sequence[str] = (), *, on_progress: OnProgress | None = None
) -> Report:
    """All of a paper's tables and figures that this collection's data and features allow.

    Args:
        paper: "rosenfeld2018", "rosenfeld2019" or "risser-maroux2021".
        models: backbones; empty means all whose features are complete.

    Raises:
        UnknownNameError: no such paper or collection. BadDataError: no features.
    """
    if paper not in PAPERS:
        raise unknown("paper", paper, PAPERS)
    chosen = tuple(models) or tuple(collections.usual(name))
    steps = PAPERS[paper](name, chosen)
    sections = []
    for number, (title, make) in enumerate(steps):
        if on_progress is not None:
            on_progress(Progress(title, number, len(steps)))
        try:
            sections.append(make())
        except SimError as error:
            sections.append(Section(title, f"Left out: {error}."))
    if on_progress is not None:
        on_progress(Progress("done", len(steps), len(steps)))
    pairs = len(collections.open_(name).left)
    return Report(paper, name, pairs, chosen, tuple(sections))


def _rosenfeld2018(name: str, models: tuple[str, ...]) -> list[Step]:
    singles = recipes.parse(models)

    def difference() -> Section:
        told = evaluate.cosine_minus_l2(name, models)["rows"]
        lines = {" + ".join(row["recipe"]): tuple(row["difference"]) for row in told}
        return _curves("Figure 2a: recall by cosine minus recall by L2", lines)

    def curves() -> Section:
        told = evaluate.curve(name, singles)["rows"]
        return _curves("Figure 2b: recall", {r["label"]: tuple(r["recall"]) for r in told})

    def table1() -> Section:
        size = len(collections.open_(name).left)
        ks = [k for k in (1, 5, 10, 20, 50, 100) if k <= size]
        found = evaluate.recall(name, singles, ks=ks).rows
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (row.recipe.label, *(round(100 * s.value, 2) for s in row.recall.values()))
            for row in sorted(found, key=lambda row: row.recall[ks[0]].value)
        )
        return Section(
            "Table 1: recall in percent", "All pairs of the collection.",
            ("network", *(f"@{k}" for k in ks)), rows, papers.RECALL,
        )  # fmt: skip

    def associative() -> Section:
        best = max(singles, key=lambda one: (retrieve.ranks(name, one) == 1).sum())
        told = evaluate.associative_recall(name, best)["rows"]
        rows = tuple(
            (str(r["m"]), round(100 * r["exact"], 2), round(100 * r["simulated"], 2)) for r in told
        )
        return Section(
            "Table 2a: associative recall", f"With {best.label}, the best single backbone.",
            ("m", "% correct, exact", "% correct, simulated"), rows, papers.ASSOCIATIVE,
        )  # fmt: skip

    def votes() -> Section:
        rows = tuple(
            (one.label, kind, round(c["value"], 3), round(c["low"], 3), round(c["high"], 3))
            for one in singles
            for kind, found in evaluate.votes(name, one)["votes"].items()
            for c in found
            if c["name"] == "pearson"
        )
        head = ("network", "votes", "r", "low", "high")
        return Section("Votes and similarity", "", head, rows, papers.VOTES)

    def subsets() -> Section:
        found = evaluate.duplicates(name)
        rows = (("all", len(collections.open_(name).left)), *found["kept"].items())
        note = f"Near-duplicates judged by {found['by']}."
        return Section(
            "Near-duplicates: pairs left", note, ("subset", "pairs"), rows, papers.SUBSETS
        )

    def faces() -> Section:
        told = evaluate.faces(name)
        labels = ("0", "1", "2", "3 or more")
        rows = tuple(
            (f"left {label}", *row) for label, row in zip(labels, told["table"], strict=True)
        )
        head = ("faces", *(f"right {label}" for label in labels))
        return Section("Figure 5c: faces in both images of a pair", "", head, rows)

    return [
        ("Figure 2a", difference), ("Figure 2b", curves), ("Table 1", table1),
        ("Table 2a", associative), ("Votes", votes), ("Near-duplicates", subsets),
        ("Figure 5c", faces),
    ]  # fmt: skip


def _rosenfeld2019(name: str, models: tuple[str, ...]) -> list[Step]:
    def isolation() -> Section:
        told = combine.exclusives(combine.search(name, models))
        rows = sorted(told["isolation"].items(), key=lambda row: -row[1])
        head = ("representation", "hits")
        return Section("Figure 3a: each representation alone", "", head, tuple(rows))

    def by_size() -> Section:
        told = combine.search(name, models).json()
        sizes = range(len(told["models"]))
        best = told["best_by_size"]
        rows = tuple(
            (n + 1, best["zsum"][n]["hits"], " + ".join(best["zsum"][n]["models"]),
             best["sum"][n]["hits"]) for n in sizes
        )  # fmt: skip
        fair = told["held_out"]["zsum"]["hits"]
        return Section(
            "Figure 3b: the best combination of each size",
            f"Chosen on other pairs than it is judged on, the best z-sum finds {fair:,}.",
            ("size", "normalised", "its members", "plain"), rows, papers.COMBINATIONS,
            tuple(n + 1 for n in sizes),
            {"normalised": tuple(r["hits"] for r in best["zsum"]),
             "plain": tuple(r["hits"] for r in best["sum"])},
        )  # fmt: skip

    def participation() -> Section:
        size = min(4, len(models))
        told = combine.participation(combine.search(name, models), "zsum", size)
        lines = {
            model: tuple(row[number] for row in told["share"])
            for number, model in enumerate(told["models"])
        }
        title = f"Figure 4: participation in the leading combinations of {size}"
        return _curves(title, lines)

    def ablation() -> Section:
        told = combine.ablation(combine.search(name, models), "zsum")
        rows = [(" + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
        rows.append((" + ".join(told["best"]["models"]), told["best"]["hits"], 0))
        head = ("combination", "hits", "loss")
        return Section("Table 1: ablation", "", head, tuple(rows), papers.ABLATION)

    def exclusive() -> Section:
        told = combine.exclusives(combine.search(name, models))
        rows: list[tuple[Cell, ...]] = [("oracle", told["oracle"])]
        rows.append(("found by exactly one", told["exclusive_total"]))
        rows += [(f"only {model}", count) for model, count in told["by_model"].items()]
        return Section("Section 4.4.1: oracle and exclusives", "", ("what", "hits"), tuple(rows),
                       papers.COMBINATIONS)  # fmt: skip

    return [
        ("Figure 3a", isolation), ("Figure 3b", by_size), ("Figure 4", participation),
        ("Table 1", ablation), ("Figure 6", exclusive),
    ]  # fmt: skip


def _risser_maroux2021(name: str, models: tuple[str, ...]) -> list[Step]:
    """A backbone a step: four columns of its row of the annex, and its curves (Fig. 3)."""
    faces = "face" in collections.extracted(name)
    subset = "objects" if faces else "all"
    about = (
        "Pairs without a face on both sides, found by dlib instead of a Haar cascade. "
        if faces
        else "All pairs: faces are not extracted, so pairs with them cannot be left out. "
    )

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


PAPERS = {
    "rosenfeld2018": _rosenfeld2018,
    "rosenfeld2019": _rosenfeld2019,
    "risser-maroux2021": _risser_maroux2021,
}


def _curves(title: str, lines: dict[str, tuple[float, ...]]) -> Section:
    """Lines over 1, 2, 3, ..., and a table of a few places."""
    length = max(len(values) for values in lines.values())
    marks = [k for k in (1, 5, 10, 20, 50, 100) if k <= length]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, *(round(values[k - 1], 4) for k in marks)) for label, values in lines.items()
    )
    head = ("representation", *(f"@{k}" for k in marks))
    return Section(title, "", head, rows, x=tuple(range(1, length + 1)), lines=lines)
