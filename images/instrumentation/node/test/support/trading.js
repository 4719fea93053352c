'use strict';

const TEXT = '{"order": 1, "price": 0.10, "big": 12345678901234567890}';

/** A service that publishes by each bus and hears all of them, on Express and Fastify. `load` is the `require` of the host that it belongs to. */
async function serve(load) {
  const [amqp, express, fastify, Redis, { Pool }, { createClient }] = ['amqplib', 'express', 'fastify', 'ioredis', 'pg', 'redis'].map((name) => load(name));
  const { AMQP_URL, FASTIFY_PORT, PORT, REDIS_PORT } = process.env;
  const heard = (by) => (text) => console.log('heard', { by, text });

  const publisher = new Redis(Number(REDIS_PORT), '127.0.0.1');
  const subscriber = new Redis(Number(REDIS_PORT), '127.0.0.1');
  await subscriber.subscribe('orders');
  subscriber.on('message', (_, text) => heard('ioredis')(text));

  const client = await createClient({ url: `redis://127.0.0.1:${REDIS_PORT}` }).connect();
  const listener = await client.duplicate().connect();
  await listener.subscribe('orders', heard('redis'));

  const channel = await (await amqp.connect(AMQP_URL)).createChannel();
  await channel.assertExchange('atlas_bus', 'topic', { durable: true });
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'atlas_bus', '#');
  await channel.consume(queue, (message) => heard('amqp')(message.content.toString()), { noAck: true });

  const ways = {
    ioredis: () => publisher.publish('orders', TEXT),
    redis: () => client.publish('orders', TEXT),
    amqp: () => channel.publish('atlas_bus', 'orders', Buffer.from(TEXT)),
  };
  const app = express();
  const orders = express.Router();
  orders.post('/:id', async (req, res) => {
    await ways[req.query.bus]();
    res.status(202).json({});
  });
  orders.get('/:id', async (req, res) => res.json((await pool.query('SELECT 42 AS answer')).rows));
  const pool = new Pool();
  app.use('/orders', orders);

  const server = fastify();
  server.register(async (scope) => scope.get('/items/:item', async (request) => ({ item: request.params.item })), { prefix: '/shop' });
  server.get('/broken', async () => {
    throw new Error('broken');
  });
  await server.listen({ port: Number(FASTIFY_PORT), host: '127.0.0.1' });
  app.listen(Number(PORT), '127.0.0.1', () => console.log('listening'));
}

module.exports = { serve, TEXT };
