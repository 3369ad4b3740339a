"""What a message costs before it is refused: never more than 50 ms of CPU, or 20 MB.

Attacks G3, G7. :mod:`costly` has the dearest requests that we could think of, each
at the cap, by every way in. They are measured in a process of their own, where nobody
else runs: CPU and not the clock, the best of several, and never more strictly than a
good message of the same size allows, so that a slow machine or a busy one says nothing.
"""

import pytest
from costly import NAMES, TWIN, told

MOST_CPU, MOST_MEMORY = 0.05, 20 * 1024 * 1024
#: A SOAP fault has status 500 (SOAP 1.1, 6.2).
REFUSED = (400, 403, 413)
FAULT = 500
#: In what the fillings are sent.
MESSAGES = (
    "an answer",
    "an answer of hers",
    "what is encrypted",
    "what an artifact stands for",
    "a question",
    "a question by POST",
    "a question about an artifact",
    "a logout",
    "a logout over SOAP",
)


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    return {cost.name: cost for cost in told(tmp_path_factory.mktemp("costly"))}


@pytest.fixture(scope="module")
def hostile(costs):
    """All but the two that are told beside the others."""
    return [c for c in costs.values() if not c.name.startswith((TWIN, NAMES))]


def test_the_good_twin_is_taken_though_it_is_as_large(costs):
    assert costs[TWIN].status == 303


def test_nothing_costs_more_than_fifty_milliseconds(costs, hostile):
    assert len(hostile) > 700
    most = max(MOST_CPU, 2 * costs[TWIN].cpu)
    assert [cost for cost in hostile if cost.cpu > most] == []


def test_nothing_takes_more_than_twenty_megabytes(hostile):
    assert [cost for cost in hostile if cost.memory > MOST_MEMORY] == []


def test_every_message_is_refused(hostile):
    messages = [cost for cost in hostile if cost.name.partition(" in ")[2] in MESSAGES]
    assert len(messages) > 400
    by_soap = ("over SOAP", "about an artifact")
    for cost in messages:
        expected = (FAULT,) if cost.name.endswith(by_soap) else REFUSED
        assert cost.status in expected, cost


def test_nothing_is_an_error_of_the_server(hostile):
    is_soap = ("over SOAP", "about an artifact", "/slo/soap")
    others = [cost for cost in hostile if not cost.name.endswith(is_soap)]
    assert [cost for cost in others if cost.status >= FAULT] == []


def test_a_bomb_stops_at_the_cap(costs):
    bombs = [cost for name, cost in costs.items() if name.startswith("a bomb")]
    assert [cost.status for cost in bombs] == [413, 413]
    # It would be twelve megabytes.
    assert all(cost.memory < 4 * 1024 * 1024 for cost in bombs)


@pytest.mark.parametrize("where", ["in elements", "in an assertion", "over SOAP"])
def test_names_that_nobody_uses_do_not_stay_in_memory(costs, where):
    """libxml2 keeps each that a thread meets: a hundred messages took 24 MB."""
    cost = costs[f"{NAMES}, {where}"]
    assert cost.status == (FAULT if where == "over SOAP" else 400)
    assert cost.memory < 8 * 1024 * 1024
