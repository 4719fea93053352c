// An ES module on Express 5 that takes named functions out of the built-in modules.
import { get } from 'node:http';
import express, { Router } from 'express';
import Redis from 'ioredis';
import { Counter } from 'prom-client';

const port = Number(process.env.PORT);
const served = new Counter({ name: 'stranger_things_total', help: 'Things' });
const redis = process.env.REDIS_PORT ? new Redis(Number(process.env.REDIS_PORT), '127.0.0.1') : undefined;

const items = Router();
items.get('/:item', (req, res) => {
  served.inc();
  console.info('item', { item: req.params.item });
  res.json({ item: req.params.item });
});
items.post('/:item', async (req, res) => {
  await redis.publish('items', JSON.stringify({ item: req.params.item }));
  res.sendStatus(202);
});

const app = express();
app.use('/items', items);
app.get('/echo', (req, res) => res.json(req.headers));
app.get('/call', (req, res) => {
  get(`http://127.0.0.1:${port}/echo`, (answer) => answer.pipe(res));
});
app.listen(port, '127.0.0.1', () => console.log('esm ready'));
