'use strict';

/** Cookies of a login that is under way. They have to survive the way back from another site. */
const LOGIN = /(^|[._-])(state|pkce|nonce|code_verifier|callback-url|csrf(-token)?)$/i;

/** Tells whether a name is like `pattern`, where `*` stands for any characters; in one walk over the name, however many stars there are. */
function glob(pattern) {
  const [first, ...parts] = pattern.toLowerCase().split('*');
  const last = parts.pop();
  return (given) => {
    const name = given.toLowerCase();
    if (last === undefined) return name === first;
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of parts) {
      at = name.indexOf(part, at);
      if (at === -1) return false;
      at += part.length;
    }
    return name.length - at >= last.length && name.endsWith(last);
  };
}

/** Browsers cut a big session into `name.0`, `name.1`; prefixes are not part of the name. */
function bare(name) {
  return name.replace(/^__(Host|Secure)-/i, '').replace(/\.\d+$/, '');
}

/**
 * Makes a function that gives a `Set-Cookie` value its flags: HttpOnly, Secure where the service is reached by https, SameSite=Strict for
 * sessions, Lax for a login's own cookies, and Lax where the host says nothing.
 *
 * @param {{mode: 'auto' | 'strict' | 'off', publicUrl?: string, session: string[], kept: string[]}} settings
 */
function createGuard(settings) {
  const session = settings.session.map(glob);
  const kept = settings.kept.map(glob);
  const secure = settings.mode === 'strict' || /^https:/i.test(settings.publicUrl ?? '');
  const any = (globs, name) => globs.some((each) => each(name) || each(bare(name)));
  const nameOf = (cookie) => cookie.slice(0, Math.max(0, cookie.indexOf('='))).trim();
  const isSession = (cookie) => any(session, nameOf(cookie));
  const isLogin = (cookie) => LOGIN.test(bare(nameOf(cookie)));

  function guard(cookie) {
    const name = nameOf(cookie);
    if (name === '' || any(kept, name)) return cookie;
    const [pair, ...attributes] = cookie.split(';').map((part) => part.trim());
    const has = (wanted) => attributes.some((each) => each.split('=')[0].trim().toLowerCase() === wanted);
    const sameSite = isSession(cookie) ? 'Strict' : isLogin(cookie) ? 'Lax' : undefined;
    const parts = attributes.filter((each) => sameSite === undefined || !/^samesite\b/i.test(each));
    if (sameSite !== undefined) parts.push(`SameSite=${sameSite}`);
    else if (!has('samesite')) parts.push('SameSite=Lax');
    if (!has('httponly')) parts.push('HttpOnly');
    if (secure && !has('secure')) parts.push('Secure');
    return [pair, ...parts].filter(Boolean).join('; ');
  }

  return { guard, isLogin, isSession };
}

module.exports = { createGuard };
