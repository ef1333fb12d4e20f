"""The tables and figures of rosenfeld2019 on pairs, one function each."""

from collections.abc import Sequence

import numpy as np

from simcore.evaluate.combinations import participation_intervals
from simcore.lab import printed_values
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.lab.evaluate.combinations import ScoredSubset, SingleHits, SubsetSearch
from simcore.lab.papers import comparisons, retrievals
from simcore.lab.papers.comparisons import Compared, number, share
from simcore.lab.papers.question_steps import PaperStep
from simcore.lab.papers.sections import Chart, Level, Pictures, Section, Series
from simcore.recipe import COMBINATION_TITLES, Combination, Question
from simcore.results import Cell, Table
from simcore.types import Array

PAIRS = 6016  # of the paper
EXAMPLES = 6  # failures of the leading combination
RETRIEVED = 3  # images per failure
EXCLUSIVE_EXAMPLES = 2  # per backbone
LABELS: dict[Combination, str] = {"zsum": "normalized", "sum": "plain"}
BEST = {
    name: int(printed_values.COMBINATIONS.value(name, "hits"))
    for name in ("best z-sum (size 4)", "best plain sum (size 6)", "oracle of 11", "exclusive hits")
}
ZSUM, PLAIN = BEST["best z-sum (size 4)"], BEST["best plain sum (size 6)"]
ORACLE, EXCLUSIVE = BEST["oracle of 11"], BEST["exclusive hits"]
OVER_SINGLE = printed_values.RATIOS.value("best single (ret_w)", "ratio")
OVER_BASELINE = printed_values.RATIOS.value("baseline (conv)", "ratio")
SINGLE = round(ZSUM / OVER_SINGLE)  # hits of the best representation alone
BACKBONES = {"texture": "texture_S"}  # names of the paper that differ here
ORDINALS = ("costliest", "second costliest", "third costliest", "fourth costliest")
BASELINES = ("conv", "densenet121", "torchvision:densenet121")


def figure_3a(question: Question) -> Section:
    """Hits at 1 of each backbone alone."""
    hits = _single_hits(question)
    order = sorted(hits, key=lambda name: -int(hits[name].sum()))
    best, total = hits[order[0]], len(hits[order[0]])
    amounts = {name: share(int(hits[name].sum()), total) for name in order}
    ranks = {name: number(place) for place, name in enumerate(order, 1)}
    compared = [
        Compared(
            "best single (printed: best z-sum / 2.25)",
            share(SINGLE, PAIRS),
            amounts[order[0]],
            number(1),
            number(1),
        )
    ]
    for label, place, printed in printed_values.ISOLATION.rows:
        name = BACKBONES.get(str(label), str(label))
        if isinstance(printed, int):
            compared.append(
                Compared(
                    f"{label} alone",
                    share(printed, PAIRS),
                    amounts.get(name),
                    comparisons.printed_ratio(printed, SINGLE),
                    comparisons.ratio(hits[name], best) if name in hits else None,
                )
            )
        compared.append(Compared(f"rank of {label}", number(int(place or 0)), ranks.get(name)))
    rows = tuple(
        (place, name, int(hits[name].sum()), amounts[name].text)
        for place, name in enumerate(order, 1)
    )
    series = Series(
        "hits at 1",
        tuple(order),
        tuple(amounts[name].value for name in order),
        tuple(amounts[name].low or 0.0 for name in order),
        tuple(amounts[name].high or 0.0 for name in order),
    )
    return Section(
        "Figure 3a: each representation alone",
        table=Table(("rank", "representation", "hits", "recall@1"), rows),
        printed=printed_values.ISOLATION,
        compared=tuple(compared),
        charts=(Chart("bars", "representation", "recall at 1, % of queries", (series,)),),
    )


def figure_3b(question: Question) -> Section:
    """The best combination of each size, normalized and plain."""
    search = combinations.search(question)
    result = combinations.report(search)
    best = {combine: result.best_of(combine) for combine in LABELS}
    zsum, plain = result.best_by_size["zsum"], result.best_by_size["sum"]
    rows = tuple(
        (left.size, left.hits, " + ".join(left.models), right.hits, " + ".join(right.models))
        for left, right in zip(zsum, plain, strict=True)
    )
    singles = _single_hits(question)
    oracle = int(np.any(list(singles.values()), axis=0).sum())
    chart = Chart(
        "lines",
        "number of representations in the combination",
        "recall at 1, % of queries",
        tuple(_sizes(LABELS[combine], result.best_by_size[combine], search) for combine in LABELS),
        levels=(
            Level("best single", 100 * result.best_single.hits / search.pairs),
            Level("oracle", 100 * oracle / search.pairs),
        ),
    )
    held_out = {combine: score.hits for combine, score in result.held_out.items()}
    return Section(
        "Figure 3b: the best combination of each size",
        f"The best of {result.evaluated:,} combinations are selected on the pairs that they are "
        "scored on. Held out: selected on four fifths, scored on the rest, 5 folds.",
        Table(("size", "normalized", "members", "plain", "members (plain)"), rows),
        printed_values.COMBINATIONS,
        _compared_combinations(search, best, held_out, singles),
        (chart,),
    )


