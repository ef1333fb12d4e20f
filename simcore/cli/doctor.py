"""`simcore doctor` and `simcore jobs`."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json
from simcore.results import format_bytes

if TYPE_CHECKING:
    from simcore.lab.doctor import DoctorReport
    from simcore.lab.jobs import Job


def doctor(json: Json = False) -> None:
    """Print package versions, the device, which weights are ready, and the cache's content."""
    from simcore.lab import doctor as lab_doctor

    report = lab_doctor.doctor()
    if json:
        output.document(report.to_dict())
        return
    _print_report(report)
    raise typer.Exit(1 if report.problems else 0)


def _print_report(report: "DoctorReport") -> None:
    output.table(["package", "version"], list(report.packages.items()), title="Installed")
    output.note(f"Python {report.python}, device {report.device} ({report.device_name})")
    ready = [name for name, state in report.backbones.items() if state == "ready"]
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
    free = format_bytes(report.cache.free)
    output.note(f"Cache root {report.cache.root}, {free} free on its disk")
    answers = report.answers
    output.note(
        f"Answers: {answers.answers:,} to {answers.experiments:,} experiments, in "
        f"{answers.database}"
    )
    for problem in report.problems:
        output.note(f"! {problem}")


def jobs(
    stop: Annotated[str, typer.Option(help="Stop this job; what it has finished is kept.")] = "",
    json: Json = False,
) -> None:
    """List long runs that the app started, with their progress, or stop one."""
    from simcore.lab import jobs as lab_jobs

    if stop:
        lab_jobs.stop(stop)
    listing = lab_jobs.jobs()
    if json:
        output.document([job.to_dict() for job in listing])
    elif not listing:
        output.note("No jobs.")
    else:
        rows = [(job.id, job.state, _progress(job), job.title) for job in listing]
        output.table(["job", "state", "progress", "command"], rows)


def _progress(job: "Job") -> str:
    progress = job.progress
    return "" if progress is None else f"{progress.stage} {progress.done:,}/{progress.total:,}"
