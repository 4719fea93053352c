const MOST = 10;
const MILLISECONDS = 60_000;

let failures: number[] = [];

/** Whether another password may be tried: no more than ten wrong ones a minute, whoever sends them. */
export function mayTry(): boolean {
  failures = failures.filter((at) => Date.now() - at < MILLISECONDS);
  return failures.length < MOST;
}

export function wrong(): void {
  failures.push(Date.now());
}
