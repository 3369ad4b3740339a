"""A site is down while she logs out, and hears of it when it is there again.

The demo is stopped and started meanwhile, as the README tells it: what is to be said
outlives that. In a real browser, whose page looks for news by itself.
"""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Milliseconds in which the hub tells a site again, and the page looks anew.
A_WHILE = 90_000
#: Keeps what a screen reader is given to say.
LISTEN = """
    window.heard = [];
    const news = document.querySelector("[role=status]");
    new MutationObserver(() => heard.push(news.textContent))
        .observe(news, {childList: true, characterData: true, subtree: true});
"""


def test_the_receipt_becomes_complete(own_demo, at_browser):
    anna = at_browser(own_demo).go_everywhere()
    assert own_demo.interrupt() == 0
    own_demo.start("--down", "uwv")
    assert "(down)" in own_demo.output
    anna.visit("gemeente").click("Uitloggen").sees("U wordt uitgelogd")
    anna.click("Ga verder").sees("Let op: u bent nog niet overal uitgelogd")
    assert "Hier is uitloggen nog niet gelukt. Wij blijven het proberen." in anna.text
    assert anna.text.count("Uitgelogd om") == 2
    anna.page.evaluate(LISTEN)
    with anna.page.expect_response(lambda answer: answer.ok):
        anna.photograph("receipt")
    assert own_demo.interrupt() == 0
    own_demo.start()
    status = anna.page.get_by_role("status")
    status.get_by_text("U bent overal uitgelogd").wait_for(timeout=A_WHILE)
    assert anna.page.locator("h1").inner_text() == "U bent overal uitgelogd"
    assert anna.text.count("Uitgelogd om") == 3
    assert anna.page.evaluate("heard") == ["U bent overal uitgelogd"], "and no more"
    anna.photograph("receipt-complete")
    anna.click("Ga verder").arrives("gemeente", "/eilogin/slo")
    anna.visit("uwv").sees("Inloggen bij UWV")
    anna.visit("inloggen").click("Bekijk waar u bent uitgelogd").sees(
        "U bent overal uitgelogd"
    )
    anna.click("Verwijder dit overzicht").sees("U bent niet ingelogd")