def _compared_combinations(
    search: SubsetSearch,
    best: dict[Combination, ScoredSubset],
    held_out: dict[Combination, int],
    singles: SingleHits,
) -> tuple[Compared, ...]:
    single = _hits(search, _best_single(search))
    leading = _hits(search, best["zsum"])
    baseline = next((singles[name] for name in BASELINES if name in singles), None)
    printed: dict[Combination, int] = {"zsum": ZSUM, "sum": PLAIN}
    return (
        *(
            Compared(
                f"best {COMBINATION_TITLES[combine]}",
                share(hits, PAIRS),
                share(best[combine].hits, search.pairs),
                comparisons.printed_ratio(hits, SINGLE),
                comparisons.ratio(_hits(search, best[combine]), single),
            )
            for combine, hits in printed.items()
        ),
        *(
            Compared(
                f"best {COMBINATION_TITLES[combine]}, held out",
                None,
                share(hits, search.pairs),
                None,
                number(hits / single.sum()) if single.any() else None,
            )
            for combine, hits in held_out.items()
        ),
        Compared(
            "best z-sum / best single",
            number(OVER_SINGLE),
            comparisons.ratio(leading, single),
        ),
        Compared(
            "best z-sum / baseline (conv, a DenseNet121)",
            number(OVER_BASELINE),
            None if baseline is None else comparisons.ratio(leading, baseline),
        ),
        Compared("size of the best z-sum", number(4), number(best["zsum"].size)),
        Compared("size of the best plain sum", number(6), number(best["sum"].size)),
    )


