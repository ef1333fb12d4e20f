"""Workshop mode: every operation is a visitor's or the host's, and the host's are refused."""

import ast
import inspect
import subprocess
import sys

import pytest

from simcore.lab import permissions
from tests.conftest import ROOT

MODULES = dict(permissions.modules())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_operation_is_listed_once(name):
    """A new operation fails here until somebody decides whether visitors may use it."""
    visitors = permissions.VISITORS.get(name, "").split()
    host = permissions.HOST.get(name, "").split()
    assert sorted([*visitors, *host]) == sorted(permissions.operations(MODULES[name]))


def test_no_list_names_a_module_that_is_gone():
    assert {*permissions.VISITORS, *permissions.HOST} <= set(MODULES)


def test_interface_reaches_stateful_layers_through_operations_only():
    """`collections.thumbnails.thumb(...)` on a page would pass by the restriction."""
    wrong = []
    files = [*ROOT.glob("pages/*.py"), *ROOT.glob("simcore/ui/**/*.py"), ROOT / "app.py"]
    for path in files:
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        aliases = {
            alias.asname or alias.name: f"{node.module}.{alias.name}".removeprefix("simcore.lab.")
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simcore.lab")
            for alias in node.names
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = MODULES.get(aliases.get(node.value.id, ""))
                if inspect.ismodule(getattr(module, node.attr, None)):
                    wrong.append(f"{path.name}: {node.value.id}.{node.attr}")
        # A function that is imported by its name would stay the permitted one.
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simcore.lab."):
                module = MODULES.get(node.module.removeprefix("simcore.lab."))
                wrong += [
                    f"{path.name}: from {node.module} import {alias.name}"
                    for alias in node.names
                    if inspect.isfunction(getattr(module, alias.name, None))
                ]
    assert not wrong


SCRIPT = """
from simcore.errors import NotPermittedError
from simcore.lab import permissions
from simcore.lab.library import collections

def added_later(name):
    raise SystemExit("an operation in neither list was carried out")

added_later.__module__ = collections.__name__
collections.added_later = added_later
permissions.restrict()
permissions.restrict()  # once more changes nothing

modules = dict(permissions.modules())
for name, operations in permissions.HOST.items():
    for operation in operations.split():
        try:
            getattr(modules[name], operation)()
        except NotPermittedError:
            continue
        raise SystemExit(f"{name}.{operation} was not refused")
for operation in (collections.added_later, collections.remove):
    try:
        operation("tiny")
    except NotPermittedError as error:
        print(error)
print(collections.names())
"""


def test_a_restricted_process_refuses_all_that_is_not_the_visitors(tiny):
    """Also operations that are in neither list."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    refusal = "Workshop mode does not permit this. Ask the host to do it."
    assert done.stdout.splitlines() == [refusal, refusal, "['tiny']"]
