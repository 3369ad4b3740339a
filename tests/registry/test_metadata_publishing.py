"""Publish one generation of the signed metadata, whole."""

from pathlib import Path

import pytest
from key_pairs import key_pair
from sloppy import rich

from eilogin.registry import (
    Folder,
    make_folder,
    operator_key,
    publish,
    read_member,
    sign_all,
)
from eilogin.saml.metadata import read_federation

_DAY = 86_400


@pytest.fixture
def folder(tmp_path, clock):
    """The folder of a federation with one member, not signed yet."""
    for kind, octets in zip(("key", "crt"), key_pair("operator"), strict=True):
        (tmp_path / f"operator.{kind}").write_bytes(octets)
    path = tmp_path / "fed"
    make_folder(
        path, name="Proef", key="../operator.key", certificate="../operator.crt"
    )
    Folder(path).put(read_member("came.xml", rich(), on_loopback=False), "added")
    return Folder(path)


def test_publishes_one_generation_if_the_operator_signs_meanwhile(
    folder, tmp_path, clock, monkeypatch
):
    with operator_key(folder) as key:
        sign_all(folder, key, _DAY)
        before = folder.signed.read_bytes()
        clock.shift(60)
        sign_all(folder, key, 2 * _DAY)
        after = folder.signed.read_bytes()
        folder.signed.write_bytes(before)
        read_bytes = Path.read_bytes

        def read_and_sign_again(path):
            octets = read_bytes(path)
            if path == folder.signed:
                path.write_bytes(after)
            return octets

        monkeypatch.setattr(Path, "read_bytes", read_and_sign_again)
        publish(folder, tmp_path / "www", key)
    monkeypatch.undo()
    published = (tmp_path / "www/metadata.xml").read_bytes()
    ends = read_federation(published, [key.public]).valid_until
    responses = [path.read_bytes() for path in (tmp_path / "www/entities").iterdir()]
    assert {read_federation(r, [key.public]).valid_until for r in responses} == {ends}
    assert published == before
