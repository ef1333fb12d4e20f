"""The tables and figures of rosenfeld2018 (Totally Looks Like) without people's answers."""

from dataclasses import replace

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.statistics import ratio
from simcore.lab import printed_values
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, subsets
from simcore.lab.papers import comparisons, question_steps, retrievals, rosenfeld2018_people
from simcore.lab.papers.comparisons import Amount, Compared, percentage, share
from simcore.lab.papers.question_steps import PaperStep
from simcore.lab.papers.sections import KS, Chart, Level, Pictures, Section, Series
from simcore.recipe import Question, Recipe
from simcore.results import Cell, Table
from simcore.types import Array

DETECTORS = ("face-cnn", "face")  # the one of the authors first
LETTERS = "abcdefgh"  # examples of Figures 1 and 6
FAILURES, RETRIEVED = 6, 5  # rows of Figure 3, and images retrieved in each
SMALL_KS = (1, 5, 10, 20)  # right part of Figure 2b
MAX_POINTS = 160  # of a line; on a log axis more cannot be told apart
PAIRS = {str(name): int(count or 0) for name, count in printed_values.SUBSETS.rows}
FACIAL, FACE_CROPS = "facial features", "generic features of face crops"
BEST_PRINTED = "densenet121"  # of Table 1


def figure_1(question: Question) -> Section:
    """Pairs of the collection."""
    return _examples(question, "Figure 1: pairs of the collection", 0)


def figure_6(question: Question) -> Section:
    """Other pairs than those of Figure 1."""
    return _examples(question, "Figure 6: additional pairs", len(LETTERS))


def _examples(question: Question, title: str, start: int) -> Section:
    pairs = subsets.open_subset(question.collection, question.subset).pairs()
    rows = retrievals.draw(np.arange(len(pairs)), start + len(LETTERS))[start:]
    if not rows:
        raise BadDataError(f"There are only {len(pairs)} pairs. Choose a larger subset.")
    keys: list[str] = []
    labels: list[str] = []
    for letter, row in zip(LETTERS, rows, strict=False):
        keys += [pairs.queries.keys[row], pairs.gallery.keys[pairs.target[row]]]
        labels += [f"({letter}) {pairs.queries.ids[row]}, left", f"({letter}) right"]
    return Section(
        title,
        f"{len(rows)} pairs drawn at random (seed {retrievals.SEED}); the paper shows selected "
        "ones.",
        pictures=(Pictures("Left and right image of each pair", tuple(keys), tuple(labels)),),
    )


def section_4_2_faces(question: Question) -> Section:
    """Recall of facial features and of generic features of face crops."""
    names = [name for name in question.backbones if name.startswith("face")]
    if not names:
        raise BadDataError(
            f"No features of faces. Run `simcore extract {question.collection} --models "
            "face-cnn,faces-cnn:densenet121` first."
        )
    # TLLd of the authors' code has faces on both sides already.
    subset = question.subset if question.subset in {"faces", "tlld-paper"} else "faces"
    singles = replace(question.with_recipes(*question.singles), subset=subset)
    ranks = recall.ranks_of_each(singles)
    hits = {r.backbones[0]: v == 1 for r, v in zip(singles.recipes, ranks, strict=True)}
    own = {name: share(int(hits[name].sum()), len(hits[name])) for name in names}
    facial = next((name for name in names if not name.startswith("faces")), None)
    crops = next((name for name in names if name.startswith("faces")), None)
    best = printed_values.RECALL.value(BEST_PRINTED, "@1")
    generic = [name for name in hits if name not in names]
    single = max((hits[name] for name in generic), key=lambda hit: int(hit.sum()), default=None)
    compared = [
        Compared(
            f"{label}, recall@1" + (f" ({name})" if name else ""),
            percentage(printed_values.FACES.value(label, "@1")),
            own[name] if name else None,
            comparisons.printed_ratio(printed_values.FACES.value(label, "@1"), best),
            comparisons.ratio(hits[name], single) if name and single is not None else None,
        )
        for label, name in ((FACIAL, facial), (FACE_CROPS, crops))
    ]
    return Section(
        "Section 4.2: faces",
        f"Of the {len(ranks[0]):,} pairs of {subset}, which have a face on both sides. `face` is "
        "the descriptor F; `faces:NAME` are NAME's features of face crops, GF. Best single: the "
        "best generic network, here on the same pairs.",
        Table(("features", "recall@1"), tuple((n, _text(a)) for n, a in own.items())),
        printed_values.FACES,
        tuple(compared),
    )


