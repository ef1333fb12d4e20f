"""`simcore doctor` and `simcore jobs`."""

from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json


def doctor(json: Json = False) -> None:
    """What is installed, which device is used, which weights are ready, what the cache holds."""
    from simcore.lab import doctor as lab_doctor

    found = lab_doctor.doctor()
    if json:
        output.document(found)
        return
    output.table(["package", "version"], list(found["packages"].items()), title="Installed")
    ready = [name for name, state in found["backbones"].items() if state == "ready"]
    output.note(f"Python {found['python']}, device {found['device']} ({found['device_name']})")
    output.note(f"Ready: {', '.join(ready)}")
    for name, state in found["backbones"].items():
        if state != "ready":
            output.note(f"  {name}: {state}")
    for folder, bytes_ in found["cache"]["folders"].items():
        output.note(f"Cache {folder}: {output.size(bytes_)}")
    for one in found["indexes"]:
        told = f"{one['rows']:,} rows, {one['recall']:.1%} of the true 10 found"
        behind = f", {one['behind']:,} rows behind (searched all the same)" if one["behind"] else ""
        output.note(f"Index of {one['backbone']} ({one['kind']}, {one['metric']}): {told}{behind}")
    cache = found["cache"]
    output.note(f"Cache root {cache['root']}, {output.size(cache['free'])} free on its disk")
    kept = found["answers"]
    count = f"{kept['answers']:,} to {kept['experiments']:,} experiments"
    output.note(f"Answers: {count}, in {kept['database']}")
    for problem in found["problems"]:
        output.note(f"! {problem}")
    raise typer.Exit(1 if found["problems"] else 0)


def jobs(
    stop: Annotated[str, typer.Option(help="End this job; what it finished is kept.")] = "",
    json: Json = False,
) -> None:
    """Long runs started from the app: how far they are, and a way to end them."""
    from simcore.lab import jobs as lab_jobs

    if stop:
        lab_jobs.stop(stop)
    found = lab_jobs.jobs()
    if json:
        output.document([lab_jobs.as_json(job) for job in found])
    elif not found:
        output.note("No jobs.")
    else:
        rows = [(j.id, j.state, _progress(j), j.title) for j in found]
        output.table(["job", "state", "progress", "command"], rows)


def _progress(job: object) -> str:
    progress = getattr(job, "progress", None)
    return "" if progress is None else f"{progress.stage} {progress.done:,}/{progress.total:,}"
