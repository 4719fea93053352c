import type { Logger } from 'pino';
import type { Registry } from 'prom-client';

/** Names the user of the current request: its log lines get `user_id`, its span `user.id`. Outside a request it does nothing. */
export function setUser(id: string | number | null | undefined): void;

/** Ids of the caller's span and request, those that are known. */
export function contextFields(): { trace_id?: string; span_id?: string; request_id?: string; user_id?: string };

/** The service's logger, or undefined without the preload. */
export const logger: Logger | undefined;

/** Registries to put metrics of your own into; empty without the preload. */
export const registers: Registry[];
