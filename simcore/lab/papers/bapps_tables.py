"""Tables 2 and 3 of rosenfeld2019 and the scores of all similarities, on BAPPS judgements."""

from collections.abc import Sequence
from functools import partial

from simcore.data.judgements.trials import JudgementSet, SameDifferent, Triplets
from simcore.errors import BadDataError
from simcore.lab import printed_values
from simcore.lab.judgements import agreement, pair_similarities, perceptual
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.judgements.perceptual import CombinationTable
from simcore.lab.papers import comparisons
from simcore.lab.papers.comparisons import Compared, percentage
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Section
from simcore.results import Cell, Table
from simcore.types import JSON, Score

SUMS = {"sum": "plain", "zsum": "normalized"}


def check(sets: Sequence[JudgementSet]) -> None:
    """Check that a report can be made on some sets.

    Raises:
        BadDataError: not at most one set of triplets and one of same-or-different pairs.
    """
    triplets = [judged for judged in sets if isinstance(judged.trials, Triplets)]
    pairs = [judged for judged in sets if isinstance(judged.trials, SameDifferent)]
    if len(triplets) > 1 or len(pairs) > 1 or len(triplets) + len(pairs) < len(sets):
        raise BadDataError(
            "Give at most one set of triplets and one of same-or-different pairs, such as "
            "bapps,bapps-jnd."
        )


def steps(sets: Sequence[JudgementSet], names: Sequence[str], inputs: JSON) -> tuple[Step, ...]:
    """2AFC and JND scores, and Tables 2 and 3.

    Args:
        sets: one of triplets, one of same-or-different pairs, or both.
        names: backbones and distances; each section uses those that are ready for its set.
        inputs: everything that the numbers depend on.
    """
    ordered = sorted(sets, key=lambda judged: not isinstance(judged.trials, Triplets))
    all_steps = [
        Step(f"Scores on {judged.name}", partial(judgement_scores, judged, names), inputs)
        for judged in ordered
    ]
    for judged in ordered:
        if isinstance(judged.trials, Triplets):
            all_steps += [
                Step("Table 2", partial(table_2, judged, names), inputs, printed_values.LAYERS),
                Step("Table 3", partial(table_3, judged, names), inputs, printed_values.MIXTURES),
            ]
    return tuple(all_steps)


def judgement_scores(judged: JudgementSet, names: Sequence[str]) -> Section:
    """Scores of people and of all similarities, per group."""
    question = JudgementQuestion(judged.name, _ready(judged, names), (pair_similarities.OWN,))
    result = agreement.table(question)
    groups = list(result.groups)
    rows: list[tuple[Cell, ...]] = [
        (f"people: {who}", *(_percent(scores[group]) for group in [*groups, agreement.ALL]))
        for who, scores in result.people.items()
    ]
    for row in sorted(result.rows, key=lambda row: -row.overall.value):
        cells = [_percent(row.groups[group]) for group in groups]
        rows.append((row.label, *cells, _percent(row.overall)))
    known_order = "The votes are a known order, not answers of people. "
    return Section(
        f"{judged.name}: {result.score}, percent",
        f"{'' if judged.votes == 'human' else known_order}Brackets: 95 % confidence intervals.",
        Table(("similarity", *groups, agreement.ALL), tuple(rows)),
    )


def table_2(judged: JudgementSet, names: Sequence[str]) -> Section:
    """Single layers of LPIPS."""
    ready = _ready(judged, names)
    nets = [net for net in perceptual.NETS if f"lpips-{net}" in ready]
    if not nets:
        reasons = {row.name: row.reason for row in pair_similarities.distances()}
        raise BadDataError(reasons["lpips-alex"] or "LPIPS is not among the models.")
    layers = perceptual.layer_table(JudgementQuestion(judged.name), nets).rows
    rows = tuple(
        (
            row.group,
            row.net,
            row.layer,
            _percent(row.score),
            round(100 * row.delta, 2),
            _percent(row.calibrated),
            _percent(row.uncalibrated),
        )
        for row in layers
    )
    own = {(_distortion(row.group), row.net): row for row in layers}
    compared = [
        Compared(
            f"{group}, {net}: best layer (printed {layer}, here "
            f"{own[key].layer if (key := (str(group), str(net))) in own else 'none'})",
            percentage(float(score or 0)),
            comparisons.of_score(own[key].score) if key in own else None,
        )
        for group, net, layer, score, _ in printed_values.LAYERS.rows
    ]
    columns = ("distortion", "net", "layer", "score", "delta", "calibrated", "all layers")
    return Section(
        "Table 2: single layers of LPIPS",
        "Layer 0 is the shallowest of five.",
        Table(columns, rows),
        printed_values.LAYERS,
        tuple(compared),
    )


