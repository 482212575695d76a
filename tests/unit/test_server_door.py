"""Who stays is seen off once he would not be let in again, at little cost for all the others."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pixelpipe.auth.identity import Identity, Means
from pixelpipe.jobs.peers import NoPeers
from pixelpipe.server.guards.door import Door
from tests.api_keys import NOW, make_key


@dataclass
class Keeper:
    """Knows whose keys are good; remembers who was asked about."""

    revoked: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def still_good(self, identity: Identity) -> bool:
        self.asked.append(identity.key_id)
        return identity.key_id not in self.revoked


class Line:
    """A connection."""

    closed = False

    def close(self) -> None:
        self.closed = True


class House:
    """A door with its keeper; whoever stays has a line."""

    def __init__(self) -> None:
        self.keeper = Keeper()
        self.door = Door(cast("Any", self.keeper), NoPeers())

    def stays(self, identity: Identity) -> Line:
        line = Line()
        self.door.stay(cast("Any", SimpleNamespace(transport=line)), identity)
        return line


def _identity(**changes: Any) -> Identity:
    return Identity(make_key(**changes).key, Means.KEY)


@pytest.fixture
def house() -> House:
    return House()


def test_while_the_keys_stay_as_they_are_each_is_looked_at_once(house: House) -> None:
    house.stays(_identity())
    for _ in range(5):
        house.door.see_off(everybody=False)
    assert len(house.keeper.asked) == 1


def test_when_they_change_everybody_is_looked_at(house: House) -> None:
    one, other = _identity(), _identity()
    lines = [house.stays(each) for each in (one, other)]
    house.door.see_off(everybody=False)
    house.keeper.revoked.add(other.key_id)
    house.door.see_off(everybody=True)
    assert [line.closed for line in lines] == [False, True]


def test_whose_key_ended_on_his_way_in_is_seen_off_at_the_next_look(house: House) -> None:
    """The keys changed, and were looked at, between his being known and his staying."""
    late = _identity()
    house.keeper.revoked.add(late.key_id)
    house.door.see_off(everybody=True)
    line = house.stays(late)
    house.door.see_off(everybody=False)
    assert line.closed


@pytest.mark.parametrize(
    "ending",
    [Identity(make_key().key, Means.SESSION, 1_900_000_000), _identity(expires_at=NOW)],
)
def test_whoever_ends_at_a_certain_time_is_looked_at_each_time(
    house: House, ending: Identity
) -> None:
    line = house.stays(ending)
    house.door.see_off(everybody=False)
    assert not line.closed
    house.keeper.revoked.add(ending.key_id)  # the time has come
    house.door.see_off(everybody=False)
    assert line.closed


def test_nobody_is_remembered_after_he_has_left(house: House) -> None:
    request: Any = SimpleNamespace(transport=Line())
    for look in (True, False):
        guest = house.door.stay(request, _identity())
        if look:
            house.door.see_off(everybody=False)
        house.door.leave(guest)
    house.keeper.asked.clear()
    house.door.see_off(everybody=True)
    assert house.keeper.asked == []
