"""Backbones whose features were computed elsewhere; see `simcore.models.imports`."""

from simcore.models import imports, registry
from simcore.models.spec import BackboneSpec


def spec(name: str) -> BackboneSpec:
    """The imported backbone of a name."""
    return imports.read(name).spec


registry.add_catalog(imports.GROUP, spec, imports.names, imports.exists)
