"""The steps until a site is a member of its federation: who does what, in order."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from eilogin import config
from eilogin.cli.checks.peer_capabilities import CheckedTrust
from eilogin.cli.inifiles.ini_drafts import is_address
from eilogin.cli.inifiles.ini_members import is_member, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import InvalidOptions
from eilogin.saml.signing_keys import fingerprints
from eilogin.shell_quoting import typed


def steps(
    file: IniFile, parts: Sequence[Part], trust_by_section: Mapping[str, CheckedTrust]
) -> list[str]:
    """List the steps of each section that is no member yet."""
    members = [part for part in parts if is_member(part)]
    sites = [
        _Site(file, part, trust_by_section.get(part.title), members) for part in members
    ]
    remaining = [
        *(step for site in sites for step in site.introduction()),
        *(step for site in sites for step in site.missing()),
        *(step for site in sites for step in site.admission()),
    ]
    if remaining:
        command = typed("eilogin check", file.path)
        remaining.append(f"see what is still missing:\n    {command}")
    # Sites of one file often have one federation.
    return list(dict.fromkeys(remaining))


class _Site:
    def __init__(
        self,
        file: IniFile,
        part: Part,
        trust: CheckedTrust | None,
        members: Sequence[Part],
    ) -> None:
        self._file = file
        self._part = part
        self._is_alone = len(members) == 1
        self._is_missing = trust is not None and _is_missing_in(trust)

    def introduction(self) -> Iterator[str]:
        """Yield the steps that make us known to the operator."""
        if not (self._is_missing or self._lacks_keys() or any(self.missing())):
            return
        command = typed("eilogin metadata", self._file.path, *self._section())
        command += typed(" >", f"{self._host()}.xml")
        instruction = f"send your metadata to {self._receiver()}:\n    "
        try:
            own = own_of_part(self._file, self._part)
        except InvalidOptions:
            # All faults but a missing key are reported already.
            if self._lacks_keys():
                yield (
                    "make your key and its certificate, if you have none yet:\n  "
                    f"  {typed('eilogin join --wrap', self._file.path)}"
                )
            yield f"{instruction}{command}"
            return
        yield (
            f"{instruction}{command}\nand tell the fingerprint of your certificate by "
            "another way, such as the telephone:\n    "
            f"{fingerprints(own.key.certificate_text)}"
        )

    def _receiver(self) -> str:
        if self._has_no_operator():
            return "each party with metadata in 'federation'"
        return "the operator of the federation"

    def _has_no_operator(self) -> bool:
        return self._option("federation_unsigned").lower() in {"true", "yes", "on", "1"}

    def _host(self) -> str:
        try:
            return urlsplit(self._option("public_url")).hostname or "metadata"
        except ValueError:
            return "metadata"

    def _lacks_keys(self) -> bool:
        paths = [self._option(name) for name in ("key", "certificate")]
        return all(path and not self._path(path).exists() for path in paths)

    def missing(self) -> Iterator[str]:
        """Yield the steps to get the operator's certificate and metadata."""
        for line in config.split(self._option("federation_certificate")):
            certificate = self._path(line)
            if not certificate.exists():
                yield (
                    "get the operator's certificate, and put it into\n    "
                    f"{certificate}\ncheck its fingerprint with the operator by "
                    "another way, such as the telephone"
                )
        lines = config.split(self._option("federation"))
        if not lines:
            yield (
                "get the federation's metadata from the operator, as an address "
                "or a file,\nfor the option 'federation', and the operator's "
                "certificate for 'federation_certificate'"
            )
        for line in lines:
            # A certificate may follow the file, after a space. The folder of the ini
            # file may have spaces in its name too.
            path = self._path(line)
            name = line.removeprefix(f"{self._path('')}/")
            is_file = not is_address(line) and " " not in name
            if is_file and not path.exists():
                source = "the federation's metadata from the operator, with you in it,"
                if self._has_no_operator():
                    source = "the metadata of that party"
                yield f"get {source} and put it into\n    {path}"

    def admission(self) -> Iterator[str]:
        """Yield a step if the metadata exists and does not name us."""
        if not self._is_missing:
            return
        lines = config.split(self._option("federation"))
        files = [self._path(line) for line in lines if not is_address(line)]
        file_hint = f"; then put it into\n    {files[0]}" if files else ""
        yield (
            "wait until the operator has added you to the federation, and signed "
            f"it again{file_hint}"
        )

    def _section(self) -> Sequence[str]:
        return () if self._is_alone else ("--section", self._part.title)

    def _option(self, option: str) -> str:
        return self._part.options.get(option, "").strip()

    def _path(self, text: str) -> Path:
        return self._file.path.absolute().parent / text


def _is_missing_in(trust: CheckedTrust) -> bool:
    members = {entity.entity_id for entity in trust.federation.entities}
    return trust.federation.is_aggregate and trust.own.entity_id not in members
