'use strict';

// The measured service in Node: a JSON body, a wait as for an exchange or a store, one log line, a JSON answer.
const { createRequire } = require('node:module');
const { join } = require('node:path');

const express = createRequire(join(__dirname, '..', '..', 'images', 'instrumentation', 'node', 'test', 'hosts', 'express4', 'package.json'))('express');

// On average. It varies as a store's does, or the connections would march in step and measure their own queue.
const wait = Number(process.env.WAIT_MS);
const app = express();
app.use(express.json());
app.post('/api/orders/:id', async (req, res) => {
  await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())));
  console.log('order', { id: req.params.id, size: req.body.size });
  res.json({ id: req.params.id, notional: req.body.size * req.body.price });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
