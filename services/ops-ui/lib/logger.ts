import pino from 'pino';

/** Where pino's words are not those of the other services. */
const WORDS: Record<string, string> = { trace: 'debug', warn: 'warning', fatal: 'critical' };

/** One logger for the service. Its level is LOG_LEVEL's word, its form the one that all services share. */
const logger = pino({
  level: process.env.LOG_LEVEL || 'info',
  messageKey: 'message',
  base: { service: 'ops-ui' },
  timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
  formatters: { level: (label) => ({ level: WORDS[label] ?? label }) },
});
export default logger;
