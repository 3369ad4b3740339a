"""A registry of options that holds none yet."""

import pytest

from eilogin.config import option_declarations, option_reading


@pytest.fixture
def registry(monkeypatch):
    options_by_name = {}
    monkeypatch.setattr(option_declarations, "REGISTRY", options_by_name)
    monkeypatch.setattr(option_reading, "REGISTRY", options_by_name)
    return options_by_name
