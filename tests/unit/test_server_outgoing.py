import pytest

from pixelpipe.errors import MemoryFullError
from pixelpipe.server.outgoing import Outgoing


def test_a_client_has_room_for_one_picture_of_any_size() -> None:
    outgoing = Outgoing(all_bytes=100, client_bytes=40)
    with outgoing.room("a", 1000), pytest.raises(MemoryFullError), outgoing.room("a", 1):
        pass


def test_pictures_of_one_client_are_bounded_together() -> None:
    outgoing = Outgoing(all_bytes=100, client_bytes=40)
    with outgoing.room("b", 40), outgoing.room("a", 30), outgoing.room("a", 10):
        excess = outgoing.room("a", 1)
        with pytest.raises(MemoryFullError), excess:
            pass


def test_pictures_of_all_clients_are_bounded_together() -> None:
    outgoing = Outgoing(all_bytes=100, client_bytes=40)
    with outgoing.room("a", 40), outgoing.room("b", 40):
        with pytest.raises(MemoryFullError), outgoing.room("c", 21):
            pass
        with outgoing.room("c", 20):
            pass


def test_room_is_made_however_the_sending_ends() -> None:
    outgoing = Outgoing(all_bytes=100, client_bytes=40)
    for _ in range(3):
        with pytest.raises(ConnectionError), outgoing.room("a", 40):
            raise ConnectionError
    with outgoing.room("a", 40):
        pass
