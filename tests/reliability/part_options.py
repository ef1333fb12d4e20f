"""Hostile text in every option and argument of every command."""

from collections.abc import Generator

from tests.reliability import commands, isolation
from tests.reliability.programme import Attempt, Work, part


@part("hostile text in every option of every command", seconds=240)
def options(work: Work) -> Generator[Attempt, None, None]:
    """Each value of the list in each parameter, in random order, then random mixtures."""
    folder = commands.prepare(work.folder)
    pairs = [
        (command, parameter)
        for command in commands.commands()
        for parameter in command.parameters
        if not parameter.flag
    ]
    tries = [(*pair, value) for pair in pairs for value in commands.HOSTILE]
    work.random.shuffle(tries)
    with isolation.no_processes():
        for number in range(work.count(9000)):
            if number < len(tries):
                command, parameter, value = tries[number]
            else:
                command, parameter = work.random.choice(pairs)
                value = commands.random_text(work.random)
            line = command.line(parameter, value)
            yield Attempt(
                f"{' '.join(command.path)} {parameter.name} {value[:40]!r}",
                commands.attempt(line, folder),
            )
