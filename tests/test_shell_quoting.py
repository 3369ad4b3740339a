"""Commands to copy: whatever is in a name, a shell does what was meant."""

import subprocess
from pathlib import Path

import pytest

from eilogin.shell_quoting import typed


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([Path("app.ini")], "eilogin check app.ini"),
        ([Path("/srv/uwv/app.ini"), "0f"], "eilogin check /srv/uwv/app.ini 0f"),
        (
            ["https://uwv.nl/eilogin/metadata"],
            "eilogin check https://uwv.nl/eilogin/metadata",
        ),
        (["--all"], "eilogin check --all"),
        ([Path("my app.ini")], "eilogin check 'my app.ini'"),
        ([Path("-x.ini")], "eilogin check ./-x.ini"),
        (
            ["urn:x;rm${IFS}-rf${IFS}~"],
            "eilogin check 'urn:x;rm${IFS}-rf${IFS}~'",
        ),
        (["urn:'$(id)'"], """eilogin check 'urn:'"'"'$(id)'"'"''"""),
        ([""], "eilogin check ''"),
        (["a\nrm -rf ~"], "eilogin check $'a\\012rm -rf ~'"),
        # It turns the direction of what is seen.
        (["a\u202e\\'"], "eilogin check $'a\\342\\200\\256\\\\\\''"),
        (["\udcff"], "eilogin check $'\\377'"),
    ],
)
def test_a_command_is_seen_as_it_is(words, command):
    assert typed("eilogin check", *words) == command


def test_a_shell_takes_each_word_for_what_it_is():
    letters = [chr(number) for number in (*range(1, 0x300), 0x2028, 0x202E, 0x1F600)]
    words = [*letters, "".join(letters), *(f"a{word}7'b" for word in letters), ""]
    command = typed("printf '%s\\0'", *words)
    assert command.isprintable()
    run = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert run.stdout.split(b"\0")[:-1] == [word.encode() for word in words]
