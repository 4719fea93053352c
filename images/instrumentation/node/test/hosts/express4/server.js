// A service as somebody writes it who has never heard of the instrumentation.
const express = require('express');
const axios = require('axios');
const nodeFetch = require('node-fetch');
const Redis = require('ioredis');
const { createClient } = require('redis');
const amqp = require('amqplib');
const { Pool } = require('pg');
const pino = require('pino')({ name: 'api' });

const port = Number(process.env.PORT);
const self = `http://127.0.0.1:${port}`;
const app = express();
app.use(express.json());
app.use((req, res, next) => {
  const token = req.headers.authorization?.split(' ')[1];
  if (token) req.user = { id: token, email: `${token}@example.com` };
  next();
});

const redis = process.env.REDIS_PORT ? new Redis(Number(process.env.REDIS_PORT), '127.0.0.1') : undefined;
const pool = process.env.PGPORT ? new Pool() : undefined;
let nodeRedis;
let channel;

async function connect() {
  if (process.env.REDIS_PORT) {
    nodeRedis = createClient({ url: `redis://127.0.0.1:${process.env.REDIS_PORT}` });
    await nodeRedis.connect();
  }
  if (process.env.AMQP_URL) {
    const connection = await amqp.connect(process.env.AMQP_URL);
    channel = await connection.createChannel();
    await channel.assertExchange('atlas_bus', 'topic', { durable: true });
  }
}

const orders = express.Router({ mergeParams: true });
orders.get('/:id', (req, res) => {
  console.log('looking up order', req.params.id, { orderId: req.params.id });
  pino.info({ orderId: req.params.id }, 'order looked up');
  res.json({ id: req.params.id, requestId: req.id });
});
orders.post('/', async (req, res) => {
  console.log('order accepted');
  const text = '{"order": 1, "price": 0.10, "big": 12345678901234567890}';
  const to = req.query.bus;
  if (to === 'ioredis') await redis.publish('orders', text);
  if (to === 'redis') await nodeRedis.publish('orders', text);
  if (to === 'amqp') channel.publish('atlas_bus', 'orders', Buffer.from(text));
  if (to === 'plain') await redis.publish('orders', 'not json');
  res.status(201).json({ ok: true });
});

const accounts = express.Router();
accounts.use('/:account/orders', orders);
accounts.get('/secret', (req, res) => res.status(403).json({ error: 'no' }));

app.use('/api/orders', orders);
app.use('/api/accounts', accounts);
app.get('/', (req, res) => res.send('hello'));
app.get('/healthz', (req, res) => res.json({ status: 'ok' }));
app.get('/rows', async (req, res) => res.json((await pool.query('SELECT 42 AS answer')).rows));
app.get('/fan-out', async (req, res) => {
  const [first, second, third] = await Promise.all([
    axios.get(`${self}/headers`).then((answer) => answer.data),
    nodeFetch(`${self}/headers`).then((answer) => answer.json()),
    fetch(`${self}/headers`).then((answer) => answer.json()),
  ]);
  res.json({ axios: first, nodeFetch: second, fetch: third });
});
app.get('/headers', (req, res) => res.json(req.headers));
app.get('/api/streams/sse', (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.write('data: {"n":1}\n\n');
  setTimeout(() => res.end('data: {"n":2}\n\n'), 300);
});
app.post('/login', (req, res) => {
  res.cookie('connect.sid', 's1', { maxAge: 1000 });
  res.cookie('theme', 'dark');
  res.cookie('XSRF-TOKEN', 'readable');
  res.json({});
});
app.get('/raw-cookies', (req, res) => {
  res.writeHead(200, { 'Set-Cookie': ['next-auth.session-token.0=a; SameSite=None', 'next-auth.state=b; SameSite=Strict'] });
  res.end();
});
app.get('/auth/callback', (req, res) => {
  res.cookie('connect.sid', 'fresh');
  res.redirect(req.query.to ?? '/home?a=1&b=2');
});
app.get('/boom', () => {
  throw new Error('handler failed');
});
app.get('/crash', (req, res) => {
  res.json({});
  setTimeout(() => {
    throw new RangeError('out of bounds');
  }, 20);
});

connect().then(() => {
  app.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
});
