import { Pool } from 'pg';

import logger from './logger';
import type { Settings } from './settings';

export interface Order {
  id: string;
  user_id: string;
  product: string;
  side: 'buy' | 'sell';
  size: number;
  price: number | null;
  status: string;
  reason: string | null;
  fill_price: number | null;
  created_at: Date;
}

const COLUMNS = 'id, user_id, product, side, size, price, status, reason, fill_price, created_at';

/** Reads the orders that the workers write. */
export class Store {
  private readonly pool: Pool;

  constructor(settings: Settings) {
    this.pool = new Pool({
      host: settings.POSTGRES_HOST,
      port: settings.POSTGRES_PORT,
      user: settings.POSTGRES_USER,
      password: settings.POSTGRES_PASSWORD,
      database: settings.POSTGRES_DB,
      max: 5,
      connectionTimeoutMillis: 5000,
      statement_timeout: 10000,
    });
    this.pool.on('error', (err) => logger.warn({ err }, 'database connection lost'));
  }

  async order(id: string): Promise<Order | undefined> {
    const { rows } = await this.pool.query<Order>(`SELECT ${COLUMNS} FROM orders WHERE id = $1`, [id]);
    return rows[0];
  }

  /** The newest first, no more than `count`. */
  async orders(count: number): Promise<Order[]> {
    const { rows } = await this.pool.query<Order>(`SELECT ${COLUMNS} FROM orders ORDER BY created_at DESC LIMIT $1`, [count]);
    return rows;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
