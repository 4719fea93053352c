// Listens to both buses and logs what it hears.
const Redis = require('ioredis');
const { createClient } = require('redis');
const amqp = require('amqplib');

async function main() {
  const ioredis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
  await ioredis.subscribe('orders');
  ioredis.on('message', async (channel, message) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    console.log('heard', { by: 'ioredis', text: message });
  });

  const client = createClient({ url: `redis://127.0.0.1:${process.env.REDIS_PORT}` });
  const subscriber = client.duplicate();
  await subscriber.connect();
  await subscriber.subscribe('orders', (message) => console.log('heard', { by: 'redis', text: message }));

  const connection = await amqp.connect(process.env.AMQP_URL);
  const channel = await connection.createChannel();
  await channel.assertExchange('atlas_bus', 'topic', { durable: true });
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'atlas_bus', '#');
  await channel.consume(queue, (message) => {
    console.log('heard', { by: 'amqp', text: message.content.toString() });
    channel.ack(message);
  });
  console.log('worker ready');
}

main();
