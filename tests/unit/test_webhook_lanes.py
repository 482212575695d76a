"""Who is next among the messages that wait."""

from datetime import UTC, datetime

from pixelpipe.jobs.ports import Delivery
from pixelpipe.webhooks import lanes
from pixelpipe.webhooks.lanes import AT_ONCE, AT_ONCE_PER_HOST, Lanes


def _delivery(number: int, host: str) -> Delivery:
    due_at = datetime(2030, 1, 1, tzinfo=UTC)
    return Delivery(f"{host}-{number}", f"https://{host}/hook", b"{}", 0, due_at)


def _filled(*hosts: str, each: int) -> Lanes:
    filled = Lanes()
    for host in hosts:
        for number in range(each):
            assert filled.add(_delivery(number, host))
    return filled


def _taken(filled: Lanes) -> list[Delivery]:
    return list(iter(filled.take, None))


def test_a_host_gets_its_messages_in_order_and_few_at_once() -> None:
    filled = _filled("a.com", each=6)
    taken = _taken(filled)
    assert [d.id for d in taken] == [f"a.com-{n}" for n in range(AT_ONCE_PER_HOST)]
    filled.leave(taken[2])
    assert [d.id for d in _taken(filled)] == ["a.com-4"]


def test_hosts_take_turns() -> None:
    filled = _filled("a.com", "b.com", "c.com", each=2)
    order = ["a.com-0", "b.com-0", "c.com-0", "a.com-1", "b.com-1", "c.com-1"]
    assert [d.id for d in _taken(filled)] == order


def test_a_host_that_is_busy_is_passed_over() -> None:
    filled = _filled("slow.com", each=10)
    _taken(filled)
    assert filled.add(_delivery(0, "quick.com"))
    assert [d.id for d in _taken(filled)] == ["quick.com-0"]


def test_ports_and_letter_case_make_no_other_host() -> None:
    filled = Lanes()
    for number in range(AT_ONCE_PER_HOST + 1):
        url = f"https://{'A.com' if number % 2 else 'a.COM'}:{8000 + number}/"
        filled.add(Delivery(str(number), url, b"", 0, datetime(2030, 1, 1, tzinfo=UTC)))
    assert len(_taken(filled)) == AT_ONCE_PER_HOST


def test_only_so_many_are_sent_at_once() -> None:
    filled = _filled(*(f"{n}.com" for n in range(AT_ONCE)), each=2)
    taken = _taken(filled)
    assert len(taken) == AT_ONCE
    filled.leave(taken[0])
    assert len(_taken(filled)) == 1


def test_a_message_is_known_until_it_leaves() -> None:
    filled = _filled("a.com", each=1)
    assert "a.com-0" in filled
    (taken,) = _taken(filled)
    assert "a.com-0" in filled
    assert len(filled) == 1
    filled.leave(taken)
    assert "a.com-0" not in filled
    assert len(filled) == 0


def test_a_lane_takes_only_so_many() -> None:
    filled = _filled("a.com", each=lanes.LANE_LENGTH)
    assert filled.plenty
    assert not filled.add(_delivery(lanes.LANE_LENGTH, "a.com"))
    assert f"a.com-{lanes.LANE_LENGTH}" not in filled
    assert filled.add(_delivery(0, "b.com"))


def test_few_are_not_plenty() -> None:
    assert not _filled("a.com", "b.com", each=(lanes.PLENTY - 1) // 2).plenty
