"""HTTP requests to servers on this machine. A proxy that the environment names is never used."""

import ssl
import urllib.error
import urllib.request


def get(url: str, *, timeout: float, context: ssl.SSLContext | None = None) -> bytes:
    """The body of the answer.

    Raises:
        OSError: no answer, or one with an HTTP status of 400 or more.
    """
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=context),
    )
    with opener.open(url, timeout=timeout) as answer:
        return answer.read()


def health_error(url: str, *, timeout: float = 5, context: ssl.SSLContext | None = None) -> str | None:
    """Why the health endpoint at this URL does not answer with success, or None when it does."""
    try:
        get(url, timeout=timeout, context=context)
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None
