"""Answers as judgement sets: triplets, rankings, odd-one-out, same or different."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore import csv_text
from simcore.data.answers.schema import Answer
from simcore.data.image_names import FileMatch, Matches
from simcore.data.judgements import judgement_catalog, triplet_sets
from simcore.data.judgements.psiz import WIDTH
from simcore.data.judgements.trial_draft import ImageNumbering, Shape, TrialDraft, TrialRow
from simcore.data.judgements.trials import JudgementSet, Rankings
from simcore.errors import BadDataError
from simcore.lab.people import given_answers, tasks
from simcore.lab.people.given_answers import GivenAnswers
from simcore.types import Collection, Monitor

KIND = "answers"  # of a judgement set that was made from an experiment
SEVERAL = "an answer among several pictures counts for every pair that it is part of"
RankedKeys = tuple[list[str], int]  # query, chosen and other images by key; how many are chosen


@dataclass(frozen=True)
class Comparison:
    """One query and two images by content key; `vote` is the share of `votes` that chose b."""

    query: str
    a: str
    b: str
    vote: float
    votes: int
    group: str


def triplets(name: str, min_catch: float = 0) -> str:
    """The answers as a CSV of triplets, `query,a,b,vote,group,votes`, with paths of files.

    Args:
        min_catch: leave out participants who passed a lower percentage of catch trials.

    Raises:
        UnknownNameError: no such experiment, or its collection was removed.
        BadDataError: its task has no query.
    """
    responses = given_answers.read(name, min_catch)
    comparisons = list(_comparisons(responses))
    file_of = {
        key: path
        for side in responses.collection.sides()
        for key, path in zip(side.keys, side.paths, strict=True)
    }
    # Paths below the folder of all images: a shorter name may be that of another image.
    common = Path(os.path.commonpath([path.parent for path in file_of.values()]))
    files = {}
    for key, path in file_of.items():
        inner = path.relative_to(common)
        files[key] = inner.as_posix() if len(inner.parts) > 1 else f"{common.name}/{path.name}"
    rows = []
    for comparison in comparisons:
        paths = [files[key] for key in (comparison.query, comparison.a, comparison.b)]
        rows.append([*paths, f"{comparison.vote:g}", comparison.group, comparison.votes])
    return csv_text.write(["query", "a", "b", "vote", "group", "votes"], rows)


def judgements(
    name: str, save: str, *, min_catch: float = 0, monitor: Monitor = Monitor()
) -> JudgementSet:
    """Store the answers as a judgement set; its images stay where the collection has them.

    Choices of one image become triplets, rankings the triplets of margaritescu2024 (4.2), the
    other tasks trials of their own kind.

    Args:
        min_catch: leave out participants who passed a lower percentage of catch trials.

    Raises:
        UnknownNameError: no such experiment, or its collection was removed.
        BadDataError: there are no answers, or the set's name is taken.
    """
    responses = given_answers.read(name, min_catch)
    draft = make_draft(responses)
    if not draft.group:
        raise BadDataError(
            f"Nobody has answered {name!r} yet. Invite participants or import answers first."
        )
    return judgement_catalog.keep(
        lambda _: draft,
        name=save,
        kind=KIND,
        source=_source(name),
        trim=responses.collection.left.trim,
        monitor=monitor,
    )


def make_draft(responses: GivenAnswers) -> TrialDraft:
    """The trials of the answers, as a reader of files would return them."""
    task, images = responses.experiment.task, _Images(responses.collection)
    credits = responses.collection.credits
    if task == tasks.RANK.name:
        return _ranking_draft(responses, images)
    if task == tasks.ODD_ONE_OUT.name:
        odd = [TrialRow(images.rows(keys), 0.0, 1, group) for keys, group in odd_last(responses)]
        return images.draft("odd", odd, responses.notes, credits)
    if task == tasks.SAME_DIFFERENT.name:
        pairs = []
        for question, answers in responses.to_questions():
            if answers:
                same = sum(answer.option == tasks.SAME for answer in answers) / len(answers)
                items = images.rows([question.query_key, question.options[0][1]])
                pairs.append(TrialRow(items, same, len(answers), question.condition))
        return images.draft("same", pairs, responses.notes, credits)
    rows = [
        TrialRow(images.rows([c.query, c.a, c.b]), c.vote, c.votes, c.group)
        for c in _comparisons(responses)
    ]
    notes = (SEVERAL,) if responses.experiment.choices > 2 else ()
    return images.draft("triplets", rows, (*notes, *responses.notes), credits)


class _Images:
    """Images of a collection by content key, numbered as trials mention them."""

    def __init__(self, collection: Collection) -> None:
        self._numbering = ImageNumbering()
        self.named: dict[str, tuple[str, Path]] = {}  # key -> name, file
        for side_name, side in zip(("left", "right"), collection.sides(), strict=False):
            for image, path, key in zip(side.ids, side.paths, side.keys, strict=True):
                self.named.setdefault(key, (f"{side_name}:{image}", path))

    def rows(self, keys: Sequence[str]) -> list[int]:
        return [self._numbering.number(*self.named[key]) for key in keys]

    def draft(
        self,
        shape: Shape,
        rows: Sequence[TrialRow],
        notes: tuple[str, ...],
        credits: tuple[str, ...],
    ) -> TrialDraft:
        return TrialDraft.from_rows(shape, self._numbering, rows, notes=notes, credits=credits)


def _ranking_draft(responses: GivenAnswers, images: _Images) -> TrialDraft:
    """The similar and dissimilar triplets of each answer (margaritescu2024, 4.2)."""
    ranked = list(ranked_keys(responses))
    stimuli = list(dict.fromkeys(key for keys, _ in ranked for key in keys))
    row_of = {key: row for row, key in enumerate(stimuli)}
    shown = np.full((len(ranked), WIDTH), -1, np.int64)
    for n, (keys, _) in enumerate(ranked):
        shown[n, : len(keys)] = [row_of[key] for key in keys]
    names = [images.named[key][0] for key in stimuli]
    files = {images.named[key][0]: FileMatch(images.named[key][1]) for key in stimuli}

    def find(wanted: Iterable[str]) -> Matches:
        return {name: files[name] for name in wanted}

    chosen = np.array([count for _, count in ranked], np.int64)
    draft = triplet_sets.from_rankings(
        Rankings(tuple(names), shown, chosen), find, keep_alternatives=True
    )
    return replace(draft, notes=responses.notes, credits=responses.collection.credits)


def ranked_keys(responses: GivenAnswers) -> Iterator[RankedKeys]:
    """Each ranking: content keys of the query, the chosen images in order, and the others."""
    for question, answers in responses.to_questions():
        keys = [key for _, key in question.options]
        for answer in answers:
            chosen = _chosen(answer)
            unchosen = [key for n, key in enumerate(keys) if n not in chosen]
            yield [question.query_key, *(keys[n] for n in chosen), *unchosen], len(chosen)


def _chosen(answer: Answer) -> list[int]:
    return [answer.option] if answer.second < 0 else [answer.option, answer.second]


def odd_last(responses: GivenAnswers) -> Iterator[tuple[list[str], str]]:
    """Each odd-one-out answer: content keys with the odd one last, and the condition."""
    for question, answers in responses.to_questions():
        keys = [key for _, key in question.options]
        for answer in answers:
            similar = [key for n, key in enumerate(keys) if n != answer.option]
            yield [*similar, keys[answer.option]], question.condition


def existing_sets(name: str) -> list[str]:
    """Names of the judgement sets that were made from an experiment's answers."""
    source = _source(name)
    return [
        set_name
        for set_name in judgement_catalog.names()
        if judgement_catalog.summary(set_name).source == source
    ]


