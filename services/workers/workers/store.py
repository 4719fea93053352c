"""Orders in PostgreSQL, which is the paper exchange's book as well: several workers may share it.

Each change is one statement or one transaction, so that of several workers exactly one sees that it made it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from workers.risk import Judgement, Order

SCHEMA = (Path(__file__).parent / "schema.sql").read_text()
_SCHEMA_LOCK, _PLACING_LOCK, _EXCHANGE_LOCK = 90_001, 90_002, 90_003
_FILL = (
    "UPDATE orders SET status = 'filled', fill_price = $1, filled_at = now() WHERE status = 'open' AND "
    "(price IS NULL OR (side = 'buy' AND price >= $1) OR (side = 'sell' AND price <= $1))"
)

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Position:
    """``size`` in base currency, all days; ``day_size`` and ``day_cash`` (quote currency) of the fills since midnight UTC."""

    size: float
    day_size: float
    day_cash: float


class Store:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, **where: Any) -> "Store":
        pool = await asyncpg.create_pool(**where, min_size=1, max_size=4, timeout=5, command_timeout=10)
        async with pool.acquire() as connection, connection.transaction():
            # Two workers that start at once would trip over each other's CREATE.
            await connection.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
            await connection.execute(SCHEMA)
        return cls(pool)

    async def place(self, order: Order, judge: Callable[[int, int], Judgement]) -> Row | None:
        """Record the order, and fill it where the price that it was judged at reaches it; None where another worker has it already.

        ``judge`` gets the open orders and those of the last minute. No other order is placed meanwhile, and nobody sees one that is
        going to be filled as open.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_PLACING_LOCK})")
            counts = await connection.fetchrow(
                "SELECT count(*) FILTER (WHERE status = 'open') AS open, "
                "count(*) FILTER (WHERE status <> 'refused' AND created_at > now() - interval '1 minute') AS recent "
                "FROM orders WHERE status = 'open' OR created_at > now() - interval '1 minute'"
            )
            judged = judge(counts["open"], counts["recent"])
            placed = await connection.fetchrow(
                "INSERT INTO orders (id, user_id, request_id, product, side, size, price, status, reason) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING RETURNING *",
                *(order.order_id, order.user_id, order.request_id, order.product),
                *(order.side, order.size, order.price, "refused" if judged.refusal else "open", judged.refusal),
            )
            if placed is None or judged.refusal:
                return placed
            filled = await connection.fetchrow(f"{_FILL} AND id = $2 RETURNING *", judged.price, order.order_id)
            return filled or placed

    async def fill(self, product: str, price: float) -> list[Row]:
        """Fill the open orders that ``price`` reaches; those that were filled."""
        return await self._pool.fetch(f"{_FILL} AND product = $2 RETURNING *", price, product)

    async def cancel_all(self, reason: str) -> list[Row]:
        """Cancel every open order; those that were cancelled."""
        return await self._pool.fetch(
            "UPDATE orders SET status = 'cancelled', reason = $1 WHERE status = 'open' RETURNING *", reason
        )

    async def open_orders(self) -> int:
        return await self._pool.fetchval("SELECT count(*) FROM orders WHERE status = 'open'")

    async def positions(self) -> dict[str, Position]:
        """By product; those that were ever traded."""
        rows = await self._pool.fetch(
            "WITH fills AS (SELECT product, CASE side WHEN 'buy' THEN size ELSE -size END AS signed, fill_price, "
            "filled_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS today "
            "FROM orders WHERE status = 'filled') "
            "SELECT product, sum(signed) AS size, coalesce(sum(signed) FILTER (WHERE today), 0) AS day_size, "
            "coalesce(sum(-signed * fill_price) FILTER (WHERE today), 0) AS day_cash FROM fills GROUP BY product"
        )
        return {
            row["product"]: Position(size=row["size"], day_size=row["day_size"], day_cash=row["day_cash"])
            for row in rows
        }

    @asynccontextmanager
    async def exchange_lock(self) -> AsyncIterator[Callable[[], bool]]:
        """Yields whether this worker is the one that runs the exchange, asked as often as one likes."""
        async with self._pool.acquire() as connection:
            ours = await connection.fetchval(f"SELECT pg_try_advisory_lock({_EXCHANGE_LOCK})")
            yield lambda: ours and not connection.is_closed()

    def close(self) -> None:
        self._pool.terminate()
