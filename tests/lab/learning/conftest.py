"""What the tests of learning share."""

from tests.training.conftest import single_thread  # noqa: F401  a fixture of every module
