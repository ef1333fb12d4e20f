"""A real PostgreSQL server for tests, in a temporary folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path


class Cluster:
    """A PostgreSQL server in a temporary folder, reached through a socket in it alone."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.user = None
        self.folder = Path(tempfile.mkdtemp(prefix="simcore-pg-"))
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        self._run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "simcore",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        )

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        self._run(
            "pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """Without a goodbye: connections are cut, as when the machine goes down."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self._run("createdb", "-h", str(self.folder), "-U", "simcore", name)
        return f"postgresql://simcore@/{name}?host={self.folder}"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.programs / program, *words],
            user=self.user,
            cwd=self.folder,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, done.stderr.decode()
