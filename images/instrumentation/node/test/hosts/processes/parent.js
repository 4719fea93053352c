// Starts the service as a child: by fork, or blocked until it ends.
const { fork, spawnSync } = require('node:child_process');
const { Counter } = require('prom-client');

new Counter({ name: 'started_total', help: 'Children' }).inc();
if (process.argv[2] === 'blocked') setTimeout(() => spawnSync(process.execPath, ['server.js'], { stdio: 'inherit' }), 100);
else {
  const child = fork('server.js', { detached: true });
  child.on('disconnect', () => console.log('disconnected'));
  process.on('SIGUSR2', () => {
    child.unref();
    child.channel?.unref();
    process.exit(0);
  });
  setInterval(() => {}, 1000);
}
