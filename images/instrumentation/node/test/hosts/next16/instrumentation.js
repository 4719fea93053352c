// Next.js' own hook, as its documentation has it.
export async function register() {
  if (process.env.NEXT_RUNTIME === 'nodejs') await import('./tracing.js');
}
