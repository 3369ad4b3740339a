"""Whom no message between servers reaches is told in the citizen's browser."""

import base64
import re
import zlib
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from parties import takes_only

from eilogin.saml import bindings, messages, safe_xml

HUB = "https://inloggen.test"
SLO = f"{HUB}/slo"
STAD = "https://stad.test/eilogin/slo"
STAD_ENTITY = "https://stad.test/eilogin/metadata"
LAND_ENTITY = "https://land.test/eilogin/metadata"


@pytest.fixture
def log_out(anna, party, logout_of):
    """Log out at uwv, which asks the hub in her browser."""

    def visit(**changes):
        uwv = party("uwv.test")
        request = logout_of(destination=SLO, **changes)
        anna.browser.visit(uwv.by_redirect(SLO, "SAMLRequest", request, "handle"))
        return request

    return visit


@pytest.fixture
def outcome(anna):
    """The LogoutResponse with which the hub has sent her back to uwv."""

    def read():
        back = next(url for url in anna.browser.trail if "SAMLResponse=" in url)
        assert back.startswith("https://uwv.test/eilogin/slo?")
        received = bindings.read_redirect(urlsplit(back).query)
        assert received.relay_state == "handle"
        return messages.read_logout_response(safe_xml.parse(received.octets))

    return read


class TestAParticipantWithoutSoap:
    @pytest.mark.parametrize("kind", [bindings.REDIRECT, bindings.POST])
    def test_is_told_in_a_frame_and_then_all_are_done(
        self, anna, log_out, outcome, hub_believes, kind
    ):
        hub_believes("stad.test", takes_only(kind))
        request = log_out()
        assert anna.is_in == {"uwv.test", "stad.test"}
        text = anna.browser.text
        assert "Bij uwv.test bent u nu uitgelogd. Wij loggen u ook uit bij: sta" in text
        assert "Laat deze pagina open." in text
        [shown] = anna.browser.open_frames()
        assert 'id="done"' in shown.text
        assert anna.is_in == {"uwv.test"}
        anna.browser.click("Ga verder")
        assert outcome().status.codes == (messages.SUCCESS,)
        assert outcome().in_response_to == request.get("ID")

    def test_is_told_of_each_of_her_sessions_the_oldest_first(
        self, federation, anna, elsewhere, log_out, hub_believes
    ):
        """mod_auth_mellon ends one for a message, the oldest that has the NameID."""
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        seen, stad = [], federation.apps["stad.test"]

        def app(environ, start_response):
            received = bindings.read_redirect(environ["QUERY_STRING"])
            seen.append(messages.read_logout_request(safe_xml.parse(received.octets)))
            return stad(environ, start_response)

        federation.apps["stad.test"] = app
        log_out(with_index=False)
        assert "Wij loggen u ook uit bij: stad.test Dit duurt" in anna.browser.text
        assert len(anna.browser.open_frames()) == 2
        federation.apps["stad.test"] = stad
        assert [one.session_indexes for one in seen] == [
            (one.logins["stad.test"].session_index,) for one in (anna, elsewhere)
        ]
        assert anna.is_in == elsewhere.is_in == {"uwv.test"}
        anna.browser.click("Ga verder")
        assert anna.browser.url.startswith("https://uwv.test/eilogin/slo")

    @pytest.fixture
    def asking(self, hub_believes, service_of, citizen, another):
        """Stad, and what it asks that knows her by another name in each browser."""
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        stad = service_of("stad.test")
        for who in (another, citizen):
            who.visit(stad.address(stad.request(name_id_format=messages.TRANSIENT)))
            who.sign_in(url=None)
        _, assertion = stad.answer()
        return stad, stad.party.logout_request(assertion.name_id, SLO)

    def test_is_told_itself_of_her_session_by_another_name(
        self, federation, asking, citizen, delivered
    ):
        """Though it waits for the answer to its own LogoutRequest then."""
        stad, request = asking
        federation.apps["stad.test"] = answering(stad.party)
        citizen.visit(stad.party.by_redirect(SLO, "SAMLRequest", request))
        assert "Wij loggen u nu uit bij: stad.test" in citizen.browser.text
        [shown] = citizen.browser.open_frames()
        assert 'id="done"' in shown.text
        assert delivered() == [(STAD_ENTITY, "ok")]
        federation.apps["stad.test"] = stad
        citizen.browser.click("Ga verder")
        octets = base64.b64decode(stad.came[-1]["SAMLResponse"])
        response = messages.read_logout_response(
            safe_xml.parse(zlib.decompress(octets, -15))
        )
        assert response.status.codes == (messages.SUCCESS,)
        assert response.in_response_to == request.get("ID")

    def test_is_not_asked_over_soap(self, log_out, hub_believes, told, delivered):
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        log_out()
        assert told() == ["land.test"]
        assert delivered() == [(LAND_ENTITY, "ok")]

    def test_may_answer_by_post(self, anna, log_out, outcome, hub_believes, federation):
        """Its answer is on a page that only the hub may show in a frame."""
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        trust_filter = federation.apps["stad.test"].app
        known = trust_filter.trust.federation

        class Known:
            def __getattr__(self, name):
                return getattr(known, name)

            def entity(self, entity_id):
                entity = known.entity(entity_id)
                role = entity.identity_provider
                by_post = tuple(
                    e for e in role.single_logouts if e.binding == bindings.POST
                )
                changed = replace(role, single_logouts=by_post)
                return replace(entity, identity_provider=changed)

        trust_filter.trust = replace(trust_filter.trust, federation=Known())
        log_out()
        [shown] = anna.browser.open_frames()
        assert 'id="done"' in shown.text
        anna.browser.click("Ga verder")
        assert outcome().status.codes == (messages.SUCCESS,)

    def test_that_takes_none_at_all_is_named_at_once(
        self, anna, log_out, outcome, hub_believes, caplog
    ):
        hub_believes("stad.test", takes_only())
        log_out()
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "stad.test" in anna.browser.text
        assert "Kijk opnieuw" not in anna.browser.text
        assert "stad.test Hier is uitloggen niet gelukt" in anna.browser.text
        assert "land.test Uitgelogd om" in anna.browser.text
        assert (
            f"{STAD_ENTITY!r} accepts a LogoutRequest by none of SOAP, HTTP-Redirect,"
            " HTTP-POST; its metadata has: none"
        ) in caplog.text
        anna.browser.click("Ga verder")
        partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert outcome().status.codes == partly


