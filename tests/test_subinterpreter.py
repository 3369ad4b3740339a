"""eilogin in an interpreter that is not the main one of its process."""

import subprocess
import sys

SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
    made = interpreters.create("legacy")  # As mod_wsgi makes them.
except ImportError:
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated=False)
interpreters.run_string(made, f'''
import sys
sys.path[:] = {sys.path}
try:
    import eilogin
except ImportError as error:
    print(error)
''')
"""


def test_refuses_to_be_imported_with_the_cure():
    command = [sys.executable, "-c", SUBINTERPRETER]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    output = ended.stdout
    assert output.startswith("eilogin was imported in a sub-interpreter"), ended
    assert "WSGIApplicationGroup %{GLOBAL}" in output
    assert "single-interpreter = true" in output
