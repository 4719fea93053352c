import { RabbitBus } from './bus_rabbitmq';
import { RedisBus } from './bus_redis';
import type { Settings } from './settings';

export type Event = Record<string, unknown>;
export type Listener = (topic: string, event: Event) => void;

/** Topics and their members: services/workers/workers/topics.py. The bus keeps nothing. */
export interface Bus {
  /** @throws BusDown if the event cannot be given to the bus now: it is not kept for later. */
  publish(topic: string, event: Event): Promise<void>;
  /** Every event of these topics from now on. */
  subscribe(topics: string[], listener: Listener): Promise<void>;
  close(): Promise<void>;
}

/** RabbitMQ where RABBITMQ_HOST is set, else Redis. */
export function openBus(settings: Settings): Bus {
  return settings.RABBITMQ_HOST ? new RabbitBus(settings) : new RedisBus(settings);
}
