"""What the stand-ins share: properties on the wire, and secrets among them."""

from offline.values import UNKNOWN, Secret, decode, encode, reveal


def test_properties_come_back_from_the_wire_as_they_went() -> None:
    properties = {"a": [1, 2.5, True, None, "x", {}], "b": {"c": Secret({"d": "hidden"})}, "f": UNKNOWN}
    back = decode(encode(properties))
    assert back == properties
    assert "hidden" not in repr(back)
    assert reveal(back)["b"] == {"c": {"d": "hidden"}}
