"""Load lxml and xmlsec apart from another libxml2 of the same process.

Their wheels export the symbols of a libxml2 and an OpenSSL of their own, but the
dynamic linker uses the first library in the global scope. The server uWSGI links the
system's libxml2, and Apache loads it with mod_auth_mellon, mod_xml2enc and mod_php.
There, lxml would mix two versions of libxml2, and xmlsec refuses to be imported.

In such a process eilogin loads both with RTLD_DEEPBIND, so each binds to its own
symbols first. It does not if LD_PRELOAD sets a memory allocator: that flag skips the
allocator, but Python frees some memory of xmlsec, and would crash.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys

#: Symbols whose presence in the global scope would mislead the wheels.
_LIBXML2, _OPENSSL = "xmlReadMemory", "OPENSSL_init_crypto"

#: Not malloc: a program that takes its address has one of its own.
_C, _ALLOCATOR = "libc.so.6", "malloc_usable_size"

#: Modules to load; objectify, because an application may pass it elements of etree.
_LXML = "lxml.etree"
_MODULES = (_LXML, "lxml.objectify", "xmlsec")

BUILD = (
    "build lxml and xmlsec on the system's libxml2: apt install gcc pkg-config"
    " python3-dev libxml2-dev libxslt1-dev libxmlsec1-dev && pip install"
    " --force-reinstall --no-binary lxml,xmlsec 'lxml>=6,<7' 'xmlsec>=1.3.16,<1.4'"
)

_LOADED_EARLIER = (
    "a module imported lxml before eilogin. Expected `import eilogin` before the "
    "first import of lxml. Make it the first line of the WSGI file (with uWSGI "
    "and an ini file: the option `import = eilogin`)"
)
_OTHER_ALLOCATOR = (
    "the process uses another memory allocator than the C library's (jemalloc or "
    "tcmalloc in LD_PRELOAD?). Start it without that allocator"
)
_NO_DEEPBIND = (
    "the C library of this system (musl?) cannot separate them: it has no "
    "RTLD_DEEPBIND. Use a server without libxml2, such as gunicorn"
)


def load_apart() -> None:
    """Load lxml and xmlsec bound to themselves, if the process has a foreign library.

    Raise ImportError if that fails and lxml is bound to a foreign libxml2.
    """
    # Only Linux binds symbols across libraries.
    if sys.platform != "linux":
        return
    process = ctypes.CDLL(None)
    libxml2 = _address(process, _LIBXML2)
    if libxml2 is None and _address(process, _OPENSSL) is None:
        return
    if _loaded(_LXML) is not None:
        _require_own(libxml2, _LOADED_EARLIER)
    elif not hasattr(os, "RTLD_DEEPBIND"):
        _require_own(libxml2, _NO_DEEPBIND)
    elif _address(process, _ALLOCATOR) != _address(ctypes.CDLL(_C), _ALLOCATOR):
        _require_own(libxml2, _OTHER_ALLOCATOR)
    else:
        _import_deeply_bound()


def _require_own(libxml2: int | None, cause_and_cure: str) -> None:
    """Raise ImportError if lxml has a libxml2, and the process another one."""
    with contextlib.suppress(ImportError):
        importlib.import_module(_LXML)
    lxml = _loaded(_LXML)
    if lxml is not None and libxml2 not in (None, _address(lxml, _LIBXML2)):
        raise ImportError(
            "lxml uses another libxml2 than its own: that of uWSGI, or of an "
            "Apache module such as mod_auth_mellon, mod_xml2enc or mod_php. The "
            f"reason: {cause_and_cure}, or {BUILD}"
        )


def _import_deeply_bound() -> None:
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_DEEPBIND)
    try:
        for name in _MODULES:
            # Its own importer reports the cause.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    finally:
        sys.setdlopenflags(flags)


def _loaded(name: str) -> ctypes.CDLL | None:
    with contextlib.suppress(ImportError, OSError):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            return ctypes.CDLL(spec.origin, mode=os.RTLD_NOLOAD)
    return None


def _address(library: ctypes.CDLL, name: str) -> int | None:
    try:
        return ctypes.cast(library[name], ctypes.c_void_p).value
    except AttributeError:
        return None
