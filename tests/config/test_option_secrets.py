"""Secrets, and the places that hold them."""

import pytest
from sample_options import Sample, fault_of, sample

from eilogin.config import read
from eilogin.errors import InvalidOptions


class TestASecret:
    def test_is_its_own_value(self):
        assert sample(secret=" gE:heim ").secret.get_secret_value() == b"gE:heim"

    def test_may_stand_in_a_file(self, tmp_path):
        (tmp_path / "secret").write_bytes(b"geheim\n")
        options = sample(tmp_path / "app.ini", secret="file:secret")
        assert options.secret.get_secret_value() == b"geheim"

    def test_may_stand_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("UWV_SECRET", "geheim")
        assert sample(secret="env:UWV_SECRET").secret.get_secret_value() == b"geheim"

    def test_may_come_from_systemd(self, tmp_path, monkeypatch):
        (tmp_path / "uwv").write_bytes(b"geheim")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert sample(secret="credential:uwv").secret.get_secret_value() == b"geheim"

    def test_may_have_older_ones_below_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("UWV_SECRET", "the secret of this year")
        (tmp_path / "old").write_bytes(b"the secret of last year\n")
        options = sample(tmp_path / "a.ini", secrets="env:UWV_SECRET\n\n  file:old\n")
        assert [secret.get_secret_value() for secret in options.secrets] == [
            b"the secret of this year",
            b"the secret of last year",
        ]

    @pytest.mark.parametrize("text", ["too short", "the secret of this year\nshort"])
    def test_of_several_each_is_long_enough(self, text):
        fault = fault_of(secrets=text)
        assert (
            fault.expected
            == "expected secrets of at least 16 bytes, each on its own line"
        )
        assert fault.found == "***"

    @pytest.mark.parametrize(
        ("text", "expected", "shown"),
        [
            (
                "env:NO_SUCH_NAME",
                "the environment variable NO_SUCH_NAME to be set",
                "'env:NO_SUCH_NAME'",
            ),
            (
                "file:/no/such/file",
                "a readable file at /no/such/file",
                "'file:/no/such/file'",
            ),
            ("env:no name!", "the environment variable behind 'env:'", "***"),
            ("credential:uwv", "systemd to pass credentials", "***"),
            (" ", "a secret that is not empty", "***"),
        ],
    )
    def test_that_is_not_there_is_a_fault(self, monkeypatch, text, expected, shown):
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        fault = fault_of(secret=text)
        assert expected in fault.expected
        assert fault.found == shown

    def test_is_shown_nowhere(self, monkeypatch):
        options = sample(secret="geheim")
        assert "geheim" not in repr(options) + str(options)
        with pytest.raises(InvalidOptions) as caught:
            read(Sample, {}, {"secret": "geheim", "sekret": "geheim"})
        assert "geheim" not in str(caught.value) + repr(caught.value)
        assert caught.value.__cause__ is None
