// A real OpenID provider for tests, of the npm package oidc-provider: see openid.py, which starts it.
// argv: the package's folder, then JSON: port, issuer, audience, jwks (private keys), clients.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, given] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(join(folder, 'lib', 'index.js')).href);
const { port, issuer, audience, jwks, clients } = JSON.parse(given);

const provider = new Provider(issuer, {
  clients,
  jwks,
  cookies: { keys: ['of a test'] },
  claims: { openid: ['sub', 'auth_time'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false, // e-mail and name stand in the ID token
  pkce: { required: () => true },
  // Whoever signs in is who he says: any name, any password.
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: `María ${id}` }),
  }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 }),
    },
  },
});

createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('listening'));
