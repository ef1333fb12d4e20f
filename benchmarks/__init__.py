"""Benchmarks: each part of simcore, measured against what it could be (`python -m benchmarks`)."""
