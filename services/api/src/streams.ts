import type { Bus } from './bus';
import logger from './logger';

export type Reader = (name: string, data: unknown) => void;

const TOPICS = ['exposure_update', 'pnl_update'];
const SERIES = /^(atlas_(?:exposure|daily_pnl|open_orders|kill_switch))(?:\{product="([^"]*)"\})? (\S+)$/;
const POLL_MILLISECONDS = 2000;

/** Hands what one source gives to every reader of the stream. */
export class Streams {
  private readonly readers = new Set<Reader>();

  /** @returns how to leave. */
  join(reader: Reader): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  /** From the bus: the events `exposure_update` and `pnl_update`. */
  async fromBus(bus: Bus): Promise<void> {
    await bus.subscribe(TOPICS, (topic, event) => this.tell(topic, event));
  }

  /** From the workers' metrics, while somebody reads: an event `metrics` with name, product and value of each. @returns how to stop. */
  fromMetrics(url: string): () => void {
    const timer = setInterval(() => {
      if (this.readers.size === 0) return;
      poll(url).then(
        (series) => this.tell('metrics', series),
        (err: unknown) => logger.warn({ err, url }, 'metrics not read'),
      );
    }, POLL_MILLISECONDS);
    return () => clearInterval(timer);
  }

  private tell(name: string, data: unknown): void {
    for (const reader of this.readers) reader(name, data);
  }
}

async function poll(url: string): Promise<{ name: string; product?: string; value: number }[]> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  const lines = (await answer.text()).split('\n').map((line) => SERIES.exec(line));
  return lines.flatMap((found) => (found ? [{ name: found[1]!, product: found[2], value: Number(found[3]) }] : []));
}
