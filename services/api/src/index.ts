import { createApp } from './app';
import { openBus } from './bus';
import logger from './logger';
import { readSettings, type Settings } from './settings';
import { Store } from './store';
import { Streams } from './streams';

function start(settings: Settings): void {
  const bus = openBus(settings);
  const store = new Store(settings);
  const source = new Streams();
  let stopPolling: () => void = () => undefined;
  if (settings.USE_EVENT_BUS_SSE) source.fromBus(bus).catch((err: unknown) => logger.error({ err }, 'no stream'));
  else stopPolling = source.fromMetrics(settings.METRICS_URL);
  if (!settings.API_TOKEN && !settings.OPS_UI_TOKEN) logger.warn('API_TOKEN is not set: whoever reaches this port may place orders');

  const server = createApp(settings, bus, store, source).listen(settings.PORT, () => {
    logger.info({ port: settings.PORT }, 'listening');
  });
  server.on('error', (err) => {
    logger.fatal({ err }, `cannot listen on port ${settings.PORT}`);
    process.exit(1);
  });

  const stop = (signal: string): void => {
    logger.info({ signal }, 'stopping');
    stopPolling();
    server.close(() => {
      Promise.allSettled([bus.close(), store.close()]).then(() => {
        process.exitCode = 0;
      });
    });
    // Readers of the stream would stay for ever; others are given time to end.
    setTimeout(() => server.closeAllConnections(), 3000).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  start(readSettings());
} catch (err) {
  logger.fatal({ err }, (err as Error).message);
  process.exitCode = 2;
}
