"""`simcore doctor` and `simcore jobs`."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json, table_files
from simcore.results import Table, format_bytes

if TYPE_CHECKING:
    from simcore.lab.doctor import DoctorReport
    from simcore.lab.jobs import Job


def doctor(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Delete damaged files that can be computed again; never answers."
        ),
    ] = False,
    full: Annotated[
        bool, typer.Option("--all", help="Also all packages, backbones and indexes.")
    ] = False,
    json: Json = False,
) -> None:
    """Check this installation: packages, device, disk, collections and answers.

    The exit status is 1 if there are problems.
    """
    from simcore.lab import doctor as lab_doctor

    report = lab_doctor.doctor(repair=repair)
    if json:
        output.document(report.to_dict())
    else:
        _print_report(report, full=full)
    raise typer.Exit(1 if report.problems else 0)


def _print_report(report: "DoctorReport", *, full: bool) -> None:
    ready = [name for name, state in report.backbones.items() if state == "ready"]
    size = format_bytes(sum(report.cache.folders.values()))
    answers = report.answers
    sizes = ", ".join(f"{name} ({count:,})" for name, count in report.collections.items())
    rows = [
        ("simcore", f"{report.packages['simcore']}, Python {report.python}"),
        ("device", f"{report.device} ({report.device_name})"),
        ("cache", f"{report.cache.root}: {size}, {format_bytes(report.cache.free)} free"),
        ("collections", _shortened(sizes) or "none"),
        ("backbones", f"{len(ready)} of {len(report.backbones)} ready"),
        ("answers", f"{answers.answers:,} to {answers.experiments:,} experiments"),
        ("database", answers.database),
    ]
    output.table(["", ""], rows, title="Installation")
    if full:
        _print_details(report, ready)
    for sentence in report.repaired:
        output.note(sentence)
    for problem in report.problems:
        output.note(f"! {problem}")
    if not report.problems:
        output.note("No problems.")
    if not full:
        output.note("--all lists packages, backbones, folders and indexes.")


def _shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


def _print_details(report: "DoctorReport", ready: list[str]) -> None:
    output.table(["package", "version"], list(report.packages.items()), title="Packages")
    output.note(f"Ready: {', '.join(ready)}")
    for name, state in report.backbones.items():
        if state != "ready":
            output.note(f"  {name}: {state}")
    for folder, size in report.cache.folders.items():
        output.note(f"Cache {folder}: {format_bytes(size)}")
    for row in report.indexes:
        index = row.index
        behind = f", {row.behind:,} rows newer than it (searched too)" if row.behind else ""
        output.note(
            f"Index of {row.backbone} ({index.kind}, {index.metric}): {index.rows:,} rows, "
            f"recall@10 {index.recall:.1%}{behind}"
        )


@table_files
def jobs(
    stop: Annotated[str, typer.Option(help="Stop this job; what it has finished is kept.")] = "",
    json: Json = False,
) -> None:
    """List long runs that the app started, with their progress, or stop one."""
    from simcore.lab import jobs as lab_jobs

    if stop:
        lab_jobs.stop(stop)
    listing = lab_jobs.jobs()
    rows = tuple((job.id, job.state, _progress(job), job.title) for job in listing)
    table = Table(("job", "state", "progress", "command"), rows)
    output.show([job.to_dict() for job in listing], table, json=json, empty="No jobs.")


def _progress(job: "Job") -> str:
    progress = job.progress
    return "" if progress is None else f"{progress.stage} {progress.done:,}/{progress.total:,}"
