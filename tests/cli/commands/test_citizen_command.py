"""``eilogin citizen add``: a file that a hub reads, and secrets that nobody sees."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pyotp
import pytest
import segno
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.hub.signin.citizen_accounts import Citizens

PASSWORD, BSN = "een lang wachtwoord", "900000016"
ANNA = ("--username", "anna", "--name", "Anna de Vries")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "citizens.json"


@pytest.fixture
def add(file):
    """Run the command; standard input has the password, and maybe a BSN."""

    def call(*arguments, given=f"{PASSWORD}\n{BSN}\n"):
        command = ["citizen", "add", str(file), *(arguments or ANNA)]
        return CliRunner().invoke(main, command, input=given)

    return call


def test_adds_somebody_who_can_sign_in(file, add):
    result = add(*ANNA, "--email", "anna@example.nl")
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    citizens = Citizens.load(file)
    anna = citizens.verify("Anna", PASSWORD)
    assert (anna.name, anna.bsn) == ("Anna de Vries", BSN)
    assert anna.email == "anna@example.nl"
    assert citizens.verify_code(anna, citizens.current_code(anna))
    assert citizens.verify("anna", f"{PASSWORD}r") is None


@pytest.mark.parametrize("arguments", [ANNA, (*ANNA, "--print")])
def test_shows_no_password_and_stores_none(file, add, arguments):
    result = add(*arguments)
    kept = file.read_text() if file.exists() else result.output
    for text in (result.output, kept):
        assert PASSWORD not in text
    assert "$argon2id$" in kept


def test_shows_no_secret_to_what_is_no_terminal(file, add):
    result = add()
    (entry,) = json.loads(file.read_text())
    assert entry["totp_secret"] not in result.output
    assert BSN not in result.output


def test_keeps_the_others_and_the_mode(file, add):
    add()
    file.chmod(0o640)
    (before,) = json.loads(file.read_text())
    arguments = ("--username", "bram", "--name", "Bram", "--no-codes")
    assert add(*arguments, given=f"{PASSWORD}\n").exit_code == 0
    first, second = json.loads(file.read_text())
    assert first == before
    assert (second["username"], second["bsn"], second["totp_secret"]) == (
        "bram",
        "",
        "",
    )
    assert second["id"] != first["id"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_prints_an_entry_and_leaves_the_file(file, add):
    result = add(*ANNA, "--print")
    (entry,) = json.loads(result.output)
    assert entry["username"] == "anna"
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (ANNA, "short\n", "the password is too short; expected 8 characters or more"),
        (ANNA, "", "the password is too short; expected 8 characters or more"),
        (ANNA, f"{PASSWORD}\n900000017\n", "nine digits that pass the eleven-check"),
        (ANNA, f"{PASSWORD}\n90000001\n", "nine digits that pass the eleven-check"),
        (("--name", "Anna"), f"{PASSWORD}\n", "--username"),
    ],
)
def test_refuses_what_cannot_be(file, add, arguments, given, told):
    result = add(*arguments, given=given)
    assert result.exit_code == 2
    assert told in result.output
    assert "90000001" not in result.output
    assert not file.exists()


def test_refuses_a_name_that_somebody_has(file, add):
    add()
    before = file.read_bytes()
    result = add("--username", "ANNA", "--name", "Another")
    assert result.exit_code == 1
    assert "the citizen 'ANNA' exists already" in result.output
    assert file.read_bytes() == before


def test_refuses_a_file_that_no_hub_reads(file, add):
    file.write_text("{}")
    result = add()
    assert result.exit_code == 1
    assert "expected a JSON list of citizens" in result.output
    assert file.read_text() == "{}"


def test_asks_twice_without_an_echo_and_draws_the_code(file):
    """On a terminal, as a person sees it; the code has the secret in the file."""
    ours, theirs = pty.openpty()
    program = Path(sys.executable).with_name("eilogin")
    command = [program, "citizen", "add", file, *ANNA, "--issuer", "Inloggen"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = answered(
        ours,
        {
            b"not shown": PASSWORD,
            b"password again": PASSWORD,
            b"BSN (Enter": "900000017",
            b"eleven-check": BSN,
        },
    )
    assert process.wait(60) == 0, seen
    assert PASSWORD not in seen
    (entry,) = json.loads(file.read_text())
    assert f"into the app: {entry['totp_secret']}" in seen
    drawn = re.findall(r"\x1b\[97;40m([█▀▄ ]+)\x1b\[0m", seen)
    assert drawn == expected_drawing(entry["totp_secret"])


def answered(terminal, answers):
    """All that a program writes to a terminal, which gives an answer to each text."""
    seen, left = b"", dict(answers)
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: the program has ended
            part = b""
        if not part:
            os.close(terminal)
            assert not left, seen
            return seen.decode()
        seen += part
        for text in [one for one in left if one in seen]:
            os.write(terminal, f"{left.pop(text)}\n".encode())


def expected_drawing(secret):
    """The same QR code, drawn two modules to a letter by its own matrix."""

    uri = pyotp.TOTP(secret).provisioning_uri(name="anna", issuer_name="Inloggen")
    rows = [*segno.make(uri, error="m", micro=False).matrix_iter(border=2)]
    rows.append([1] * len(rows[0])) if len(rows) % 2 else None
    letters = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return [
        "".join(letters[pair] for pair in zip(*two, strict=True))
        for two in zip(rows[::2], rows[1::2], strict=True)
    ]
