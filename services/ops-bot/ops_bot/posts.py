"""Messages to Slack and Teams. A failure is told and not repeated: Alertmanager is what people rely on."""

import aiohttp
import structlog

from ops_bot.settings import Settings

logger = structlog.get_logger("ops_bot.posts")


class Posts:
    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings, self._session = settings, session

    async def send(self, text: str) -> None:
        """To every place that is configured; logged in any case."""
        settings = self._settings
        logger.warning("alert", text=text, slack=bool(settings.slack_token), teams=bool(settings.teams_url))
        if settings.slack_token:
            body = {"channel": settings.slack_channel, "text": text}
            await self._post("slack", settings.slack_url, body, {"Authorization": f"Bearer {settings.slack_token}"})
        if settings.teams_url:
            await self._post("teams", settings.teams_url, {"text": text}, {})

    async def _post(self, where: str, url: str, body: dict[str, str], headers: dict[str, str]) -> None:
        try:
            async with self._session.post(url, json=body, headers=headers) as answer:
                text = await answer.text()
                # Slack says 200 to what it refuses.
                if answer.status >= 400 or (where == "slack" and '"ok":false' in text.replace(" ", "")):
                    logger.error("alert_refused", where=where, status=answer.status, answer=text[:200])
        except (aiohttp.ClientError, TimeoutError) as error:
            # Not the error's own words: they name the URL, which is a secret.
            logger.error("alert_not_sent", where=where, error=type(error).__name__)
