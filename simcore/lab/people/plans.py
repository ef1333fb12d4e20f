"""How an experiment is drawn: its task, its conditions, its timing."""

from dataclasses import dataclass

from simcore.errors import BadDataError
from simcore.lab.people import tasks
from simcore.lab.people.tasks import Task

RANDOM = "random"
MATES = "mates"  # same or different: a query and its mate
DISAGREEMENT = "disagreement:"  # before backbones, joined by +
MAX_QUESTIONS, MAX_CONSENT, MAX_CONDITIONS = 2000, 5000, 12
MIN_EXPOSURE, MAX_EXPOSURE, MAX_GAP = 17, 60_000, 10_000  # ms; 17 is one frame at 60 Hz


@dataclass(frozen=True)
class Condition:
    """One condition of an experiment.

    Attributes:
        by: what chooses the images: "random"; a backbone, whose nearest images they are;
            "disagreement:hog+color", on which these backbones disagree most; or "mates".
        subset: of the collection's pairs, a name of `subsets.SUBSETS`.
        count: number of questions.
    """

    by: str
    subset: str = "all"
    count: int = 20

    @property
    def name(self) -> str:
        """The label that answers are grouped by.

        >>> Condition("face", "tlld").name, Condition("random").name
        ('face, tlld', 'random')
        """
        return self.by if self.subset == "all" else f"{self.by}, {self.subset}"

    @property
    def committee(self) -> tuple[str, ...]:
        """The backbones whose disagreement chooses the images; none for other conditions.

        >>> Condition("disagreement:hog+color").committee, Condition("hog").committee
        (('hog', 'color'), ())
        """
        if not self.by.startswith(DISAGREEMENT):
            return ()
        return tuple(name for name in self.by.removeprefix(DISAGREEMENT).split("+") if name)


@dataclass(frozen=True)
class Plan:
    """How an experiment is drawn.

    Attributes:
        choices: images to choose from, 2 to 9, including the mate; the other tasks have their own
            number, which replaces it.
        catch: number of catch trials (the answer is obvious).
        seed: draws the questions and shuffles each participant's order.
        consent: text that a participant agrees to first; "" for none.
        task: a name of `tasks.TASKS`.
        exposure: ms that images are shown, 0 for until the answer; None for that of the task.
        gap: ms between two images that are shown one after the other; None for that of the task.
    """

    conditions: tuple[Condition, ...]
    choices: int = 5
    catch: int = 0
    seed: int = 0
    consent: str = ""
    task: str = tasks.MAFC.name
    exposure: int | None = None
    gap: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", self.rules.count_answers(self.choices))
        if not 2 <= self.choices <= 9:
            raise BadDataError(f"A question has 2 to 9 choices, not {self.choices}.")
        self._check_conditions()
        if not 0 <= self.seed < 2**31:
            raise BadDataError(f"The seed must be 0 to {2**31 - 1:,}, not {self.seed}.")
        if len(self.consent) > MAX_CONSENT:
            raise BadDataError(
                f"The consent text has {len(self.consent):,} characters. "
                f"Shorten it to {MAX_CONSENT:,}."
            )
        if self.exposure_ms and not MIN_EXPOSURE <= self.exposure_ms <= MAX_EXPOSURE:
            raise BadDataError(
                f"Images are shown for {MIN_EXPOSURE} to {MAX_EXPOSURE:,} ms, or 0 for until the "
                f"answer; got {self.exposure_ms}."
            )
        if not 0 <= self.gap_ms <= MAX_GAP:
            raise BadDataError(f"The gap must be 0 to {MAX_GAP:,} ms, not {self.gap_ms}.")

    def _check_conditions(self) -> None:
        if not 1 <= len(self.conditions) <= MAX_CONDITIONS:
            raise BadDataError(
                f"An experiment has 1 to {MAX_CONDITIONS} conditions, not {len(self.conditions)}."
            )
        if len({condition.name for condition in self.conditions}) < len(self.conditions):
            raise BadDataError("A condition is given twice. Give each one once.")
        counts = [condition.count for condition in self.conditions]
        if min(counts) < 1 or self.catch < 0 or sum(counts) + self.catch > MAX_QUESTIONS:
            raise BadDataError(
                f"Each condition needs at least one question, and all together, catch trials "
                f"included, at most {MAX_QUESTIONS:,}; got {counts} and {self.catch} catch trials."
            )
        for condition in self.conditions:
            if condition.by == MATES and self.rules is not tasks.SAME_DIFFERENT:
                raise BadDataError(
                    f"The condition {MATES!r} is for same-different; {self.task} needs several "
                    "images for each query. Use random or a backbone."
                )
            committee = condition.committee
            if condition.by.startswith(DISAGREEMENT) and len(set(committee)) < 2:
                raise BadDataError(
                    f"{condition.by!r} must name two or more different backbones, such as "
                    f"{DISAGREEMENT}hog+color."
                )

    @property
    def rules(self) -> Task:
        """What the task shows and what counts as an answer."""
        return tasks.get(self.task)

    @property
    def n_drawn(self) -> int:
        """Images that are drawn for each query."""
        return self.rules.drawn or self.choices

    @property
    def exposure_ms(self) -> int:
        """Time that images are shown; 0 = until the answer."""
        return self.rules.exposure if self.exposure is None else self.exposure

    @property
    def gap_ms(self) -> int:
        """Time between two images that are shown one after the other."""
        return self.rules.gap if self.gap is None else self.gap