def table_3(judged: JudgementSet, names: Sequence[str]) -> Section:
    """The best single and the best combined similarity of each distortion, plain and normalized."""
    ready = _ready(judged, names)
    distances = tuple(name for name in ready if pair_similarities.is_distance(name))
    rows: list[tuple[Cell, ...]] = []
    tables = {combine: _combinations(judged, ready, combine) for combine in SUMS}
    without = {c: _combinations(judged, distances, c) for c in SUMS} if distances else {}
    for combine, label in SUMS.items():
        extra = {row.group: row for row in without[combine].rows} if without else {}
        rows += [
            (
                row.group,
                label,
                row.single,
                _percent(row.single_score),
                " + ".join(row.several),
                _percent(row.several_score),
                _percent(extra[row.group].several_score) if extra else "",
                _rounded(row.held_out),
            )
            for row in tables[combine].rows
        ]
    columns = (
        *("distortion", "sum", "single", "single, %", "members", "combined, %"),
        *("without backbones, %", "held out, %"),
    )
    return Section(
        "Table 3: combinations",
        "The paper's are plain sums. Without backbones: the best combination of perceptual "
        "distances only, the values that the paper has in parentheses. Held out: selected on "
        "other triplets than it is scored on.",
        Table(columns, tuple(rows)),
        printed_values.MIXTURES,
        tuple(_compared_mixtures(tables, without)),
    )


def _compared_mixtures(
    tables: dict[str, CombinationTable], without: dict[str, CombinationTable]
) -> list[Compared]:
    plain = {_distortion(row.group): row for row in tables["sum"].rows}
    normalized = {_distortion(row.group): row for row in tables["zsum"].rows}
    extra = {_distortion(row.group): row for row in without["sum"].rows} if without else {}
    compared = []
    for group, single, _, combined, _, parenthesized in printed_values.MIXTURES.rows:
        name = str(group)
        row = plain.get(name)
        base = float(single or 0)
        compared.append(
            Compared(
                f"{name}: best single",
                percentage(base),
                comparisons.of_score(row.single_score) if row else None,
            )
        )
        for label, rows, printed in (
            ("best plain sum", plain, combined),
            ("best normalized sum", normalized, None),
            ("best plain sum without extra features", extra, parenthesized),
        ):
            own = rows.get(name)
            amount = comparisons.of_score(own.several_score) if own else None
            compared.append(
                Compared(
                    f"{name}: {label}",
                    percentage(float(printed)) if isinstance(printed, float) else None,
                    amount,
                    comparisons.printed_ratio(float(printed), base)
                    if isinstance(printed, float)
                    else None,
                    comparisons.number(amount.value / (100 * row.single_score.value))
                    if amount and row
                    else None,
                )
            )
    return compared


def _distortion(group: str) -> str:
    """The distortion of a group; the paper scores the validation part, "val/cnn" beside training.

    >>> _distortion("val/cnn"), _distortion("cnn"), _distortion("train/cnn")
    ('cnn', 'cnn', 'train/cnn')
    """
    return group.removeprefix("val/")


def _combinations(judged: JudgementSet, names: Sequence[str], combine: str) -> CombinationTable:
    question = JudgementQuestion(judged.name, tuple(names), combine=combine)
    return perceptual.combinations(question)


def _ready(judged: JudgementSet, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if pair_similarities.ready(judged, name))


def _rounded(held_out: float | None) -> Cell:
    return None if held_out is None else round(100 * held_out, 2)


def _percent(score: Score) -> str:
    amount = comparisons.of_score(score)
    return "" if amount is None else f"{amount.value:.2f} [{amount.low:.1f}, {amount.high:.1f}]"