def figure_4(question: Question) -> Section:
    """Share of the leading combinations of four that contain each backbone."""
    search = combinations.search(question)
    size = min(4, len(question.backbones))
    result = combinations.participation(search, "zsum", size)
    low, high = participation_intervals.participation_intervals(search.hits["zsum"], size)
    count = len(result.share)
    marks = [q for q in combinations.MARKS if q <= count]
    order = sorted(result.models, key=lambda name: -sum(result.of(name)[: max(1, count // 10)]))
    rows = tuple(
        (name, *(f"{100 * result.of(name)[q - 1]:.0f} %" for q in marks)) for name in order
    )
    series = tuple(
        Series(
            name,
            tuple(range(1, count + 1)),
            tuple(100 * value for value in result.of(name)),
            *(tuple((100 * ends[:, column]).tolist()) for ends in (low, high)),
        )
        for column, name in enumerate(result.models)
    )
    return Section(
        f"Figure 4: participation in the leading combinations of {size}",
        f"Share of the first q of {count:,} z-sums of {size}, most hits first, that contain a "
        "representation. Bands: bootstrap over the pairs.",
        Table(("representation", *(f"first {q}" for q in marks)), rows),
        printed_values.PARTICIPATION,
        charts=(
            Chart(
                "lines",
                "q, number of leading combinations",
                "participation, % of combinations",
                series,
                log_x=True,
            ),
        ),
    )


def table_1(question: Question) -> Section:
    """The best combination without each of its members."""
    search = combinations.search(question)
    result = combinations.ablation(search, "zsum")
    single = _hits(search, _best_single(search))
    rows = [
        (row.without, " + ".join(row.models), row.hits, _percent(row.hits, search), row.lost)
        for row in sorted(result.rows, key=lambda row: -row.lost)
    ]
    rows.append(("", " + ".join(result.best.models), result.best.hits, "", 0))
    own = sorted(result.rows, key=lambda row: -row.lost)
    compared = []
    for place, (members, hits, _) in enumerate(printed_values.ABLATION.rows[:4]):
        row = own[place] if place < len(own) else None
        removed = {"ret", "shp", "weaka", "conv"} - set(str(members).split(" + "))
        compared.append(
            Compared(
                f"without the {ORDINALS[place]} member "
                f"({removed.pop()} printed, {row.without if row else 'none'} here)",
                share(int(hits or 0), PAIRS),
                share(row.hits, search.pairs) if row else None,
                comparisons.printed_ratio(int(hits or 0), SINGLE),
                comparisons.ratio(_hits(search, row), single) if row else None,
            )
        )
    return Section(
        "Table 1: ablation",
        "Without a member the best z-sum of the same size is searched among the others.",
        Table(("without", "combination", "hits", "recall@1", "loss"), tuple(rows)),
        printed_values.ABLATION,
        tuple(compared),
    )


def section_4_4_1(question: Question) -> Section:
    """Oracle and exclusive hits."""
    singles = _single_hits(question)
    hit_by = np.asarray(np.stack(list(singles.values())).sum(axis=0))
    pairs = len(hit_by)
    single = max(singles.values(), key=lambda hits: int(hits.sum()))
    exclusive_hits = {name: int((hits & (hit_by == 1)).sum()) for name, hits in singles.items()}
    names = sorted(exclusive_hits, key=lambda name: -exclusive_hits[name])
    amounts = [share(exclusive_hits[name], pairs) for name in names]
    totals = {"oracle": hit_by > 0, "exclusive hits": hit_by == 1}
    rows: list[tuple[Cell, ...]] = [
        (label, int(hits.sum()), share(int(hits.sum()), pairs).text)
        for label, hits in totals.items()
    ]
    rows += [
        (f"only {name}", exclusive_hits[name], amount.text)
        for name, amount in zip(names, amounts, strict=True)
    ]
    bars = Series(
        "exclusive hits",
        tuple(names),
        tuple(amount.value for amount in amounts),
        tuple(amount.low or 0.0 for amount in amounts),
        tuple(amount.high or 0.0 for amount in amounts),
    )
    return Section(
        "Section 4.4.1: oracle and exclusive hits",
        "Oracle: at least one representation finds the mate. Exclusive: exactly one does.",
        Table(("quantity", "hits", "share"), tuple(rows)),
        printed_values.COMBINATIONS,
        tuple(
            Compared(
                quantity,
                share(printed, PAIRS),
                share(int(totals[quantity].sum()), pairs),
                comparisons.printed_ratio(printed, SINGLE),
                comparisons.ratio(totals[quantity], single),
            )
            for quantity, printed in (("oracle", ORACLE), ("exclusive hits", EXCLUSIVE))
        ),
        (Chart("bars", "representation", "exclusive hits, % of queries", (bars,)),),
    )


def figure_5(question: Question) -> Section:
    """Failures of the leading combination."""
    leading = combinations.report(combinations.search(question)).best.recipe(question.metric)
    rows = retrievals.failures(question, leading, count=EXAMPLES, k=RETRIEVED)
    return Section(
        "Figure 5: failures of the leading combination",
        f"{len(rows)} queries drawn at random (seed {retrievals.SEED}) from those whose mate is "
        f"not among the first {RETRIEVED} of {leading.label}.",
        pictures=rows,
    )


def figure_6(question: Question) -> Section:
    """Pairs that only one backbone finds."""
    backbones = question.backbones
    rows = [
        Pictures(
            f"Only {model}: {pair.query} ({pair.ranks})",
            (pair.query_key, pair.mate_key),
            ("query", "mate"),
            1,
        )
        for model in backbones
        for pair in exclusive.found_and_missed(
            question,
            found=[model],
            missed=[other for other in backbones if other != model],
            order="disagreement",
        )[:EXCLUSIVE_EXAMPLES]
    ]
    return Section(
        "Figure 6: exclusive hits",
        f"For each representation at most {EXCLUSIVE_EXAMPLES} pairs that it alone finds: those "
        "where another one ranks the mate lowest (its name and rank are the last).",
        pictures=tuple(rows),
    )


STEPS = [
    PaperStep("Figure 3a", figure_3a, printed_values.ISOLATION),
    PaperStep("Figure 3b", figure_3b, printed_values.COMBINATIONS),
    PaperStep("Figure 4", figure_4, printed_values.PARTICIPATION),
    PaperStep("Table 1", table_1, printed_values.ABLATION),
    PaperStep("Section 4.4.1", section_4_4_1, printed_values.COMBINATIONS),
    PaperStep("Figure 5", figure_5),
    PaperStep("Figure 6", figure_6),
]


def _single_hits(question: Question) -> SingleHits:
    """(Q,) bool hits at 1 of each backbone."""
    singles = question.with_recipes(*question.singles)
    ranks = recall.ranks_of_each(singles)
    return {
        recipe.backbones[0]: values == 1
        for recipe, values in zip(singles.recipes, ranks, strict=True)
    }


def _sizes(label: str, best: Sequence[ScoredSubset], search: SubsetSearch) -> Series:
    scale = 100 / search.pairs
    return Series(
        label,
        tuple(subset.size for subset in best),
        tuple(scale * subset.hits for subset in best),
        tuple(scale * subset.ci95[0] for subset in best),
        tuple(scale * subset.ci95[1] for subset in best),
    )


def _best_single(search: SubsetSearch) -> ScoredSubset:
    return combinations.report(search).best_single


def _hits(search: SubsetSearch, subset: ScoredSubset) -> Array:
    """(Q,) bool, the queries that a subset finds."""
    hits = search.hits[subset.combine]
    return hits.hits_of(hits.mask(subset.models))


def _percent(hits: int, search: SubsetSearch) -> str:
    amount = share(hits, search.pairs)
    return f"{amount.value:.2f} % [{amount.low:.1f}, {amount.high:.1f}]"
