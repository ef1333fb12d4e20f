"""What the tests of learning share."""

from tests.learn.conftest import single_thread  # noqa: F401  a fixture of every module
