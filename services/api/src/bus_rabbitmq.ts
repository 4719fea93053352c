import { connect, type AmqpConnectionManager } from 'amqp-connection-manager';
import type { ConfirmChannel } from 'amqplib';

import type { Bus, Event, Listener } from './bus';
import { BusDown, decode, encode } from './bus_message';
import logger from './logger';
import type { Settings } from './settings';

const EXCHANGE = 'atlas_bus';
const CONFIRM_MS = 5000;

/** The bus over RabbitMQ: a durable topic exchange, routing key = topic, a queue of its own for every subscriber. */
export class RabbitBus implements Bus {
  private readonly connection: AmqpConnectionManager;
  private channel?: ConfirmChannel;

  constructor(settings: Settings) {
    const user = `${encodeURIComponent(settings.RABBITMQ_USER)}:${encodeURIComponent(settings.RABBITMQ_PASSWORD)}`;
    const url = `amqp://${user}@${settings.RABBITMQ_HOST}:${settings.RABBITMQ_PORT}`;
    this.connection = connect([url], { reconnectTimeInSeconds: 1, heartbeatIntervalInSeconds: 5 });
    let told = false;
    const lost = ({ err }: { err: Error }): void => {
      this.channel = undefined;
      if (!told) logger.warn({ err }, 'bus lost');
      told = true;
    };
    this.connection.on('connectFailed', lost);
    this.connection.on('disconnect', lost);
    this.connection.createChannel({
      setup: async (channel: ConfirmChannel) => {
        await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
        this.channel = channel;
        // Here, and not when the connection is made: without its channel no order could be placed yet.
        told = false;
        logger.info({ bus: 'rabbitmq' }, 'bus connected');
      },
    });
  }

  async publish(topic: string, event: Event): Promise<void> {
    // The channel itself, and not the manager's queue: an order of a minute ago must not be placed now.
    const channel = this.channel;
    if (!channel) throw new BusDown();
    const message = Buffer.from(encode(event));
    try {
      await new Promise<void>((resolve, reject) => {
        // A broker that hangs, or blocks its publishers, says nothing at all.
        const late = setTimeout(() => reject(new Error(`not confirmed in ${CONFIRM_MS} ms`)), CONFIRM_MS);
        channel.publish(EXCHANGE, topic, message, { contentType: 'application/json' }, (err) => {
          clearTimeout(late);
          if (err) reject(err as Error);
          else resolve();
        });
      });
    } catch (err) {
      logger.error({ topic, err }, 'event not published');
      throw new BusDown();
    }
  }

  async subscribe(topics: string[], listener: Listener): Promise<void> {
    const wrapper = this.connection.createChannel({
      setup: async (channel: ConfirmChannel) => {
        await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
        const { queue } = await channel.assertQueue('', { exclusive: true });
        for (const topic of topics) await channel.bindQueue(queue, EXCHANGE, topic);
        const receive = (message: { fields: { routingKey: string }; content: Buffer } | null): void => {
          if (!message) return;
          const event = decode(message.fields.routingKey, message.content.toString());
          if (event) listener(message.fields.routingKey, event);
        };
        await channel.consume(queue, receive, { noAck: true });
      },
    });
    await wrapper.waitForConnect();
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
