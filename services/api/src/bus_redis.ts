import Redis from 'ioredis';

import type { Bus, Event, Listener } from './bus';
import { BusDown, decode, encode } from './bus_message';
import logger from './logger';
import type { Settings } from './settings';

/** The bus over Redis pub/sub: a channel a topic. */
export class RedisBus implements Bus {
  private readonly publisher: Redis;
  private readonly subscriber: Redis;

  constructor(settings: Settings) {
    // Nothing waits in a queue of the client: an order of a minute ago must not be placed now.
    const where = { host: settings.REDIS_HOST, port: settings.REDIS_PORT, retryStrategy: () => 1000 };
    this.publisher = new Redis({ ...where, enableOfflineQueue: false, commandTimeout: 5000 });
    this.subscriber = new Redis({ ...where, maxRetriesPerRequest: null });
    let told = false;
    this.publisher.on('error', (err) => {
      if (!told) logger.warn({ err }, 'bus lost');
      told = true;
    });
    this.publisher.on('ready', () => {
      told = false;
      logger.info({ bus: 'redis' }, 'bus connected');
    });
    this.subscriber.on('error', () => undefined); // the publisher has told it
  }

  async publish(topic: string, event: Event): Promise<void> {
    try {
      await this.publisher.publish(topic, encode(event));
    } catch (err) {
      logger.error({ topic, err }, 'event not published');
      throw new BusDown();
    }
  }

  async subscribe(topics: string[], listener: Listener): Promise<void> {
    this.subscriber.on('message', (topic, message) => {
      const event = decode(topic, message);
      if (event) listener(topic, event);
    });
    await this.subscriber.subscribe(...topics);
  }

  async close(): Promise<void> {
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }
}
