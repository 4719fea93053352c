import { z } from 'zod';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const text = z.string().min(1);

function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || LOOPBACK.has(hostname);
}

const signIn = z.object({
  NEXTAUTH_URL: z.url().refine(isPrivate, 'an https URL is needed: over http the session could be read on its way'),
  NEXTAUTH_SECRET: z.string().min(32, 'at least 32 characters are needed: openssl rand -base64 32'),
  OPS_UI_USER: text,
  OPS_UI_PASSWORD_HASH: z.string().regex(/^\$2[aby]\$1[0-9]\$.{53}$/, 'a bcrypt hash of cost 10 or more is needed'),
  SESSION_MAX_AGE: z.coerce.number().int().min(60).max(86_400).default(28_800),
});

export type SignIn = z.infer<typeof signIn>;

const given = (): NodeJS.Dict<string> => Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));

/** What signing in needs, or why nobody can: there is no default user, password or secret. SESSION_MAX_AGE is in seconds. */
export function readSignIn(): { settings: SignIn; problem?: undefined } | { settings?: undefined; problem: string } {
  const parsed = signIn.safeParse(given());
  if (parsed.success) return { settings: parsed.data };
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return { problem: `nobody can sign in: ${problems.join('; ')}` };
}

/** Where the other services are. */
export function services(): { api: string; apiToken?: string; metrics: string } {
  const env = given();
  return {
    api: env.API_URL ?? 'http://api:8000',
    apiToken: env.OPS_UI_TOKEN,
    metrics: env.METRICS_URL ?? 'http://workers:9108/metrics',
  };
}
