const MOST = 10;
const MILLISECONDS = 60_000;
/** Addresses that are remembered; beyond them the one whose last wrong password is longest ago is forgotten. */
const ADDRESSES = 10_000;

/** When the wrong passwords of each address came, the address of the latest one last. */
const failures = new Map<string, number[]>();

const recent = (address: string): number[] => (failures.get(address) ?? []).filter((at) => Date.now() - at < MILLISECONDS);

/** Whether an address may try another password: no more than ten wrong ones a minute. */
export const mayTry = (address: string): boolean => recent(address).length < MOST;

export function wrong(address: string): void {
  const its = [...recent(address), Date.now()];
  failures.delete(address);
  failures.set(address, its);
  const [oldest] = failures.keys();
  if (failures.size > ADDRESSES && oldest !== undefined) failures.delete(oldest);
}

/**
 * Where a request comes from: what the last proxy wrote. Earlier entries of `X-Forwarded-For` are the client's own words. Without a proxy
 * all share one address. Of IPv6 the network counts, for each household has 2^64 addresses.
 */
export function addressOf(headers: Record<string, unknown> | undefined): string {
  const last = String(headers?.['x-forwarded-for'] ?? '').split(',').at(-1)?.trim() ?? '';
  return last.includes(':') ? network(last) : last;
}

/** The first four groups of an IPv6 address. */
function network(address: string): string {
  const [before = '', after] = address.toLowerCase().split('::');
  const groups = before.split(':').filter(Boolean);
  const rest = (after ?? '').split(':').filter(Boolean);
  const zeros = after === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0');
  return [...groups, ...zeros, ...rest].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':');
}
