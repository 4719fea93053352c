"""The oldest versions of hosts' libraries that the field still runs. They stay: no update is wanted."""

OLDEST = (
    "aio-pika==9.0.7",
    "aiohttp==3.9.5",
    "asyncpg==0.28.0",
    "psycopg-binary==3.1.20",
    "psycopg==3.1.20",
    "redis==4.6.0",
)
"""They take the place of those of ``installed.LIBRARIES``."""
