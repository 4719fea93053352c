import { timingSafeEqual, createHash } from 'node:crypto';
import { compare } from 'bcryptjs';
import type { AuthOptions } from 'next-auth';
import { encode } from 'next-auth/jwt';
import Credentials from 'next-auth/providers/credentials';

import { addressOf, mayTry, wrong } from './attempts';
import logger from './logger';
import type { SignIn } from './settings';

/** Seconds. */
const now = (): number => Math.floor(Date.now() / 1000);
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * NextAuth's options. Its cookies are the secure ones always (`__Secure-`, `__Host-`: browsers take those over TLS alone), the session is
 * SameSite=Strict and ends SESSION_MAX_AGE after the sign-in. Its own CSRF token guards signing in and out; `guarded.ts` guards the rest.
 */
export function authOptions(settings: SignIn): AuthOptions {
  return {
    secret: settings.NEXTAUTH_SECRET,
    useSecureCookies: true,
    session: { strategy: 'jwt', maxAge: settings.SESSION_MAX_AGE },
    callbacks: {
      jwt: ({ token, user }) => (user ? { ...token, began: now() } : token),
    },
    jwt: {
      // Each use of a session writes it anew. It keeps its end all the same, and no use puts that off.
      encode: ({ token, maxAge, ...rest }) =>
        encode({ token, maxAge: typeof token?.began === 'number' ? token.began + settings.SESSION_MAX_AGE - now() : maxAge, ...rest }),
    },
    cookies: {
      sessionToken: {
        name: '__Secure-next-auth.session-token',
        options: { httpOnly: true, secure: true, sameSite: 'strict', path: '/' },
      },
    },
    providers: [
      Credentials({
        credentials: { username: { label: 'User' }, password: { label: 'Password', type: 'password' } },
        authorize: async (given, { headers }) => {
          const address = addressOf(headers);
          if (!given || !mayTry(address)) return null;
          const known = timingSafeEqual(digest(given.username), digest(settings.OPS_UI_USER));
          // Also for a user who is none: both take as long.
          const right = await compare(given.password, settings.OPS_UI_PASSWORD_HASH);
          if (known && right) return { id: settings.OPS_UI_USER, name: settings.OPS_UI_USER };
          wrong(address);
          logger.warn('sign-in refused');
          return null;
        },
      }),
    ],
    events: {
      signIn: ({ user }) => logger.info({ userId: user.id }, 'signed in'),
      signOut: ({ token }) => logger.info({ userId: token.sub }, 'signed out'),
    },
    logger: {
      error: (code, metadata) => logger.error({ code, err: metadata instanceof Error ? metadata : undefined }, 'next-auth'),
      warn: (code) => logger.warn({ code }, 'next-auth'),
      debug: () => undefined,
    },
  };
}