def figure_2a(question: Question) -> Section:
    """Cosine against L2 at every k."""
    plain = question.with_recipes(*question.singles).with_post("none")
    cosine, l2 = (recall.ranks_of_each(plain.with_metric(m)) for m in ("cosine", "l2"))
    gallery = len(subsets.open_subset(question.collection, question.subset).left)
    ks, columns = log_spaced(gallery), tuple(k for k in KS if k <= gallery)
    series, rows, positive = [], [], 0
    for recipe, first, second in zip(plain.recipes, cosine, l2, strict=True):
        name = recipe.backbones[0]
        values = np.array([np.mean(first <= k) - np.mean(second <= k) for k in range(1, gallery)])
        positive += bool((values >= 0).all())
        ends = [ratio.difference_interval(first <= k, second <= k) for k in ks]
        series.append(
            Series(
                name,
                ks,
                tuple(100 * float(np.mean(first <= k) - np.mean(second <= k)) for k in ks),
                tuple(100 * low for low, _ in ends),
                tuple(100 * high for _, high in ends),
            )
        )
        rows.append((name, *(_difference(first <= k, second <= k) for k in columns)))
    return Section(
        "Figure 2a: recall by cosine minus recall by L2",
        "In points of percent, with paired bootstrap intervals. Backbones of one row per image "
        "whose features have unit length have a difference of 0.",
        Table(("representation", *(f"@{k}" for k in columns)), tuple(rows)),
        printed_values.METRIC_DIFFERENCE,
        (
            Compared(
                "networks for which cosine is at least equal to L2 at every k",
                percentage(100.0),
                share(positive, len(rows)),
            ),
        ),
        (
            Chart(
                "lines",
                "k, number of retrieved images",
                "recall by cosine - recall by L2, percent points",
                tuple(series),
                log_x=True,
                levels=(Level("no difference", 0.0),),
            ),
        ),
    )


def figure_2b(question: Question) -> Section:
    """Recall at every k."""
    ranks = recall.ranks_of_each(question)
    gallery = len(subsets.open_subset(question.collection, question.subset).left)
    ks = log_spaced(gallery)
    columns = tuple(k for k in KS if k <= gallery)
    lines, bars, rows = [], [], []
    small = tuple(k for k in SMALL_KS if k <= gallery)
    for recipe, values in zip(question.recipes, ranks, strict=True):
        lines.append(_recall_series(recipe.label, values, ks, ks))
        bars.append(_recall_series(recipe.label, values, small, tuple(f"k = {k}" for k in small)))
        rows.append((recipe.label, *(_text(_recall(values, k)) for k in columns)))
    return Section(
        "Figure 2b: recall",
        table=Table(("representation", *(f"@{k}" for k in columns)), tuple(rows)),
        printed=printed_values.RECALL,
        compared=tuple(
            Compared(
                f"best network, recall@{k}",
                _printed_recall(BEST_PRINTED, k),
                max((_recall(values, k) for values in ranks), key=lambda amount: amount.value),
            )
            for k in columns
        ),
        charts=(
            Chart(
                "lines",
                "k, number of retrieved images",
                "recall, % of queries",
                tuple(lines),
                "At every k",
                log_x=True,
            ),
            Chart(
                "bars",
                "number of retrieved images",
                "recall, % of queries",
                tuple(bars),
                "At the first ranks",
            ),
        ),
    )


