/** Next.js calls it once, before the first request: what keeps people from signing in is told at the start. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { default: logger } = await import('./lib/logger');
  const { readSignIn } = await import('./lib/settings');
  const { problem } = readSignIn();
  if (problem) logger.error(problem);
}
