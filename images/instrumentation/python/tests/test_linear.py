"""Nothing that reads what hosts write takes more than linear time."""

from conftest import Start


def test_eight_times_the_input_takes_some_eight_times_as_long(start: Start) -> None:
    host = start("growth.py")
    assert host.wait(120) == 0, host.lines[-1]
    (told,) = host.saying("growth")
    assert told["bad"] == []
    assert {"http_requests._REQUEST_ID.search", "records._MESSAGE.search", "typed"} <= set(told["seen"])
