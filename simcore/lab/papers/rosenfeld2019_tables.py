"""Tables and figures of rosenfeld2019, on pairs and on BAPPS judgements."""

from collections.abc import Callable, Sequence

import numpy as np

from simcore.data.judgements.trials import JudgementSet, SameDifferent, Triplets
from simcore.errors import BadDataError
from simcore.lab import printed_values
from simcore.lab.evaluate import combinations, recall
from simcore.lab.evaluate import exclusive as evaluate_exclusive
from simcore.lab.judgements import agreement, pair_similarities, perceptual
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.library import collections
from simcore.lab.papers import paper_report
from simcore.lab.papers.paper_report import Cell, Pictures, Report, Section, Step
from simcore.lab.search import search
from simcore.types import Monitor, Score

EXAMPLES = 5


def bapps(paper: str, given: list[JudgementSet], models: Sequence[str], monitor: Monitor) -> Report:
    """2AFC and JND by all similarities, Tables 2 and 3 of rosenfeld2019."""
    triplets = [j for j in given if isinstance(j.trials, Triplets)]
    pairs = [j for j in given if isinstance(j.trials, SameDifferent)]
    if len(triplets) > 1 or len(pairs) > 1 or len(triplets) + len(pairs) < len(given):
        raise BadDataError(
            "found sets that are not one of triplets and at most one of same-or-different pairs; "
            "expected such as bapps,bapps-jnd"
        )
    # Only what can be had: a report leaves out what is missing and says so.
    wanted = pair_similarities.expand(
        models or [*pair_similarities.default_backbones(), "@distances"]
    )
    ready = {}
    for judged in given:
        ready[judged.name] = pair_similarities.prepare(judged, wanted, monitor=monitor)
    steps: list[Step] = []
    for judged in [*triplets, *pairs]:
        steps.append((judged.name, _scores(judged, ready[judged.name].names)))
    for judged in triplets:
        names = ready[judged.name].names
        steps += [("Table 2", _table2(judged, names)), ("Table 3", _table3(judged, names))]
    here = tuple(n for n in wanted if all(n in r.names for r in ready.values()))
    total = sum(len(judged.trials) for judged in given)
    told = ", ".join(judged.name for judged in given)
    return Report(paper, told, total, here, paper_report.make(steps, monitor), unit="trials")


