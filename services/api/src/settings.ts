import { z } from 'zod';

const port = (preset: number) => z.coerce.number().int().min(1).max(65535).default(preset);
const yes = z.stringbool().default(false);
// An empty variable is one that is not set.
const text = z.string().min(1);

const schema = z.object({
  PORT: port(8000),
  ALLOWED_MARKETS: text.default('BTC-USD,ETH-USD').transform((list) => list.split(',').map((market) => market.trim())),
  POSTGRES_HOST: text,
  POSTGRES_PORT: port(5432),
  POSTGRES_USER: text,
  POSTGRES_PASSWORD: text,
  POSTGRES_DB: text,
  REDIS_HOST: text.default('cache'),
  REDIS_PORT: port(6379),
  RABBITMQ_HOST: text.optional(),
  RABBITMQ_PORT: port(5672),
  RABBITMQ_USER: text.default('guest'),
  RABBITMQ_PASSWORD: text.default('guest'),
  METRICS_URL: z.url().default('http://workers:9108/metrics'),
  USE_SSE: z.stringbool().default(true),
  USE_EVENT_BUS_SSE: yes,
  API_TOKEN: text.optional(),
  OPS_UI_TOKEN: text.optional(),
  FAULTS: yes,
});

export type Settings = z.infer<typeof schema>;

/** The settings. @throws Error whose message names every variable that is missing or wrong. */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`wrong environment: ${problems.join('; ')}. Set these variables as services/README.md says.`);
}
