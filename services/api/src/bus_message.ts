import type { Event } from './bus';
import logger from './logger';

/** The bus cannot be reached: an HTTP 503. */
export class BusDown extends Error {
  readonly status = 503;
  constructor() {
    super('the event bus does not answer: try again');
  }
}

/** An event as the bus carries it, with the publisher's clock in Unix seconds. */
export function encode(event: Event): string {
  return JSON.stringify({ ...event, published_at: Date.now() / 1000 });
}

/** The event of a message; undefined, and told, where it is none. */
export function decode(topic: string, message: string): Event | undefined {
  try {
    return JSON.parse(message) as Event;
  } catch (err) {
    logger.warn({ topic, err }, 'event is not JSON');
    return undefined;
  }
}