def _scores(judged: JudgementSet, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        found = agreement.table(
            JudgementQuestion(judged.name, tuple(names), (pair_similarities.OWN,))
        )
        groups = list(found.groups)
        rows: list[tuple[Cell, ...]] = [
            (f"people: {who}", *(_percent(scores[g]) for g in [*groups, agreement.ALL]))
            for who, scores in found.people.items()
        ]
        for row in sorted(found.rows, key=lambda row: -row.overall.value):
            cells = [_percent(row.groups[g]) for g in groups]
            rows.append((row.label, *cells, _percent(row.overall)))
        note = "" if judged.votes == "human" else "The votes are a known order; nobody was asked."
        title = f"{judged.name}: {found.score}, percent"
        return Section(title, note, ("similarity", *groups, agreement.ALL), tuple(rows))

    return make


def _table2(judged: JudgementSet, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        nets = [net for net in perceptual.NETS if f"lpips-{net}" in names]
        title = "Table 2: single layers of LPIPS"
        if not nets:
            reasons = {d.name: d.reason for d in pair_similarities.distances()}
            why = reasons["lpips-alex"] or "no LPIPS was asked for"
            return Section(title, f"Left out: {why}.", printed=printed_values.LAYERS)
        rows = tuple(
            (
                r.group,
                r.net,
                r.layer,
                _percent(r.score),
                round(100 * r.delta, 2),
                _percent(r.calibrated),
                _percent(r.uncalibrated),
            )
            for r in perceptual.layer_table(JudgementQuestion(judged.name), nets).rows
        )
        head = ("distortion", "net", "layer", "score", "delta", "calibrated", "all layers")
        return Section(
            title, "Layer 0 is the shallowest of five.", head, rows, printed_values.LAYERS
        )

    return make


def _table3(judged: JudgementSet, names: Sequence[str]) -> Callable[[], Section]:
    def make() -> Section:
        question = JudgementQuestion(judged.name, tuple(names), combine="zsum")
        found = perceptual.combinations(question)
        rows = tuple(
            (
                r.group,
                r.single,
                _percent(r.single_score),
                " + ".join(r.several),
                _percent(r.several_score),
                round(100 * r.held_out, 2),
            )
            for r in found.rows
        )
        head = ("distortion", "single", "score", "combination", "score of it", "held out")
        note = "z-sums; held out: chosen on other triplets than they are judged on."
        return Section("Table 3: combinations", note, head, rows, printed_values.MIXTURES)

    return make


def _percent(score: Score) -> Cell:
    return "" if np.isnan(score.value) else round(100 * score.value, 2)


def rosenfeld2019(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    def isolation() -> Section:
        told = evaluate_exclusive.exclusives(combinations.search(name, models, subset=subset))
        rows = sorted(told["isolation"].items(), key=lambda row: -row[1])
        head = ("representation", "hits")
        return Section("Figure 3a: each representation alone", "", head, tuple(rows))

    def by_size() -> Section:
        told = combinations.search(name, models, subset=subset).to_dict()
        sizes = range(len(told["models"]))
        best = told["best_by_size"]
        rows = tuple(
            (
                n + 1,
                best["zsum"][n]["hits"],
                " + ".join(best["zsum"][n]["models"]),
                best["sum"][n]["hits"],
            )
            for n in sizes
        )
        fair = told["held_out"]["zsum"]["hits"]
        return Section(
            "Figure 3b: the best combination of each size",
            f"Chosen on other pairs than it is judged on, the best z-sum finds {fair:,}.",
            ("size", "normalised", "its members", "plain"),
            rows,
            printed_values.COMBINATIONS,
            tuple(n + 1 for n in sizes),
            {
                "normalised": tuple(r["hits"] for r in best["zsum"]),
                "plain": tuple(r["hits"] for r in best["sum"]),
            },
        )

    def participation() -> Section:
        size = min(4, len(models))
        told = combinations.participation(
            combinations.search(name, models, subset=subset), "zsum", size
        )
        lines = {
            model: tuple(row[number] for row in told["share"])
            for number, model in enumerate(told["models"])
        }
        title = f"Figure 4: participation in the leading combinations of {size}"
        return paper_report.curves(title, lines)

    def ablation() -> Section:
        told = combinations.ablation(combinations.search(name, models, subset=subset), "zsum")
        rows = [(" + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
        rows.append((" + ".join(told["best"]["models"]), told["best"]["hits"], 0))
        head = ("combination", "hits", "loss")
        return Section("Table 1: ablation", "", head, tuple(rows), printed_values.ABLATION)

    def exclusive() -> Section:
        told = evaluate_exclusive.exclusives(combinations.search(name, models, subset=subset))
        rows: list[tuple[Cell, ...]] = [("oracle", told["oracle"])]
        rows.append(("found by exactly one", told["exclusive_total"]))
        rows += [(f"only {model}", count) for model, count in told["by_model"].items()]
        return Section(
            "Section 4.4.1: oracle and exclusives",
            "",
            ("what", "hits"),
            tuple(rows),
            printed_values.COMBINATIONS,
        )

    def failures() -> Section:
        found = combinations.search(name, models, subset=subset)
        best = found.to_dict()["best"]
        leading = combinations.recipe(best["models"], best["combine"])
        lost = recall.failed_queries(name, leading)[:EXAMPLES]
        rows = []
        for query in lost:
            (hits,) = search.search(name, search.Query(id=query), [leading], k=1, way="exact")
            image = collections.open_(name).left
            keys = (image.keys[image.ids.index(query)], hits.mate_key or "", hits.keys[0])
            rank = f"at rank {hits.mate_rank:,}" if hits.mate_rank else "not seen at all"
            caption = f"{query}: its mate is {rank}"
            rows.append(Pictures(caption, keys, ("query", "mate", "found instead"), 1))
        note = f"The leading combination, {leading.label}, misses these; the first {len(rows)}."
        return Section("Figure 5: failures of the leading combination", note, pictures=tuple(rows))

    def examples() -> Section:
        found = combinations.search(name, models, subset=subset)
        rows = [
            Pictures(f"Only {model}", (pair["query_key"], pair["mate_key"]), ("query", "mate"), 1)
            for model in found.models
            for pair in evaluate_exclusive.found_and_missed(
                name,
                found,
                by=[model],
                missed=[m for m in found.models if m != model],
                subset=subset,
            )[:2]
        ]
        return Section("Figure 6: pairs that only one finds", "Two of each.", pictures=tuple(rows))

    return [
        ("Figure 3a", isolation),
        ("Figure 3b", by_size),
        ("Figure 4", participation),
        ("Table 1", ablation),
        ("Section 4.4.1", exclusive),
        ("Figure 5", failures),
        ("Figure 6", examples),
    ]
