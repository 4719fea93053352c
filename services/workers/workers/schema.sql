CREATE TABLE IF NOT EXISTS orders (
    id          uuid PRIMARY KEY,
    user_id     text NOT NULL,
    request_id  text,
    product     text NOT NULL,
    side        text NOT NULL CHECK (side IN ('buy', 'sell')),
    size        double precision NOT NULL CHECK (size > 0),
    price       double precision,
    status      text NOT NULL CHECK (status IN ('open', 'filled', 'cancelled', 'refused')),
    reason      text,
    fill_price  double precision,
    filled_at   timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS orders_open ON orders (product) WHERE status = 'open';
CREATE INDEX IF NOT EXISTS orders_created ON orders (created_at);
