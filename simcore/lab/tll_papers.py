"""The tables and figures of rosenfeld2018 and rosenfeld2019, a step each."""

from simcore.errors import BadDataError
from simcore.lab import (
    collections,
    combine,
    evaluate,
    papers,
    recipes,
    retrieve,
    sections,
    selection,
)
from simcore.lab.sections import Cell, Section, Step


def rosenfeld2018(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    singles = recipes.parse(models)

    def difference() -> Section:
        told = evaluate.cosine_minus_l2(name, models, subset=subset)["rows"]
        lines = {" + ".join(row["recipe"]): tuple(row["difference"]) for row in told}
        return sections.curves("Figure 2a: recall by cosine minus recall by L2", lines)

    def curves() -> Section:
        told = evaluate.curve(name, singles, subset=subset)["rows"]
        return sections.curves("Figure 2b: recall", {r["label"]: tuple(r["recall"]) for r in told})

    def table1() -> Section:
        size = len(selection.open_(name, subset).left)
        ks = [k for k in (1, 5, 10, 20, 50, 100) if k <= size]
        found = evaluate.recall(name, singles, ks=ks, subset=subset).rows
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (row.recipe.label, *(round(100 * s.value, 2) for s in row.recall.values()))
            for row in sorted(found, key=lambda row: row.recall[ks[0]].value)
        )
        return Section(
            "Table 1: recall in percent", f"Pairs: {selection.SUBSETS[subset]}.",
            ("network", *(f"@{k}" for k in ks)), rows, papers.RECALL,
        )  # fmt: skip

    def associative() -> Section:
        best = max(singles, key=lambda one: (retrieve.ranks(name, one, subset=subset) == 1).sum())
        told = evaluate.associative_recall(name, best, subset=subset)["rows"]
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
            for kind, found in evaluate.votes(name, one, subset=subset)["votes"].items()
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

    def by_faces() -> Section:
        seen = [m for m in models if m.startswith("face")]
        if not seen:
            raise BadDataError(
                f"found no features of faces; run `simcore extract {name} --models "
                "face-cnn,faces-cnn:densenet121` first"
            )
        found = evaluate.recall(name, recipes.parse(seen), ks=[1], subset=subset).rows
        rows = tuple((row.recipe.label, round(100 * row.recall[1].value, 2)) for row in found)
        note = "`face` is the descriptor F; `faces:NAME` are NAME's features of face crops, GF."
        return Section("Section 4.2: faces", note, ("features", "@1"), rows, papers.FACES)

    return [
        ("Section 4.2", by_faces),
        ("Figure 2a", difference), ("Figure 2b", curves), ("Table 1", table1),
        ("Table 2a", associative), ("Votes", votes), ("Near-duplicates", subsets),
        ("Figure 5c", faces),
    ]  # fmt: skip


def rosenfeld2019(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    def isolation() -> Section:
        told = combine.exclusives(combine.search(name, models, subset=subset))
        rows = sorted(told["isolation"].items(), key=lambda row: -row[1])
        head = ("representation", "hits")
        return Section("Figure 3a: each representation alone", "", head, tuple(rows))

    def by_size() -> Section:
        told = combine.search(name, models, subset=subset).json()
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
        told = combine.participation(combine.search(name, models, subset=subset), "zsum", size)
        lines = {
            model: tuple(row[number] for row in told["share"])
            for number, model in enumerate(told["models"])
        }
        title = f"Figure 4: participation in the leading combinations of {size}"
        return sections.curves(title, lines)

    def ablation() -> Section:
        told = combine.ablation(combine.search(name, models, subset=subset), "zsum")
        rows = [(" + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
        rows.append((" + ".join(told["best"]["models"]), told["best"]["hits"], 0))
        head = ("combination", "hits", "loss")
        return Section("Table 1: ablation", "", head, tuple(rows), papers.ABLATION)

    def exclusive() -> Section:
        told = combine.exclusives(combine.search(name, models, subset=subset))
        rows: list[tuple[Cell, ...]] = [("oracle", told["oracle"])]
        rows.append(("found by exactly one", told["exclusive_total"]))
        rows += [(f"only {model}", count) for model, count in told["by_model"].items()]
        return Section("Section 4.4.1: oracle and exclusives", "", ("what", "hits"), tuple(rows),
                       papers.COMBINATIONS)  # fmt: skip

    return [
        ("Figure 3a", isolation), ("Figure 3b", by_size), ("Figure 4", participation),
        ("Table 1", ablation), ("Figure 6", exclusive),
    ]  # fmt: skip