def table_1(question: Question) -> Section:
    """Recall at a few cut-offs, the worst backbone first as in the paper."""
    pairs = len(subsets.open_subset(question.collection, question.subset).left)
    ks = [k for k in KS if k <= pairs]
    ranks = dict(zip(question.recipes, recall.ranks_of_each(question), strict=True))
    order = sorted(ranks, key=lambda recipe: int((ranks[recipe] == 1).sum()))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (recipe.label, *(_short(_recall(ranks[recipe], k)) for k in ks)) for recipe in order
    )
    best = ranks[order[-1]] == 1
    own = {_paper_name(recipe): values for recipe, values in ranks.items()}
    best_printed = printed_values.RECALL.value(BEST_PRINTED, "@1")
    compared = [
        Compared(
            f"best network, recall@{k} ({BEST_PRINTED} printed, {order[-1].label} here)",
            _printed_recall(BEST_PRINTED, k),
            _recall(ranks[order[-1]], k),
        )
        for k in ks
    ]
    for name, *_ in printed_values.RECALL.rows:
        values = own.get(str(name))
        printed = printed_values.RECALL.value(str(name), "@1")
        compared.append(
            Compared(
                f"{name}, recall@1",
                _printed_recall(str(name), 1),
                None if values is None else _recall(values, 1),
                comparisons.printed_ratio(printed, best_printed),
                None if values is None else comparisons.ratio(values == 1, best),
            )
        )
    return Section(
        "Table 1: recall in percent",
        f"Pairs: {subsets.SUBSETS.get(question.subset, question.subset)}. Best single: "
        f"{BEST_PRINTED} in the paper, {order[-1].label} here.",
        Table(("network", *(f"@{k}" for k in ks)), rows),
        printed_values.RECALL,
        tuple(compared),
    )


def table_2a(question: Question) -> Section:
    """Associative recall of the backbone with the most hits at 1."""
    best, _ = _best(question)
    (result,) = recall.associative_recall(question.with_recipes(best)).recipes
    own = {row.m: percentage(100 * row.exact, *(100 * e for e in row.ci95)) for row in result.rows}
    simulated = {
        row.m: f"{100 * row.simulated:.2f} ± {100 * row.spread:.2f}" for row in result.rows
    }
    printed = {
        int(str(m)): printed_values.ASSOCIATIVE.value(str(m), "% correct")
        for m, _ in printed_values.ASSOCIATIVE.rows
    }
    sizes = tuple(own)
    chart = Chart(
        "lines",
        "m, number of images to choose from",
        "correct, % of queries",
        (
            Series(
                f"here, {best.label}",
                sizes,
                tuple(amount.value for amount in own.values()),
                tuple(amount.low or 0.0 for amount in own.values()),
                tuple(amount.high or 0.0 for amount in own.values()),
            ),
            Series("printed", tuple(printed), tuple(printed.values())),
            Series("chance", sizes, tuple(100 / m for m in sizes)),
        ),
        log_x=True,
    )
    return Section(
        "Table 2a: associative recall",
        f"With {best.label}, the best single backbone. Exact: expected over all draws; simulated: "
        "mean and deviation of 10 draws per query, as in the paper.",
        Table(
            ("m", "% correct, exact", "% correct, simulated"),
            tuple((str(m), _text(amount), simulated[m]) for m, amount in own.items()),
        ),
        printed_values.ASSOCIATIVE,
        tuple(
            Compared(
                f"{m} images",
                percentage(printed[m]) if m in printed else None,
                own.get(m),
            )
            for m in sorted({*printed, *own})
        ),
        (chart,),
    )


def figure_3(question: Question) -> Section:
    """Retrieval errors of the backbone with the most hits at 1."""
    best, _ = _best(question)
    rows = retrievals.failures(question, best, count=FAILURES, k=RETRIEVED)
    return Section(
        "Figure 3: retrieval errors",
        f"{len(rows)} queries drawn at random (seed {retrievals.SEED}) from those whose mate is "
        f"not among the first {RETRIEVED} of {best.label}, the best single backbone.",
        pictures=rows,
    )