def unused_name(name: str) -> str:
    """A name for the next judgement set that is not taken."""
    taken = judgement_catalog.names()
    candidates = (f"{name[:60]}-{n}" for n in range(2, 1000))
    return (
        name
        if name not in taken
        else next(candidate for candidate in candidates if candidate not in taken)
    )


def _source(name: str) -> str:
    return f"experiment {name}"


def _comparisons(responses: GivenAnswers) -> Iterator[Comparison]:
    """For each two images of a question, how often which one was preferred.

    Of two images that are chosen in order, the first is preferred to all, the second to the rest.

    Raises:
        BadDataError: the task has no query, or only one image beside it.
    """
    if responses.experiment.task in {tasks.ODD_ONE_OUT.name, tasks.SAME_DIFFERENT.name}:
        raise BadDataError(
            f"The task {responses.experiment.task} compares no two images with a query, so its "
            "answers are no triplets. Store them as a judgement set instead."
        )
    for question, answers in responses.to_questions():
        keys = [key for _, key in question.options]
        for a, b, votes, vote in _pairs([_chosen(answer) for answer in answers], len(keys)):
            yield Comparison(question.query_key, keys[a], keys[b], vote, votes, question.condition)


def _pairs(chosen: list[list[int]], options: int) -> Iterator[tuple[int, int, int, float]]:
    """Options a and b, how many answers prefer one of them, and the share that prefers b."""
    for a in range(options):
        for b in range(a + 1, options):
            preferred = [next((n for n in picks if n in (a, b)), None) for picks in chosen]
            for_a, for_b = preferred.count(a), preferred.count(b)
            if votes := for_a + for_b:
                yield a, b, votes, for_b / votes
