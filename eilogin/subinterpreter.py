"""Refuse to be imported in a sub-interpreter, and name the cure.

pydantic and cryptography contain extension modules that work in the main interpreter of
a process only. By default, the Apache module mod_wsgi runs applications in
sub-interpreters. The server uWSGI does so with all but the first of a process.
"""

import contextlib
import importlib

#: CPython's own names for one module: 3.13 and later, and before.
_MODULES = ("_interpreters", "_xxsubinterpreters")


def refuse() -> None:
    """Raise ImportError if the running interpreter is not the main one."""
    for name in _MODULES:
        # They are no public interface. Without them, pydantic reports it.
        with contextlib.suppress(ImportError, AttributeError):
            module = importlib.import_module(name)
            if module.get_current() != module.get_main():
                break
    else:
        return
    raise ImportError(
        "eilogin was imported in a sub-interpreter, where pydantic and cryptography do"
        " not work. Expected the main interpreter of the process: write"
        " `WSGIApplicationGroup %{GLOBAL}` in the configuration of Apache (mod_wsgi),"
        " or `single-interpreter = true` in that of uWSGI"
    )