class TestAParticipantThatDoesNotAnswer:
    """Over SOAP; mellon says that it takes that, and answers 400."""

    def test_is_told_in_a_frame(self, anna, log_out, federation, outcome, delivered):
        federation.down.add("stad.test")
        log_out()
        anna.browser.open_frames()
        assert anna.is_in == {"uwv.test"}
        anna.browser.click("Ga verder")
        assert outcome().status.codes == (messages.SUCCESS,)
        told = [outcome for peer, outcome in delivered() if peer == STAD_ENTITY]
        assert told == ["failed", "ok"]

    def test_counts_once_however_often_it_confirms(
        self, anna, log_out, federation, delivered
    ):
        federation.down.add("stad.test")
        log_out()
        anna.browser.open_frames()
        anna.browser.open_frames()
        assert delivered().count((STAD_ENTITY, "ok")) == 1

    def test_there_either_stops_no_other(self, anna, log_out, federation, outcome):
        federation.down.update(["stad.test", "land.test"])
        log_out()
        federation.apps["stad.test"] = silent
        silence, shown = anna.browser.open_frames()[::-1]
        assert "nothing" in silence.text
        assert 'id="done"' in shown.text
        anna.browser.click("Ga verder")
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "stad.test Hier is uitloggen nog niet gelukt" in anna.browser.text
        assert "land.test Uitgelogd om" in anna.browser.text
        anna.browser.click("Ga verder")
        partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert outcome().status.codes == partly

    def test_in_time_is_there_at_the_next_look(
        self, anna, log_out, federation, outcome
    ):
        federation.down.add("stad.test")
        log_out()
        frames = anna.browser.url, anna.browser.page
        anna.browser.click("Ga verder")
        assert "nog niet overal uitgelogd" in anna.browser.text
        partly = anna.browser.url, anna.browser.page
        anna.browser.url, anna.browser.page = frames
        anna.browser.open_frames()
        anna.browser.url, anna.browser.page = partly
        anna.browser.click("Kijk opnieuw")
        assert outcome().status.codes == (messages.SUCCESS,)

    def test_is_not_waited_for_by_who_goes_on(self, anna, log_out, federation, outcome):
        """What came in meanwhile counts, though she did not look."""
        federation.down.add("stad.test")
        log_out()
        frames = anna.browser.url, anna.browser.page
        anna.browser.click("Ga verder")
        way_on = anna.browser.url, anna.browser.page
        anna.browser.url, anna.browser.page = frames
        anna.browser.open_frames()
        anna.browser.url, anna.browser.page = way_on
        anna.browser.click("Ga verder")
        assert outcome().status.codes == (messages.SUCCESS,)

    def test_is_named_where_it_refuses(
        self, anna, log_out, federation, party, delivered
    ):
        federation.down.add("stad.test")
        stad = party("stad.test")
        status = messages.Status((messages.RESPONDER,))
        federation.apps["stad.test"] = answering(stad, status=status)
        log_out()
        [shown] = anna.browser.open_frames()
        assert shown.status_int == 400
        assert "U bent misschien nog ingelogd" in shown.text
        assert 'class="reference"' in shown.text
        assert 'id="done"' in shown.text, "the page around it need not wait"
        anna.browser.click("Ga verder")
        assert "stad.test" in anna.browser.text
        assert [told for peer, told in delivered() if peer == STAD_ENTITY] == [
            "failed",
            "refused",
        ]

    def test_is_named_where_somebody_behind_it_was_not_reached(
        self, anna, log_out, federation, party, delivered
    ):
        federation.down.add("stad.test")
        status = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
        federation.apps["stad.test"] = answering(party("stad.test"), status=status)
        log_out()
        [shown] = anna.browser.open_frames()
        assert "U bent misschien nog ingelogd" in shown.text
        anna.browser.click("Ga verder")
        assert (
            "stad.test Uitgelogd, maar bij diensten die hierbij"
            " horen" in anna.browser.text
        )
        assert "Kijk opnieuw" not in anna.browser.text
        assert delivered()[-1] == (STAD_ENTITY, "failed")

    def test_is_named_where_another_answers_for_it(
        self, anna, log_out, federation, party, delivered
    ):
        federation.down.add("stad.test")
        federation.apps["stad.test"] = answering(party("land.test"))
        log_out()
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
        assert "stad.test" in anna.browser.text
        assert (STAD_ENTITY, "ok") not in delivered()

    def test_is_named_where_its_answer_is_by_another_key(
        self, anna, log_out, federation, party, attacker_key
    ):
        federation.down.add("stad.test")
        federation.apps["stad.test"] = answering(party("stad.test", attacker_key))
        log_out()
        assert anna.browser.open_frames() == [None], "our page of errors is in no frame"
        anna.browser.click("Ga verder")
        assert "stad.test" in anna.browser.text

    def test_is_named_where_its_answer_goes_elsewhere(
        self, anna, log_out, federation, party
    ):
        federation.down.add("stad.test")
        stad = answering(party("stad.test"), destination="https://uwv.test/slo")
        federation.apps["stad.test"] = stad
        log_out()
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
        assert "stad.test" in anna.browser.text


