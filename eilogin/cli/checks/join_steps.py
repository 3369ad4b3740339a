"""The steps that remain until a site is a member of its federation, in order.

A fault says what is wrong, and where; a step says who has to do what first.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from eilogin import config
from eilogin.cli.checks.peer_capabilities import Known
from eilogin.cli.inifiles.ini_drafts import is_address
from eilogin.cli.inifiles.ini_members import is_member, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import InvalidOptions
from eilogin.saml.signing_keys import fingerprints
from eilogin.shell_quoting import typed


def steps(
    file: IniFile, parts: Sequence[Part], known: Mapping[str, Known]
) -> list[str]:
    """List the steps for each section that is no member yet; none where all are.

    ``known`` holds the entities of each section whose federation can be read.
    """
    members = [part for part in parts if is_member(part)]
    sites = [_Site(file, part, known.get(part.title), members) for part in members]
    found = [
        *(step for site in sites for step in site.introduction()),
        *(step for site in sites for step in site.missing()),
        *(step for site in sites for step in site.admission()),
    ]
    if found:
        again = typed("eilogin check", file.path)
        found.append(f"see what is still missing:\n    {again}")
    # Sites of one file often have one federation.
    return list(dict.fromkeys(found))


class _Site:
    """One section, and the files that its options name."""

    def __init__(
        self, file: IniFile, part: Part, known: Known | None, members: Sequence[Part]
    ) -> None:
        self._file = file
        self._part = part
        self._is_alone = len(members) == 1
        self._is_stranger = known is not None and _is_stranger(known)

    def introduction(self) -> Iterator[str]:
        """The steps that introduce us to the operator."""
        if not (self._is_stranger or self._without_keys() or any(self.missing())):
            return
        command = typed("eilogin metadata", self._file.path, *self._section())
        command += typed(" >", f"{self._host()}.xml")
        to = f"send your metadata to {self._receiver()}:\n    "
        try:
            own = own_of_part(self._file, self._part)
        except InvalidOptions:
            # All other faults than a missing key are reported already.
            if self._without_keys():
                yield (
                    "make your key and its certificate, if you have none yet:\n  "
                    f"  {typed('eilogin join --wrap', self._file.path)}"
                )
            yield f"{to}{command}"
            return
        yield (
            f"{to}{command}\nand tell the fingerprint of your certificate by "
            "another way, such as the telephone:\n    "
            f"{fingerprints(own.key.certificate_text)}"
        )

    def _receiver(self) -> str:
        if self._has_no_operator():
            return "each party with metadata in 'federation'"
        return "the operator of the federation"

    def _has_no_operator(self) -> bool:
        """Whether each entity's own file is trusted, with no operator to sign it."""
        return self._said("federation_unsigned").lower() in {"true", "yes", "on", "1"}

    def _host(self) -> str:
        """Our host, if it is set: each site of a file gets a file of its own."""
        try:
            return urlsplit(self._said("public_url")).hostname or "metadata"
        except ValueError:
            return "metadata"

    def _without_keys(self) -> bool:
        """Whether the files for the keys are missing."""
        said = [self._said(name) for name in ("key", "certificate")]
        return all(text and not self._path(text).exists() for text in said)

    def missing(self) -> Iterator[str]:
        """The steps to get the operator's certificate and metadata."""
        for line in config.split(self._said("federation_certificate")):
            certificate = self._path(line)
            if not certificate.exists():
                yield (
                    "get the operator's certificate, and put it into\n    "
                    f"{certificate}\ncheck its fingerprint with the operator by "
                    "another way, such as the telephone"
                )
        lines = config.split(self._said("federation"))
        if not lines:
            yield (
                "get the federation's metadata from the operator, as an address "
                "or a file,\nfor the option 'federation', and the operator's "
                "certificate for 'federation_certificate'"
            )
        for line in lines:
            # A certificate may follow the file, and more; and the folder of the ini
            # file may have spaces in its name.
            path = self._path(line)
            name = line.removeprefix(f"{self._path('')}/")
            is_file = not is_address(line) and " " not in name
            if is_file and not path.exists():
                source = "the federation's metadata from the operator, with you in it,"
                if self._has_no_operator():
                    source = "the metadata of that party"
                yield f"get {source} and put it into\n    {path}"

    def admission(self) -> Iterator[str]:
        """The steps if the operator's metadata exists and does not name us."""
        if not self._is_stranger:
            return
        lines = config.split(self._said("federation"))
        files = [self._path(line) for line in lines if not is_address(line)]
        then = f"; then put it into\n    {files[0]}" if files else ""
        yield (
            "wait until the operator has added you to the federation, and signed "
            f"it again{then}"
        )

    def _section(self) -> Sequence[str]:
        return () if self._is_alone else ("--section", self._part.title)

    def _said(self, option: str) -> str:
        return self._part.options.get(option, "").strip()

    def _path(self, text: str) -> Path:
        return self._file.path.absolute().parent / text


def _is_stranger(known: Known) -> bool:
    """Whether the federation has members, but not us."""
    members = {entity.entity_id for entity in known.federation.entities}
    return known.federation.is_aggregate and known.own.entity_id not in members
