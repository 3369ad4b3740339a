"""Refresh in a process of its own: start it, run it, relay its log.

No request waits for a refresh, and its memory is free afterwards. The child gets the
options on standard input, without the secrets. It inherits the open files of the lock
and its turn, so the system frees both when the child ends.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess  # nosec B404 # our own interpreter alone
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import eilogin
from eilogin.config import read
from eilogin.errors import ConfigurationError
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.refresh_tries import LONGEST
from eilogin.federation.refresh.usable_hubs import folder_of

_log = logging.getLogger("eilogin")

_AUDIT = "eilogin.audit"

#: Bytes of a child's output.
_MOST_OUTPUT = 1024 * 1024

RUN = "from eilogin.federation.refresh.refresh_process import run; run()"


# --- in the parent --------------------------------------------------------------------


def child_input(options: TrustOptions) -> bytes:
    """The options for a child, without the secrets."""
    return json.dumps(options.values_for(TrustOptions)).encode()


class Child:
    """A process that refreshes and keeps the files of ``locks`` open."""

    def __init__(self, locks: Sequence[int], child_input: bytes) -> None:
        self.status = 0
        with contextlib.ExitStack() as stack:
            # Files, because nobody reads or writes meanwhile.
            input_file = stack.enter_context(tempfile.TemporaryFile())
            self._output = stack.enter_context(tempfile.TemporaryFile())
            input_file.write(child_input)
            input_file.seek(0)
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [python(), "-c", RUN],
                stdin=input_file,
                stdout=subprocess.DEVNULL,
                stderr=self._output,
                pass_fds=locks,
                env=environment(),
                # So the child survives Ctrl-C and finishes cleanly.
                start_new_session=True,
            )
            input_file.close()
            stack.pop_all()
        self._deadline = time.monotonic() + LONGEST

    def is_done(self) -> bool:
        """Whether it has ended; kills it after ``LONGEST`` seconds."""
        status = self._process.poll()
        if status is None:
            if time.monotonic() > self._deadline:
                self._process.kill()
            return False
        self.status = status
        return True

    @property
    def is_read(self) -> bool:
        """Whether its output was read."""
        return self._output.closed

    def read_output(self) -> list[bytes]:
        """Read the lines of its standard error, once."""
        with self._output as file:
            file.seek(0)
            return file.read(_MOST_OUTPUT).splitlines()


def relay(lines: Iterable[bytes]) -> None:
    """Log the output of a child."""
    for line in lines:
        try:
            name, level, text = json.loads(line)
            logger = logging.getLogger({_AUDIT: _AUDIT}.get(name, "eilogin"))
        except (ValueError, TypeError):
            level, text, logger = logging.ERROR, line.decode("utf-8", "replace"), _log
        logger.log(level, "%s", text.rstrip())


def python() -> str:
    """The interpreter; in uWSGI and mod_wsgi ``sys.executable`` is another program."""
    executable = Path(sys.executable or "none")
    if executable.name.startswith("python"):
        return str(executable)
    return str(Path(sys.prefix) / "bin" / "python3")


def environment() -> dict[str, str]:
    """A child's environment: the same code, not that of the current folder."""
    folders = (folder or str(Path.cwd()) for folder in sys.path)
    path = os.pathsep.join(folder for folder in folders if not _has_another(folder))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def _has_another(folder: str) -> bool:
    """Whether another eilogin is in a folder, perhaps that of an application."""
    package = Path(folder, "eilogin")
    return package.is_dir() and not package.samefile(Path(eilogin.__file__).parent)


# --- in the child ---------------------------------------------------------------------


def run() -> None:
    """Refresh with options from standard input; log JSON lines to standard error."""
    # Even if the parent has ended.
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    os.nice(10)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JSONFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    config_file, values = json.loads(sys.stdin.buffer.read())
    try:
        options = read(TrustOptions, {"__file__": config_file}, values)
        folder = folder_of(options)
    except ConfigurationError as error:
        raise SystemExit(f"federation: refresh failed: {error}") from error
    if folder is not None:
        with contextlib.suppress(ConfigurationError):  # noted already
            refresh(options, folder)


class _JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return json.dumps([record.name, record.levelno, text])
