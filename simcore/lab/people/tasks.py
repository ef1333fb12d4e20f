"""The tasks that an experiment can set: what is shown, and what counts as an answer."""

from dataclasses import dataclass

from simcore.errors import unknown_name


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: used on the command line and in addresses.
        title: for lists of tasks.
        source: where it comes from.
        drawn: images that are drawn for each query; 0 = as many as the plan says.
        answers: possible answers; 0 = as many as images are drawn.
        picks: how many images are chosen, in order.
        exposure, gap: ms that images are shown, and between two of them, unless the plan says
            otherwise; an exposure of 0 lasts until the answer.
    """

    name: str
    title: str
    source: str
    drawn: int = 0
    answers: int = 0
    picks: int = 1
    exposure: int = 0
    gap: int = 0

    @property
    def n_options(self) -> int:
        """Images among the options of a question; 0 = as many as the plan says."""
        return self.drawn + int(self.name == "odd-one-out")  # there the query is one of them

    def count_answers(self, choices: int) -> int:
        """The number of possible answers, given the choices of the plan.

        >>> get("mafc").count_answers(4), get("odd-one-out").count_answers(4)
        (4, 3)
        """
        return self.answers or self.drawn or choices


MAFC = Task("mafc", "Choose the most similar image", "rosenfeld2018, 4.3")
RANK = Task(
    "rank-8-2",
    "Rank the two most similar of eight",
    "margaritescu2024, Figure 1.1; psiz",
    drawn=8,
    picks=2,
)
TWO_AFC = Task("two-afc", "Which of two is more similar", "BAPPS 2AFC, NIGHTS", drawn=2)
ODD_ONE_OUT = Task("odd-one-out", "Find the odd one of three", "THINGS", drawn=2, answers=3)
# Zhang et al. 2018, 2.2: each image for one second, 250 ms between them.
SAME_DIFFERENT = Task(
    "same-different",
    "Same or different",
    "BAPPS JND",
    drawn=1,
    answers=2,
    exposure=1000,
    gap=250,
)
TASKS = {task.name: task for task in (MAFC, RANK, TWO_AFC, ODD_ONE_OUT, SAME_DIFFERENT)}
SAME, DIFFERENT = 0, 1  # answers to same or different


def get(name: str) -> Task:
    """A task by its name.

    Raises:
        UnknownNameError: no such task.
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]
