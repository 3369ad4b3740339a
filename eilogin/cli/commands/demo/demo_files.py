"""The files under ``var/`` that the ini file of the demo names."""

import os
from collections.abc import Iterator
from pathlib import Path

from eilogin import config
from eilogin.cli.commands.demo.demo_metadata import member_files_in, operator_folder_of
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_members import is_member, parts_of
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import ConfigurationError
from eilogin.registry import OPTIONS
from eilogin.stores.store_locations import FILE_SUFFIXES, file_of


class DemoFiles:
    """The files that the sections of a ``paste.ini`` name, all under ``var/``.

    Raises ``InvalidOptions`` for a faulty file. Methods raise ``ConfigurationError`` if
    an option is missing or wrong, or names a file elsewhere.
    """

    def __init__(self, file: Path) -> None:
        self.ini = IniFile.read(file)
        self.var = file.parent / "var"
        self.parts = parts_of(self.ini)
        self.members = [part for part in self.parts if is_member(part)]

    def path(self, part: Part, option: str) -> Path:
        """Return the file that a required option names."""
        value = part.options.get(option, "").strip()
        if not value:
            raise self._option_error(part, option, "is required")
        return self._inside_var(Path(value), part, option)

    def _inside_var(self, path: Path, part: Part, option: str) -> Path:
        path = Path(os.path.normpath(self.var.parent / path))
        if not self._is_inside_var(path):
            expected = f"the demo makes files only under {self.var}"
            raise self._option_error(part, option, f"found '{path}'; {expected}")
        return path

    def _option_error(self, part: Part, option: str, fault: str) -> ConfigurationError:
        return ConfigurationError(f"{self.ini.path}: [{part.title}] {option}: {fault}")

    def federations(self) -> list[tuple[Path, Path]]:
        """Return each file of metadata, with the operator's certificate."""
        pairs = [
            (self.federation_of(part), self.path(part, "federation_certificate"))
            for part in self.members
        ]
        return list(dict.fromkeys(pairs))

    def federation_of(self, part: Part) -> Path:
        """Return the metadata; raise an error for several files or a certificate."""
        lines = config.split(part.options.get("federation", ""))
        if len(lines) > 1 or any(map(self._has_certificate, lines)):
            raise self._option_error(
                part,
                "federation",
                "the demo works with one file, signed with the key of "
                f"'federation_certificate'; found {' and '.join(map(repr, lines))}",
            )
        return self.path(part, "federation")

    def _has_certificate(self, line: str) -> bool:
        """Return whether a line holds two paths; a path may contain spaces."""
        folder = self.var.parent
        file, _, certificate = line.rpartition(" ")
        is_path = Path(certificate).is_absolute() or self._is_inside_var(
            folder / certificate
        )
        return bool(file) and is_path and self._is_inside_var(folder / file)

    def _is_inside_var(self, path: Path) -> bool:
        return Path(os.path.normpath(path)).is_relative_to(self.var)

    def of_option(self, name: str) -> list[Path]:
        """Return the files that an option names in any section."""
        paths = [
            self._inside_var(Path(value), part, name)
            for part in self.parts
            if (value := part.options.get(name, "").strip())
        ]
        return list(dict.fromkeys(paths))

    def secrets(self) -> list[Path]:
        """Return the files that options for secrets name as ``file:PATH``."""
        paths = [
            self._inside_var(Path(line.removeprefix("file:").strip()), part, option)
            for part in self.parts
            for option, value in part.options.items()
            if _is_secret(part, option)
            for line in config.split(value)
            if line.startswith("file:")
        ]
        return list(dict.fromkeys(paths))

    def _stores(self) -> list[Path]:
        paths = [
            self._inside_var(path, part, "store")
            for part in self.parts
            if (path := file_of(part.options.get("store", "").strip()))
        ]
        return list(dict.fromkeys(paths))

    def folders(self) -> list[Path]:
        """Return the folders that stores and copies of metadata need."""
        folders = [store.parent for store in self._stores()]
        folders += self.of_option("federation_folder")
        return [path for path in dict.fromkeys(folders) if path != self.var]

    def belongings(self) -> Iterator[Path]:
        """Yield all files that the demo or its store may have made."""
        for part in self.members:
            yield self.path(part, "key")
            yield self.path(part, "certificate")
        for federation, certificate in self.federations():
            yield from (federation, certificate, certificate.with_suffix(".key"))
            yield operator_folder_of(federation) / OPTIONS
            yield from member_files_in(operator_folder_of(federation))
        for store in self._stores():
            yield from (store.with_name(store.name + end) for end in FILE_SUFFIXES)
        yield from self.of_option("citizens")
        yield from self.secrets()


def _is_secret(part: Part, option: str) -> bool:
    declared = entry_points.options_of(part.entry_point)
    field = declared.model_fields.get(option) if declared else None
    return field is not None and config.is_secret(field.annotation)