def figure_5c(question: Question) -> Section:
    """Faces per image, and faces in both images of a pair."""
    collection = collections.open_(question.collection)
    ready = [name for name in DETECTORS if features.is_ready(collection, name)]
    detector = ready[0] if ready else DETECTORS[-1]
    counts = subsets.face_report(question.collection, detector=detector)
    total = np.array(counts.table)
    labels = (*(str(n) for n in range(len(total) - 1)), f"{len(total) - 1} or more")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"left {label}", *row) for label, row in zip(labels, counts.table, strict=True)
    )
    images = [share(round(part * counts.images), counts.images) for part in counts.histogram]
    by_left_count = [
        _bars(f"left image: {label}", labels, [share(int(n), int(row.sum())) for n in row])
        for label, row in zip(labels, total, strict=True)
        if row.sum()
    ]
    left, both = int(total[1:].sum()), int(total[1:, 1:].sum())
    return Section(
        "Figure 5c: faces in both images of a pair",
        f"Detector: {counts.detector}, {subsets.DETECTORS[counts.detector]}.",
        Table(("faces", *(f"right {label}" for label in labels)), rows),
        printed_values.DETECTED_FACES,
        (
            Compared("images with a face", None, _sum(images[1:], counts.images)),
            Compared("images with more than one face", None, _sum(images[2:], counts.images)),
            Compared("face on the right, if one on the left", None, share(both, left)),
        ),
        (
            Chart(
                "bars",
                "detected faces",
                "% of images",
                (_bars("images", labels, images),),
                "Faces per image",
            ),
            Chart(
                "bars",
                "detected faces in the right image",
                "% of the pairs with so many faces on the left",
                tuple(by_left_count),
                "Agreement of the two sides",
            ),
        ),
    )


def section_4_2_votes(question: Question) -> Section:
    """Pearson correlation of the votes with distance, as in the paper."""
    rows, compared = [], []
    best, _ = _best(question)
    for row in recall.votes(question).rows:
        if row.correlation.name != "pearson":
            continue
        # The paper correlates with distance; higher similarity is smaller distance.
        r = row.correlation
        amount = comparisons.coefficient(-r.value, -r.high, -r.low)
        rows.append((row.recipe, row.votes, amount.text, f"{r.p:.2g}"))
        if row.recipe == best.label:
            compared.append(
                Compared(
                    f"r of {row.votes}-votes and distance (densenet121 printed, {best.label} here)",
                    comparisons.coefficient(printed_values.VOTES.value(row.votes, "r")),
                    amount,
                )
            )
    return Section(
        "Votes and distance",
        "Pearson's r with distance, as in the paper: negative where pairs with more votes are more "
        "alike.",
        Table(("network", "votes", "r with distance [95 % CI]", "p"), tuple(rows)),
        printed_values.VOTES,
        tuple(compared),
    )


def near_duplicates(question: Question) -> Section:
    """Pairs that are left without near-duplicates."""
    result = subsets.find_duplicates(question.collection)
    pairs = len(collections.open_(question.collection).left)
    own = {"TLLd": result.kept.get("tlld-paper"), "TLLobj": result.kept.get("tllobj-paper")}
    return Section(
        "Near-duplicates: pairs left",
        f"Near-duplicates by {result.by}; the paper's thresholds belong to densenet121.",
        Table(("subset", "pairs"), (("all", pairs), *result.kept.items())),
        printed_values.SUBSETS,
        tuple(
            Compared(
                f"{name}, share of all pairs",
                share(PAIRS[name], PAIRS["TLL"]),
                None if kept is None else share(kept, pairs),
            )
            for name, kept in own.items()
        ),
    )


