"""A section with an option of each type."""

from typing import Literal

from pydantic import model_validator

from eilogin.config import (
    Count,
    Flag,
    Lines,
    Options,
    PathPrefix,
    PublicURL,
    ReadableFile,
    ReadableFiles,
    Seconds,
    Secret,
    Secrets,
    Size,
    WebAddress,
    attempt,
    option,
    read,
)


class Sample(Options):
    """One option of each type."""

    hub: str = option("entityID of the hub")
    idle: Seconds = option("how long", default=900.0)
    wait: Seconds = option("how long", default="90s")
    passive: Flag = option("whether", default=False)
    protect: Lines = option("paths", default=(), shown="everything")
    public_url: PublicURL = option("where", default="https://uwv.example")
    prefix: PathPrefix = option("below", default="/eilogin")
    key: ReadableFile | None = option("key", default=None)
    secret: Secret | None = option("secret", default=None)
    secrets: Secrets = option("secrets", default=(), shown="none")
    keep: Size = option("how much", default="1m")
    at_once: Count = option("how many", default=3)
    other_url: PublicURL = option("elsewhere", default="")
    acs: Literal["artifact", "post"] = option("how", default="artifact")

    @model_validator(mode="after")
    def _idle_is_longer_than_wait(self):
        if self.idle < self.wait:
            raise ValueError("idle: should not be shorter than wait")
        return self


class Places(Options):
    """Files and addresses, as a federation has them."""

    files: ReadableFiles = option("files", default=())
    address: WebAddress = option("where", default="")


def sample(file="", **values):
    return read(Sample, {"__file__": str(file)}, {"hub": "x", **values})


def faults(declared, file, section, values):
    return attempt(declared, file, section, values)[1]


def fault_of(**values):
    (fault,) = faults(Sample, "app.ini", "filter:x", {"hub": "x", **values})
    assert (fault.file, fault.section) == ("app.ini", "filter:x")
    return fault
