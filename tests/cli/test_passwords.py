"""The password in the URL of a store is shown by no command, however wrong it is."""

import pytest


@pytest.mark.parametrize("command", [("check",), ("serve",), ("store", "show")])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel"])
@pytest.mark.parametrize("odd", [*"?#/@: ", "%%", "%"])
def test_is_not_shown(tmp_path, run, command, scheme, odd) -> None:
    file = tmp_path / "app.ini"
    file.write_text(
        "[app:main]\nuse = egg:eilogin#portal\n"
        "[filter:r]\nuse = egg:eilogin#session\n"
        f"store = {scheme}://anna:ge{odd}heim@127.0.0.1:x/0\n"
    )
    result = run(*command, file)
    assert result.exit_code != 0
    assert "heim" not in result.output
    assert "redis" in result.output or odd == "%"
