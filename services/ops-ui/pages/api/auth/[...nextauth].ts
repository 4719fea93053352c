import type { NextApiHandler } from 'next';
import NextAuth from 'next-auth';

import { authOptions } from '../../../lib/auth';
import { readSignIn } from '../../../lib/settings';

const handler: NextApiHandler = (req, res) => {
  const { settings, problem } = readSignIn();
  if (!settings) {
    // The page asks whether somebody is signed in, and nobody is.
    if (req.url?.startsWith('/api/auth/session')) return res.status(200).json({});
    return res.status(503).json({ error: problem });
  }
  return NextAuth(req, res, authOptions(settings));
};
export default handler;