STEPS = [
    PaperStep("Figure 1", figure_1),
    PaperStep(
        "Section 4.2", section_4_2_faces, printed_values.FACES, question_steps.duplicate_inputs
    ),
    PaperStep("Figure 2a", figure_2a, printed_values.METRIC_DIFFERENCE),
    PaperStep("Figure 2b", figure_2b, printed_values.RECALL),
    PaperStep("Table 1", table_1, printed_values.RECALL),
    PaperStep("Table 2a", table_2a, printed_values.ASSOCIATIVE),
    PaperStep(
        "Table 2b",
        rosenfeld2018_people.table_2b,
        printed_values.HUMANS,
        question_steps.people_inputs,
    ),
    PaperStep("Figure 3", figure_3),
    PaperStep(
        "Figure 4", rosenfeld2018_people.figure_4, further_inputs=question_steps.people_inputs
    ),
    PaperStep(
        "Figures 5a, 5b",
        rosenfeld2018_people.figures_5a_5b,
        printed_values.AGREEMENT,
        question_steps.people_inputs,
    ),
    PaperStep(
        "Section 4.3",
        rosenfeld2018_people.positions,
        printed_values.POSITIONS,
        question_steps.people_inputs,
    ),
    PaperStep("Figure 5c", figure_5c, printed_values.DETECTED_FACES, question_steps.face_inputs),
    PaperStep("Figure 6", figure_6),
    PaperStep("Votes", section_4_2_votes, printed_values.VOTES),
    PaperStep(
        "Near-duplicates", near_duplicates, printed_values.SUBSETS, question_steps.duplicate_inputs
    ),
]


def log_spaced(gallery: int) -> tuple[int, ...]:
    """At most `MAX_POINTS` cut-offs from 1 to G, evenly spaced on a logarithmic axis.

    >>> log_spaced(4)
    (1, 2, 3, 4)
    """
    points = np.unique(np.rint(np.geomspace(1, max(gallery, 1), MAX_POINTS)).astype(int))
    return tuple(points.tolist())


def _best(question: Question) -> tuple[Recipe, Array]:
    """The single backbone with the most hits at 1, and (Q,) its ranks."""
    ranks = recall.ranks_of_each(question)
    hits = [int((values == 1).sum()) for values in ranks]
    place = hits.index(max(hits))
    return question.recipes[place], ranks[place]


def _recall(ranks: Array, k: int) -> Amount:
    return share(int((ranks <= k).sum()), len(ranks))


def _recall_series(
    label: str, ranks: Array, ks: tuple[int, ...], x: tuple[float | str, ...]
) -> Series:
    amounts = [_recall(ranks, k) for k in ks]
    return Series(
        label,
        x,
        tuple(amount.value for amount in amounts),
        tuple(amount.low or 0.0 for amount in amounts),
        tuple(amount.high or 0.0 for amount in amounts),
    )


def _bars(label: str, names: tuple[str, ...], amounts: list[Amount]) -> Series:
    return Series(
        label,
        names,
        tuple(amount.value for amount in amounts),
        tuple(amount.low or 0.0 for amount in amounts),
        tuple(amount.high or 0.0 for amount in amounts),
    )


def _sum(amounts: list[Amount], total: int) -> Amount:
    return share(sum(amount.count or 0 for amount in amounts), total)


def _printed_recall(network: str, k: int) -> Amount | None:
    """A printed percentage with the hits that it was computed from, and so with its interval."""
    if f"@{k}" not in printed_values.RECALL.columns:
        return None
    percent = printed_values.RECALL.value(network, f"@{k}")
    return share(round(percent * PAIRS["TLLd"] / 100), PAIRS["TLLd"])


def _paper_name(recipe: Recipe) -> str:
    """The name that Table 1 has for a backbone."""
    name = recipe.backbones[0].removeprefix("torchvision:").removeprefix("timm:")
    return BEST_PRINTED if name == "conv" else name.partition(".")[0]


def _difference(first: Array, second: Array) -> str:
    low, high = ratio.difference_interval(first, second)
    value = 100 * float(first.mean() - second.mean())
    return f"{value:+.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def _short(amount: Amount) -> str:
    return f"{amount.value:.2f} [{amount.low:.1f}, {amount.high:.1f}]"


def _text(amount: Amount | None) -> str:
    return "" if amount is None else amount.text
