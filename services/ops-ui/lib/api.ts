import type { NextApiResponse } from 'next';

import type { Known } from './guarded';
import { services } from './settings';

/** Hands a request on to the api, with its id and its user, and the answer back. */
export async function forward(res: NextApiResponse, known: Known, path: string, body?: unknown): Promise<void> {
  const { api, apiToken } = services();
  const answer = await fetch(new URL(path, api), {
    method: body === undefined ? 'GET' : 'POST',
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {
      'content-type': 'application/json',
      'x-request-id': known.requestId,
      'x-user-id': known.userId,
      ...(apiToken ? { authorization: `Bearer ${apiToken}` } : {}),
    },
    signal: AbortSignal.timeout(5000),
  });
  known.log.info({ path, status: answer.status }, 'asked the api');
  res.status(answer.status).json(await answer.json());
}
