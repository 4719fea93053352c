// A service as somebody writes it who has never heard of the instrumentation.
const express = require('express');
const { Counter, Gauge } = require('prom-client');

const orders = new Counter({ name: 'orders_total', help: 'Orders', labelNames: ['side'] });
const open = new Gauge({ name: 'open_orders', help: 'Open orders' });
open.set(1);

const app = express();
app.get('/orders/:id', (req, res) => {
  orders.inc({ side: 'buy' });
  res.json({ pid: process.pid });
});
app.get('/block', (req, res) => {
  res.end('blocked from here on');
  setTimeout(() => {
    for (const end = Date.now() + Number(req.query.for); Date.now() < end;);
  }, 20);
});
app.get('/end', (req, res) => {
  res.set('connection', 'close').json({ pid: process.pid });
  res.on('finish', () => setTimeout(() => (req.query.by === 'exit' ? process.exit(0) : req.query.by === 'disconnect' ? process.disconnect() : process.kill(process.pid, req.query.by)), 20));
});

app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log(`up ${process.pid}`));
