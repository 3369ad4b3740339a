"""Refuse to be imported in a sub-interpreter, and name the cure.

Extension modules of pydantic and cryptography work only in the main interpreter.
mod_wsgi for Apache uses others by default, and uWSGI for all applications but the
first.
"""

import contextlib
import importlib

#: CPython's names for one module: since 3.13, and before.
_MODULES = ("_interpreters", "_xxsubinterpreters")


def refuse() -> None:
    """Raise ImportError if the running interpreter is not the main one."""
    for name in _MODULES:
        # They are not public. Without them, pydantic reports the fault.
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
