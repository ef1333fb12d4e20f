"""All commands in one tree; heavy libraries are imported when a command runs."""

import os
import sys
from collections.abc import Sequence

import typer

from simcore.cli import (
    bench,
    collections,
    doctor,
    evaluate,
    experiments,
    extract,
    features,
    judgements,
    learn,
    models,
    reproduce,
    review,
    search,
    serve,
)
from simcore.errors import SimError

app = typer.Typer(
    name="simcore",
    help="Which images look alike to people, and which network sees it the same way?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(collections.app, name="collections")
app.add_typer(features.app, name="features")
app.add_typer(judgements.app, name="judgements")
app.add_typer(models.app, name="models")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(learn.app, name="learn")
app.add_typer(experiments.app, name="experiments")
app.add_typer(review.app, name="review")
app.command()(serve.demo)
app.command(name="app")(serve.serve)
app.command()(extract.extract)
app.command()(extract.index)
app.command()(search.search)
app.command()(reproduce.reproduce)
app.command(name="map")(search.map_)
app.command()(search.pair)
app.command()(doctor.doctor)
app.command()(doctor.jobs)
app.command(context_settings=bench.PASS_ON)(bench.bench)


def run(args: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        0 for success, 1 for unusable input, 2 for a misspelled command line, 130 and 143 when
        interrupted.
    """
    try:
        code = app(args=list(args), standalone_mode=False)
        return int(code or 0)
    except SimError as error:
        return _fail(str(error), args)
    except typer.Exit as error:
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("simcore: Interrupted. What was finished is kept.\n")
        return 130
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe; Python's own flush of stdout must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        sys.stderr.write(f"simcore: {error.format_message()} (see simcore --help)\n")
        return 2


def _fail(sentence: str, args: Sequence[str]) -> int:
    if "--json" in args:
        from simcore.cli import output

        output.document({"error": sentence})
    sys.stderr.write(f"simcore: {sentence}\n")
    return 1
