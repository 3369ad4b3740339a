"""Commands that run until a signal comes."""

import subprocess
import sys

#: A signal wherever it is while it waits.
IMPATIENT = """
import signal
import sys

from eilogin.cli.serving.stop_signals import signals


def anywhere(frame, event, argument):
    signal.raise_signal(signal.SIGTERM)
    return anywhere


with signals() as stop:
    sys.settrace(anywhere)
    stop.wait()
    sys.settrace(None)
print("stopped")
"""


def test_a_signal_may_come_at_any_moment_and_again():
    command = [sys.executable, "-c", IMPATIENT]
    assert subprocess.check_output(command, timeout=60) == b"stopped\n"
