"""Requests as users make them, straight to the api or through ops-ui with a session, each counted by what came of it."""

import ssl
import uuid
from collections import Counter
from typing import Any

import aiohttp


class Stop(Exception):
    """The run cannot go on; the message says why, and what mends it."""


class Client:
    """``counts`` are of statuses by what was done; ``left`` is how many requests may still be made."""

    def __init__(self, session: aiohttp.ClientSession, api: str, ui: str | None, token: str | None, most: int) -> None:
        self._session, self._api, self._ui = session, api.rstrip("/"), ui.rstrip("/") if ui else None
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self.counts: Counter[str] = Counter()
        self.left = most

    async def sign_in(self, user: str, password: str) -> None:
        """Get a session of ops-ui.

        Raises:
            Stop: it gives none.
        """
        async with self._session.get(f"{self._ui}/api/auth/csrf") as answer:
            if answer.status != 200:
                raise Stop(f"{self._ui} lets nobody sign in ({answer.status}): {(await answer.text())[:300]}")
            token = (await answer.json())["csrfToken"]
        form = {"csrfToken": token, "username": user, "password": password, "json": "true"}
        async with self._session.post(f"{self._ui}/api/auth/callback/credentials", data=form) as answer:
            if answer.status != 200:
                raise Stop(f"{self._ui} refuses LOAD_USER and LOAD_PASSWORD: they are those of OPS_UI_USER")

    async def as_user(self, user: str, method: str, path: str, body: Any = None) -> Any:
        """Through ops-ui where there is one, else to the api in ``user``'s name."""
        if self._ui:
            return await self._ask(self._ui, method, path, body, {"origin": self._ui})
        return await self._ask(self._api, method, path, body, {"x-user-id": user})

    async def direct(self, method: str, path: str, body: Any = None) -> Any:
        """To the api itself."""
        return await self._ask(self._api, method, path, body, {})

    async def fault(self, **fault: Any) -> None:
        """Begin a fault, or end it with ``seconds`` of 0.

        Raises:
            Stop: the platform allows none.
        """
        if await self.direct("POST", "/api/faults", fault) is None:
            raise Stop("no fault was begun: this scenario needs FAULTS=true in the environment of api and workers")

    async def _ask(self, base: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        """The JSON of a success; None for anything else, which is counted all the same."""
        self.left -= 1
        name = f"{method} {path.partition('?')[0]}"
        sent = {"x-request-id": str(uuid.uuid4()), **self._headers, **headers}
        try:
            async with self._session.request(method, base + path, json=body, headers=sent) as answer:
                self.counts[f"{name} {answer.status}"] += 1
                return await answer.json() if answer.ok else None
        except (aiohttp.ClientError, TimeoutError) as error:
            self.counts[f"{name} {type(error).__name__}"] += 1
            return None


def session(authority: str | None, timeout: float = 20) -> aiohttp.ClientSession:
    """``authority`` is a file with the certificate that signed ops-ui's."""
    context = ssl.create_default_context(cafile=authority)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context), timeout=aiohttp.ClientTimeout(total=timeout)
    )
