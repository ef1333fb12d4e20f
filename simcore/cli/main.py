"""All commands in one tree; heavy libraries are imported when a command runs."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from simcore.cli import (
    bench,
    claims,
    collections,
    doctor,
    duels,
    evaluate,
    experiments,
    extract,
    features,
    judgements,
    leaderboard,
    learn,
    models,
    output,
    recipes,
    reproduce,
    review,
    search,
    serve,
)
from simcore.errors import SimError, Stopped

app = typer.Typer(
    name="simcore",
    help="Which images look alike to people, and which network sees it the same way?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(collections.app, name="collections")
app.add_typer(features.app, name="features")
app.add_typer(judgements.app, name="judgements")
app.add_typer(models.app, name="models")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(learn.app, name="learn")
app.add_typer(recipes.app, name="recipes")
app.add_typer(experiments.app, name="experiments")
app.add_typer(duels.app, name="duel")
app.add_typer(review.app, name="review")
app.command()(serve.demo)
app.command(name="app")(serve.serve)
app.command()(extract.extract)
app.command()(extract.index)
app.command()(search.search)
app.command()(reproduce.reproduce)
app.command()(claims.claims)
app.command(name="map")(search.map_)
app.command()(search.pair)
app.command()(doctor.doctor)
app.command()(doctor.jobs)
app.command(context_settings=bench.PASS_ON)(bench.bench)


INTERNAL_ERROR = 70  # exit status EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as in shells


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        output.lines([f"simcore {metadata.version('simcore')}"])
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def run(args: Sequence[str]) -> int:
    """Run one command line; whatever goes wrong, no traceback is printed.

    Returns:
        0 for success, 1 for unusable input or output, 2 for a misspelled command line, 70 for an
        error of simcore (its traceback is in a log file), 130 and 143 when interrupted.
    """
    output.accept_any_text()
    output.begin(_command_path(args) if "--json" in args else "")
    code = _guarded(lambda: _command(args), args)
    if code == INTERRUPTED:  # Typer makes this status of a KeyboardInterrupt, and says nothing
        code = _fail("Interrupted. What was finished is kept.", args, INTERRUPTED)
    # A full disk often shows only now, when the rest of the output is written.
    return _guarded(lambda: _flushed(code), args)


def _command(args: Sequence[str]) -> int:
    return int(tree()(args=list(args), prog_name="simcore", standalone_mode=False) or 0)


@cache
def tree() -> Any:
    """All commands and their options, built from `app` once per process."""
    return typer.main.get_command(app)


def _command_path(args: Sequence[str]) -> str:
    """The words of a command line that name the command, such as "evaluate recall"."""
    command, path = tree(), []
    for word in args:
        subcommands = getattr(command, "commands", {})
        if word not in subcommands:
            break
        command = subcommands[word]
        path.append(word)
    return " ".join(path)


def _flushed(code: int) -> int:
    sys.stdout.flush()
    return code


def _guarded(command: Callable[[], int], args: Sequence[str]) -> int:
    try:
        return command()
    except Stopped as error:
        return _fail(str(error), args, output.STOPPED)
    except SimError as error:
        return _fail(str(error), args)
    except typer.Exit as error:
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        output.discard()  # the reader (head, less) has closed the pipe
        return 0
    except MemoryError:
        return _fail("Not enough memory. Close other programs, or use fewer images.", args)
    except Exception as error:
        if isinstance(error, OSError) and (sentence := _system_message(error)):
            if error.filename is None:
                output.discard()
            return _fail(sentence, args)
        if hasattr(error, "format_message"):  # a usage error of Typer
            message = error.format_message()  # empty where the help was printed instead
            see = " ".join(["simcore", *_command_path(args).split(), "--help"])
            return _fail(f"{message} (see {see})", args, 2) if message else 2
        return _apologize(error, args)


def _system_message(error: OSError) -> str | None:
    """The sentence for an error that the system reports, not one that simcore made."""
    if error.errno not in {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG),
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ELOOP),
    }:
        return None
    if error.filename is None:
        return f"Cannot write the output ({error.strerror}). Write it to another place."
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    return f"Cannot use {str(name)[:200]!r} ({error.strerror}). Correct that, then try again."


def _apologize(error: Exception, args: Sequence[str]) -> int:
    from simcore.lab import error_log

    path = error_log.write(error, args)
    advice = f"Please report it with {path}." if path else "Set SIMCORE_CACHE to see its log."
    summary = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    sentence = f"Sorry, this is an error of simcore ({summary}). {advice}"
    return _fail(sentence, args, INTERNAL_ERROR)


def _fail(sentence: str, args: Sequence[str], code: int = 1) -> int:
    try:
        if "--json" in args:
            output.failure(sentence)
            sys.stdout.flush()
    except OSError:
        output.discard()
    output.note(f"simcore: {sentence}")
    return code
