// A framework that no instrumentation of ours knows, and the host's own does.
require('./tracing');
const Koa = require('koa');

const app = new Koa();
app.use(async function answer(context) {
  context.body = 'koa';
});
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
