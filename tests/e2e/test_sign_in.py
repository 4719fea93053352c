"""Who may order on the deployed stack: its operator, by ops-ui, and nobody without a token."""

import secrets
from urllib.error import HTTPError

import pytest

from tests.e2e.running_stack import RunningStack, awaited
from tests.support.http_json import request
from tests.support.sessions import signed_in

ORDER = {"product": "BTC-USD", "side": "buy", "size": 0.001}
URL = "http://localhost:3001"
"""Where `make open` shows ops-ui, and so what a browser names as the place that a request comes from."""


@pytest.mark.parametrize("path", ["/api/orders", "/api/kill-switch"])
def test_the_api_answers_nobody_without_a_token(stack: RunningStack, path: str) -> None:
    wanted = ORDER if path.endswith("orders") else {"engaged": True, "reason": "forged"}
    url = f"http://127.0.0.1:{stack.port('api')}{path}"
    for forged in ({}, {"authorization": "Bearer "}, {"authorization": f"Bearer {secrets.token_hex(16)}"}):
        assert request(url, body=wanted, headers={"x-user-id": "chief", **forged}).status == 401


def test_the_operator_signs_in_and_the_order_is_one_trace(stack: RunningStack) -> None:
    url, trace = f"http://127.0.0.1:{stack.port('ops-ui')}", secrets.token_hex(16)
    with pytest.raises(HTTPError, match="401"):
        signed_in(url, "operator", secrets.token_urlsafe(16))
    session = signed_in(url, "operator", stack.output("opsUiPassword"))
    assert "session-token" in session

    headers = {"cookie": session, "origin": URL, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    assert request(f"{url}/api/orders", body=ORDER, headers=headers | {"origin": "https://evil.example"}).status == 403
    placed = request(f"{url}/api/orders", body=ORDER, headers=headers)
    assert placed.status == 202, placed.text

    of_worker = f'{{service_name="workers"}} | trade_id="{placed.json["orderId"]}"'
    (filled,) = awaited(
        lambda: [each for each in stack.logs(of_worker) if "filled" in each[1]], 60, "the worker's record"
    )
    assert filled[0]["user_id"] == "operator"
    services = {"ops-ui", "api", "workers"}
    awaited(lambda: services <= {each["service"] for each in stack.trace(trace)}, 60, "the trace over three services")
