"""Queries of both PostgreSQL clients are spans of the trace that they are made in, and answer as they did."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import EACH_AGE, Receiver, Start, free_port, is_open, wait_until

POSTGRES = Path("/usr/lib/postgresql/15/bin")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PROGRAM = """
import asyncio, os
import asyncpg, psycopg
from opentelemetry import trace

address = f"postgresql://atlas@127.0.0.1:{os.environ['POSTGRES_PORT']}/postgres"

async def by_asyncpg():
    connection = await asyncpg.connect(address)
    print("asyncpg", await connection.fetchval("SELECT 1.10::numeric"))
    await connection.close()

async def by_psycopg():
    async with await psycopg.AsyncConnection.connect(address) as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT 2.20::numeric")
        print("psycopg asyncio", (await cursor.fetchone())[0])

asyncio.run(by_asyncpg())
asyncio.run(by_psycopg())
with psycopg.connect(address) as connection:
    print("psycopg", connection.execute("SELECT 3.30::numeric").fetchone()[0])
"""


@pytest.fixture(scope="module")
def postgres_port() -> Iterator[int]:
    """A real PostgreSQL, as ``postgres`` where the tests are root's: it refuses root."""
    user = "postgres" if os.geteuid() == 0 else None
    folder, port = Path(tempfile.mkdtemp(prefix="atlas-postgres-")), free_port()
    if user:
        shutil.chown(folder, user)
    data = str(folder / "data")
    subprocess.run(
        [POSTGRES / "initdb", "-D", data, "-U", "atlas", "-A", "trust", "--no-sync"],
        cwd=folder,
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    server = subprocess.Popen(
        [POSTGRES / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"],
        cwd=folder,
        user=user,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: is_open(port) and "ready" in (folder / "data/postmaster.pid").read_text())
    yield port
    server.terminate()
    server.wait()
    shutil.rmtree(folder)


@EACH_AGE
def test_queries_are_spans_of_their_trace(start: Start, receiver: Receiver, postgres_port: int) -> None:
    host = start(
        PROGRAM,
        POSTGRES_PORT=str(postgres_port),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        TRACEPARENT=f"00-{TRACE}-b7ad6b7169203331-01",
    )
    assert host.wait() == 0, host.lines
    assert [line["message"] for line in host.lines] == ["asyncpg 1.10", "psycopg asyncio 2.20", "psycopg 3.30"]
    statements = [
        (span.trace_id.hex(), attribute.value.string_value)
        for span in receiver.spans
        for attribute in span.attributes
        if attribute.key in ("db.statement", "db.query.text")
    ]
    for asked in ("SELECT 1.10::numeric", "SELECT 2.20::numeric", "SELECT 3.30::numeric"):
        assert (TRACE, asked) in statements
