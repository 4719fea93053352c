'use strict';

// The measured service: a JSON body, a wait of 5 ms as for a store, one log line, a JSON answer.
const { createRequire } = require('node:module');
const { join } = require('node:path');

const express = createRequire(join(__dirname, '..', '..', 'images', 'instrumentation', 'node', 'test', 'hosts', 'express4', 'package.json'))('express');

const app = express();
app.use(express.json());
app.post('/api/orders/:id', async (req, res) => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log('order', { id: req.params.id, size: req.body.size });
  res.json({ id: req.params.id, notional: req.body.size * req.body.price });
});
app.get('/memory', (req, res) => res.json(process.memoryUsage().rss));
const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port));
