import NextAuth from 'next-auth';
import Credentials from 'next-auth/providers/credentials';

export default NextAuth({
  session: { strategy: 'jwt' },
  providers: [
    // Any OAuth provider: its addresses are those of the test.
    {
      id: 'exchange',
      name: 'Exchange',
      type: 'oauth',
      checks: ['state'],
      clientId: 'stranger',
      clientSecret: process.env.EXCHANGE_SECRET,
      authorization: `${process.env.EXCHANGE_URL}/authorize`,
      token: `${process.env.EXCHANGE_URL}/token`,
      userinfo: `${process.env.EXCHANGE_URL}/userinfo`,
      profile: (profile) => ({ id: profile.sub, name: profile.name }),
    },
    Credentials({
      credentials: { name: {} },
      authorize: async ({ name }) => ({ id: `user-${name}`, name }),
    }),
  ],
});