def silent(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>nothing</p>"]


def answering(speaker, **changes):
    """A participant that answers a LogoutRequest by Redirect, as a test wants it."""

    def app(environ, start_response):
        octets = bindings.read_redirect(environ["QUERY_STRING"]).octets
        request = messages.read_logout_request(safe_xml.parse(octets))
        made = {"destination": SLO, **changes}
        response = speaker.logout_response(request, **made)
        url = speaker.by_redirect(SLO, "SAMLResponse", response)
        start_response("302 Found", [("Location", url), ("Content-Type", "text/plain")])
        return [b""]

    return app


class TestThePage:
    @pytest.fixture
    def page(self, anna, log_out, federation):
        federation.down.add("stad.test")
        log_out()
        return anna.browser.page

    def test_lets_frames_lead_to_whom_they_tell_and_nowhere_else(self, page):
        policy = page.headers["Content-Security-Policy"]
        assert "frame-src 'self' https://stad.test;" in policy
        assert "frame-ancestors 'none'" in policy

    def test_holds_no_message_and_no_name_of_hers(self, page, anna):
        assert "SAML" not in page.text
        assert anna.logins["stad.test"].who.name_id not in page.text

    def test_names_in_the_frame_whom_it_is_about(self, page, anna, federation):
        seen = []

        def app(environ, start_response):
            seen.append(bindings.read_redirect(environ["QUERY_STRING"]))
            return silent(environ, start_response)

        federation.apps["stad.test"] = app
        anna.browser.open_frames()
        bindings.verify_redirect(
            seen[0], [federation.trusts["inloggen.test"].own.key.public]
        )
        request = messages.read_logout_request(safe_xml.parse(seen[0].octets))
        login = anna.logins["stad.test"]
        assert request.name_id == login.who.as_name_id()
        assert request.session_indexes == (login.session_index,)
        assert request.destination == STAD

    def test_shows_on_reload_who_is_left(self, page, anna):
        anna.browser.open_frames()
        anna.browser.reload()
        assert anna.browser.url.startswith("https://uwv.test/eilogin/slo?SAMLResponse=")

    def test_tells_the_same_again_by_the_same_request(self, page, anna):
        before = page.text
        anna.browser.reload()
        assert anna.browser.page.text == before

    def test_is_over_after_an_hour(self, page, anna, clock):
        clock.shift(60 * 60)
        assert anna.browser.open_frames() == [None]
        anna.browser.click("Ga verder")
        assert anna.browser.url == f"{HUB}/"
        assert "U bent niet ingelogd" in anna.browser.title

    def test_tells_nobody_who_has_left_meanwhile(self, page, anna, leaves, caplog):
        leaves("stad.test")
        assert anna.browser.open_frames() == [None]
        assert "no longer accepts a LogoutRequest" in caplog.text
        anna.browser.click("Ga verder")
        assert "stad.test" in anna.browser.text

    def test_keeps_frames_from_leading_it_away(self, page):
        [frame] = re.findall("<iframe[^>]*>", page.text)
        # Its own cookies, scripts and forms, and nothing else.
        may = 'sandbox="allow-scripts allow-forms allow-same-origin"'
        assert may in frame

    def test_that_she_leaves_is_met_again_at_the_hub(self, page, anna):
        """Or something led her away from it."""
        anna.browser.visit(f"{HUB}/")
        assert "nog niet overal uitgelogd" in anna.browser.text
        assert "stad.test" in anna.browser.text
        anna.browser.visit(f"{HUB}/")
        assert "U bent niet ingelogd" in anna.browser.text, "she has seen it"

    def test_that_she_leaves_leads_on_where_all_know_it(self, page, anna):
        anna.browser.open_frames()
        anna.browser.visit(f"{HUB}/")
        assert anna.browser.url.startswith("https://uwv.test/eilogin/slo?SAMLResponse=")

    def test_is_met_again_in_no_other_browser(self, page, another):
        another.browser.visit(f"{HUB}/")
        assert "U bent niet ingelogd" in another.browser.text

    def test_knows_no_logout_but_its_own(self, page, anna, refused, federation):
        for way in ("look", "continue"):
            anna.browser.visit(f"{SLO}?{way}=made-up")
            assert anna.browser.url == f"{HUB}/logout", "what there is to read here"
        anna.browser.visit(f"{SLO}?tell=made-up")
        refused(anna.browser.page, "message-unexpected")


class TestWhoeverElseBringsTheRequest:
    """Such as uwv itself, which has signed it: it learns nothing of stad."""

    @pytest.fixture
    def url(self, hub_believes, party, logout_of):
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        request = logout_of(destination=SLO)
        return party("uwv.test").by_redirect(SLO, "SAMLRequest", request, "handle")

    def test_is_answered_at_once_and_named_nobody(self, anna, url, call):
        answer = call("GET", url)
        assert answer.location.startswith("https://uwv.test/eilogin/slo?SAMLResponse=")
        received = bindings.read_redirect(urlsplit(answer.location).query)
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert response.status.codes == partly
        assert "stad" not in answer.text
        assert anna.is_in == {"uwv.test", "stad.test"}

    def test_takes_the_page_from_nobody(self, anna, url, call):
        """She comes after that, with the same request."""
        call("GET", url)
        anna.browser.visit(url)
        assert "Wij loggen u ook uit bij: stad.test" in anna.browser.text
        anna.browser.open_frames()
        assert anna.is_in == {"uwv.test"}

    def test_is_answered_so_with_the_cookie_of_another_citizen(self, another, url):
        another.sign_in("bram")
        another.browser.visit(url)
        assert not any("/slo?look" in step for step in another.browser.trail)
        assert another.browser.url.startswith("https://uwv.test/eilogin/slo")

    @pytest.mark.parametrize("cookie", [None, "__Host-eilogin-logging-out=made-up"])
    def test_gets_no_page_by_its_address(self, anna, url, call, refused, cookie):
        """Nor the NameID that is hers at stad."""
        anna.browser.visit(url)
        ways = re.findall(r'/slo\?[a-z]+=[^"]+', anna.browser.page.text)
        look = next(way for way in ways if "look=" in way)
        ways.append(look.replace("look=", "continue="))
        assert len(ways) == 3
        headers = {} if cookie is None else {"Cookie": cookie}
        for way in ways:
            answer = call("GET", f"{HUB}{way}", **headers)
            if "tell=" in way:
                refused(answer, "message-unexpected")
            else:
                assert answer.location == f"{HUB}/logout"
            assert "stad" not in answer.text

    @pytest.fixture
    def fields(self, hub_believes, party, logout_of):
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        return party("uwv.test").by_post("SAMLRequest", logout_of(destination=SLO))

    def test_by_post_is_told_apart_by_her_cookie(self, anna, fields, send_form, call):
        answer = send_form(SLO, fields)
        assert answer.status_int == 303
        assert call("GET", answer.location).location.startswith("https://uwv.test/")
        anna.browser.post(SLO, site="cross-site", **fields)
        assert "Wij loggen u ook uit bij: stad.test" in anna.browser.text
        assert anna.citizen.cookie is None
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
        assert anna.browser.url.startswith("https://uwv.test/eilogin/slo")

    def test_by_post_is_not_met_again_when_it_is_over(self, anna, fields, clock):
        anna.browser.post(SLO, site="cross-site", **fields)
        clock.shift(59 * 60)
        anna.browser.reload()
        assert "Wij loggen u ook uit bij: stad.test" in anna.browser.text
        clock.shift(60)
        anna.browser.visit(f"{HUB}/")
        assert "U bent niet ingelogd" in anna.browser.text

    def test_and_wants_no_answer_reads_that_she_is_logged_out_and_no_more(
        self, url, party, logout_of, call
    ):
        request = logout_of(destination=SLO, is_asynchronous=True)
        answer = call("GET", party("uwv.test").by_redirect(SLO, "SAMLRequest", request))
        assert answer.status_int == 200
        assert "stad" not in answer.text


class TestAnotherCitizenInTheSameBrowser:
    @pytest.fixture
    def bram(self, anna, hub_believes, clock):
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        clock.shift(1)
        return anna.citizen.sign_in("bram")

    def test_is_signed_in_and_told_who_is_logged_out(self, bram, anna, sessions):
        assert "Iemand anders wordt uitgelogd" in bram.browser.title
        assert "uit bij: stad.test" in bram.browser.text
        bram.browser.open_frames()
        assert not anna.is_in
        bram.browser.click("Ga verder")
        assert bram.browser.url == f"{HUB}/"
        assert sessions.find(bram.cookie).attributes["name"] == ["Bram van den Test"]

    def test_is_told_where_she_may_be_met_still(self, bram, anna):
        bram.browser.click("Ga verder")
        assert "iemand anders is misschien nog ingelogd" in bram.browser.title
        assert "stad.test" in bram.browser.text
        assert bram.cookie, "he is signed in all the same"
        bram.browser.click("Ga verder")
        assert bram.browser.url == f"{HUB}/"

    def test_reads_nothing_where_all_know_it(self, anna, clock):
        clock.shift(1)
        anna.citizen.sign_in("bram")
        assert anna.browser.url == f"{HUB}/"


class TestTheButton:
    def test_ends_all_of_it_in_frames_too(self, anna, federation):
        federation.down.add("stad.test")
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        anna.browser.open_frames()
        assert anna.is_in == set()
        anna.browser.click("Ga verder")
        assert "U bent overal uitgelogd" in anna.browser.text


class TestOverSoap:
    def test_there_is_no_browser_to_do_it_in(
        self, party, logout_of, hub_believes, call
    ):
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        body = party("uwv.test").by_soap(logout_of())
        answer = call("POST", f"{HUB}/slo/soap", body, Content_Type="text/xml")
        response = messages.read_logout_response(bindings.unwrap_soap(answer.body))
        assert response.status.codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)


class TestAnotherLogout:
    @pytest.fixture
    def overtaken(self, sessions, monkeypatch):
        """The first session that is looked at was ended by another a moment ago."""
        end = sessions.end_citizen

        def end_citizen(login):
            monkeypatch.setattr(sessions, "end_citizen", end)

        monkeypatch.setattr(sessions, "end_citizen", end_citizen)

    @pytest.mark.usefixtures("elsewhere", "overtaken")
    def test_that_was_faster_may_have_missed_some(
        self, anna, log_out, outcome, hub_believes
    ):
        """All frames have answered; of whom the other one told nothing is known."""
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        log_out(with_index=False)
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
        partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert outcome().status.codes == partly
