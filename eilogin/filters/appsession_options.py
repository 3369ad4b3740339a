"""The options of the filter ``appsession``."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from eilogin.config import Flag, Folder, Options, Seconds, Size, option
from eilogin.stores.beaker import BackendURL, open_backend


def _not_zero(size: int) -> int:
    if size == 0:
        raise ValueError(
            "a size such as '256k': with 0 the application could store nothing"
        )
    return size


#: The longest sealed text that memcached accepts with its usual limit.
_MOST_IN_MEMCACHED = 700 * 1024

#: The option with the place of each kind of backend; "" without one.
_WHERE: Mapping[str, str] = MappingProxyType(
    {
        "store": "",
        "memory": "",
        "file": "data_dir",
        "ext:database": "url",
        "ext:redis": "url",
        "ext:memcached": "url",
    }
)


class AppSessionOptions(Options, name="appsession"):
    """The options of ``[filter:…] use = egg:eilogin#appsession``."""

    type: Literal[
        "store", "memory", "file", "ext:database", "ext:redis", "ext:memcached"
    ] = option(
        "Chooses where the application's sessions are kept. ``store`` is "
        "the store of the filter ``session``. The others are backends of "
        "Beaker: ``memory`` (one process), ``file`` (needs ``data_dir``), "
        "and ``ext:database`` (SQLite), ``ext:redis`` and ``ext:memcached`` "
        "(need ``url``).",
        default="store",
    )
    data_dir: Folder | None = option(
        "Names the folder for ``type = file``. Only the user of the server "
        "should be able to write to it.",
        default=None,
    )
    url: BackendURL | None = option(
        "Sets the address for the types that begin with ``ext:``, such as "
        "``sqlite:///%(here)s/var/appsessions.db``, "
        "``redis://localhost:6379/1`` or ``localhost:11211``. It can also "
        "stand elsewhere: ``env:NAME``, ``file:PATH`` or "
        "``credential:NAME``.",
        default=None,
    )
    timeout: Seconds | None = option(
        "Empties a session that the application has not used for this long. "
        "Duration, such as ``30m``. Without it, a session lasts as long as "
        "the login.",
        default=None,
    )
    auto: Flag = option(
        "Stores the session whenever the application has changed it, "
        "without a call of ``save()``.",
        default=False,
    )
    max_size: Annotated[Size, AfterValidator(_not_zero)] = option(
        "Limits the size of a session as JSON. If a session is larger, "
        "eilogin does not store the change, and logs it. A size in bytes, "
        "``k`` (kilobytes) or ``m`` (megabytes).",
        default="256k",
    )

    @property
    def where(self) -> str:
        """The folder or address of a backend; "" if it needs none."""
        name = _WHERE[self.type]
        return str(getattr(self, name)) if name else ""

    def options_in_one_process(self) -> Iterator[str]:
        """See the base class."""
        yield from super().options_in_one_process()
        if self.type == "memory":
            yield "type"

    @model_validator(mode="after")
    def _has_place_of_type(self) -> "AppSessionOptions":
        needed = _WHERE[self.type]
        for name in ("data_dir", "url"):
            if (name == needed) != (getattr(self, name) is not None):
                verb = "needs one" if name == needed else "has none"
                raise ValueError(f"{name}: type = {self.type} {verb}")
        if self.type == "ext:memcached" and self.max_size > _MOST_IN_MEMCACHED:
            most = f"{_MOST_IN_MEMCACHED // 1024}k"
            raise ValueError(f"max_size: at most '{most}' with type = ext:memcached")
        if self.type != "store":
            try:
                open_backend(self.type, self.where)
            except ValueError as error:
                # Without the value: the option may refer to a secret elsewhere.
                raise ValueError(f"{needed}: expected {error}") from None
        return self
