"""The tables and figures of rosenfeld2018 and rosenfeld2019, a step each."""

from simcore.errors import BadDataError
from simcore.lab import printed_values, recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections
from simcore.lab.library import subsets as library_subsets
from simcore.lab.papers import paper_report
from simcore.lab.papers.paper_report import Cell, Section, Step
from simcore.lab.people import analysis, experiments


def rosenfeld2018(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    singles = recipes.parse(models)

    def difference() -> Section:
        told = recall.cosine_minus_l2(name, models, subset=subset)["rows"]
        lines = {" + ".join(row["recipe"]): tuple(row["difference"]) for row in told}
        return paper_report.curves("Figure 2a: recall by cosine minus recall by L2", lines)

    def curves() -> Section:
        told = recall.curve(name, singles, subset=subset)["rows"]
        return paper_report.curves(
            "Figure 2b: recall", {r["label"]: tuple(r["recall"]) for r in told}
        )

    def table1() -> Section:
        size = len(library_subsets.open_subset(name, subset).left)
        ks = [k for k in (1, 5, 10, 20, 50, 100) if k <= size]
        found = recall.recall(name, singles, ks=ks, subset=subset).rows
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (row.recipe.label, *(round(100 * s.value, 2) for s in row.recall.values()))
            for row in sorted(found, key=lambda row: row.recall[ks[0]].value)
        )
        return Section(
            "Table 1: recall in percent",
            f"Pairs: {library_subsets.SUBSETS[subset]}.",
            ("network", *(f"@{k}" for k in ks)),
            rows,
            printed_values.RECALL,
        )

    def associative() -> Section:
        best = max(singles, key=lambda one: (recall.ranks(name, one, subset=subset) == 1).sum())
        told = recall.associative_recall(name, best, subset=subset)["rows"]
        rows = tuple(
            (str(r["m"]), round(100 * r["exact"], 2), round(100 * r["simulated"], 2)) for r in told
        )
        return Section(
            "Table 2a: associative recall",
            f"With {best.label}, the best single backbone.",
            ("m", "% correct, exact", "% correct, simulated"),
            rows,
            printed_values.ASSOCIATIVE,
        )

    def votes() -> Section:
        rows = tuple(
            (one.label, kind, round(c["value"], 3), round(c["low"], 3), round(c["high"], 3))
            for one in singles
            for kind, found in recall.votes(name, one, subset=subset)["votes"].items()
            for c in found
            if c["name"] == "pearson"
        )
        head = ("network", "votes", "r", "low", "high")
        return Section("Votes and similarity", "", head, rows, printed_values.VOTES)

    def subsets() -> Section:
        found = library_subsets.find_duplicates(name)
        rows = (("all", len(collections.open_(name).left)), *found.kept.items())
        note = f"Near-duplicates judged by {found.by}."
        return Section(
            "Near-duplicates: pairs left", note, ("subset", "pairs"), rows, printed_values.SUBSETS
        )

    def faces() -> Section:
        report = library_subsets.face_report(name)
        labels = ("0", "1", "2", "3 or more")
        rows: tuple[tuple[str | int, ...], ...] = tuple(
            (f"left {label}", *row) for label, row in zip(labels, report.table, strict=True)
        )
        head = ("faces", *(f"right {label}" for label in labels))
        return Section("Figure 5c: faces in both images of a pair", "", head, rows)

    def by_faces() -> Section:
        seen = [m for m in models if m.startswith("face")]
        if not seen:
            raise BadDataError(
                f"found no features of faces; run `simcore extract {name} --models "
                "face-cnn,faces-cnn:densenet121` first"
            )
        found = recall.recall(name, recipes.parse(seen), ks=[1], subset=subset).rows
        rows = tuple((row.recipe.label, round(100 * row.recall[1].value, 2)) for row in found)
        note = "`face` is the descriptor F; `faces:NAME` are NAME's features of face crops, GF."
        return Section("Section 4.2: faces", note, ("features", "@1"), rows, printed_values.FACES)

    def people() -> Section:
        rows = tuple(
            (told["experiment"], row["condition"], who, *share)
            for told in _answered(name)
            for row in told["conditions"]
            for who, share in _choosers(row)
        )
        head = ("experiment", "condition", "who", "% correct", "low", "high")
        return Section(
            "Table 2b: correct choices of people and machines",
            "",
            head,
            rows,
            printed_values.HUMANS,
        )

    def agreement() -> Section:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                told["experiment"],
                told["agreement"]["questions"],
                round(100 * told["agreement"]["most"], 1),
                round(100 * told["agreement"]["unanimous"], 1),
                _rounded(told["agreement"]["alpha"]),
                _rounded(told["agreement"]["correlation"]),
            )
            for told in _answered(name)
        )
        head = (
            "experiment",
            "questions",
            "majority %",
            "all agree %",
            "alpha",
            "r of agreement and correctness",
        )
        return Section("Figures 5a and 5b: how far people agree", "", head, rows)

    return [
        ("Section 4.2", by_faces),
        ("Figure 2a", difference),
        ("Figure 2b", curves),
        ("Table 1", table1),
        ("Table 2a", associative),
        ("Table 2b", people),
        ("Figures 5a, 5b", agreement),
        ("Figure 5c", faces),
        ("Votes", votes),
        ("Near-duplicates", subsets),
    ]


def _answered(name: str) -> list[dict]:
    """The analyses of the collection's experiments that people have answered.

    Raises:
        BadDataError: there is none.
    """
    asked = [row for row in experiments.listing() if row["collection"] == name and row["answers"]]
    if not asked:
        raise BadDataError(
            f"found no answers of people on {name!r}; make an experiment with "
            f"`simcore experiments new` or on the page Experiments, and ask some"
        )
    return [analysis.analyse(row["name"]) for row in asked]


def _choosers(row: dict) -> list[tuple[str, tuple[Cell, ...]]]:
    """People and machines of one condition: (who, (percent, low, high))."""
    found: list[tuple[str, tuple[Cell, ...]]] = []
    if row["human"]:
        found.append(("people", _percent(row["human"]["value"], row["human"]["ci95"])))
    for one in row["machines"]:
        if one["right"] is not None:
            found.append((one["model"], _percent(one["right"], one["ci95"])))
    return found


def _percent(value: float, ci95: list[float] | None) -> tuple[Cell, ...]:
    ends: tuple[Cell, ...] = ("", "") if ci95 is None else tuple(round(100 * v, 1) for v in ci95)
    return (round(100 * value, 1), *ends)


def _rounded(value: float | None) -> Cell:
    return "" if value is None else round(value, 3)
