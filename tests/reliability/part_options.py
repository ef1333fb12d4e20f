"""Hostile text in every option and argument of every command."""

from collections.abc import Generator

from tests.reliability import commands, isolation
from tests.reliability.programme import Attempt, Work, part


@part("hostile text in every option of every command", seconds=130)
def options(work: Work) -> Generator[Attempt, None, None]:
    """Every parameter gets one value after another of the list, then random mixtures."""
    folder = commands.prepare(work.folder)
    pairs = [
        (command, parameter)
        for command in commands.commands()
        for parameter in command.parameters
        if not parameter.flag
    ]
    tries = []
    for pair in pairs:
        values = work.random.sample(commands.HOSTILE, len(commands.HOSTILE))
        tries += [(turn, work.random.random(), *pair, value) for turn, value in enumerate(values)]
    tries.sort(key=lambda item: item[:2])  # all parameters once, then all of them again
    work.notes.append(f"{len({c.path for c, _ in pairs})} commands, {len(pairs)} parameters")
    warm_up = ["evaluate", "participation", "tiny", "--models=hog,color"]
    commands.attempt(warm_up, folder, seconds=600)  # numba compiles, minutes on a busy machine
    with isolation.no_processes():
        for number in range(work.count(2000)):
            if number < len(tries):
                _, _, command, parameter, value = tries[number]
            else:
                command, parameter = work.random.choice(pairs)
                value = commands.random_text(work.random)
            line = command.line(parameter, value)
            yield Attempt(
                f"{' '.join(command.path)} {parameter.name} {value[:40]!r}",
                commands.attempt(line, folder),
            )
