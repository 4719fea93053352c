"""Signing in to ops-ui without a browser."""

import json
import urllib.parse
import urllib.request
from http.client import HTTPMessage


def signed_in(url: str, user: str, password: str) -> str:
    """The Cookie header of the session. ``url`` may be http: what the cookies demand is for browsers to keep."""
    with urllib.request.urlopen(f"{url}/api/auth/csrf") as answer:
        jar, token = _pairs(answer.headers), json.load(answer)["csrfToken"]
    form = {"csrfToken": token, "username": user, "password": password, "json": "true"}
    sent = urllib.request.Request(
        f"{url}/api/auth/callback/credentials", urllib.parse.urlencode(form).encode(), {"cookie": "; ".join(jar)}
    )
    with urllib.request.urlopen(sent) as answer:
        return "; ".join([*jar, *_pairs(answer.headers)])


def _pairs(headers: HTTPMessage) -> list[str]:
    return [cookie.split(";")[0] for cookie in headers.get_all("set-cookie") or []]
