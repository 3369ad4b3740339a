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
