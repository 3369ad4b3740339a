"""Count how often a party looks the members of its federation up."""

from collections import Counter

from eilogin.federation import Membership


def lookups(monkeypatch):
    """Count from now on, by entityID."""
    counted = Counter()
    entity = Membership.entity

    def count(federation, entity_id):
        counted[entity_id] += 1
        return entity(federation, entity_id)

    monkeypatch.setattr(Membership, "entity", count)
    return counted


class CountedRequests:
    """An application, and the look-ups while it answers each request."""

    def __init__(self, app, counted):
        self._app, self._counted = app, counted
        #: Address and look-ups of each request.
        self._requests = []

    def __call__(self, environ, start_response):
        before = self._counted.copy()
        answer = self._app(environ, start_response)
        address = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        self._requests.append((address, self._counted - before))
        return answer

    def __getattr__(self, name):
        return getattr(self._app, name)

    def of(self, address):
        """The look-ups of all requests that begin so."""
        found = (its for begun, its in self._requests if begun.startswith(address))
        return sum(found, Counter())
