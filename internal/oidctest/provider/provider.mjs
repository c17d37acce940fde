// An OpenID provider that is not ours, at the addresses below which mos.ru's
// interfaces lie. argv: a folder with provider.json, and where oidc-provider is
// installed. Prints "listening" once it is.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [folder, modules] = process.argv.slice(2);
const told = JSON.parse(readFileSync(`${folder}/provider.json`, 'utf8'));
const path = createRequire(`${modules}/`).resolve('oidc-provider');
const { default: Provider, errors } = await import(pathToFileURL(path));

const account = (subject) => {
  const person = told.people[subject];
  return person && { accountId: subject, claims: async () => ({ sub: subject, ...person.claims }) };
};

const provider = new Provider(told.issuer, {
  clients: [{
    client_id: told.client, client_secret: told.secret, redirect_uris: [told.redirect], post_logout_redirect_uris: [told.left],
    grant_types: ['authorization_code', ...(told.passwords ? ['password'] : [])], response_types: ['code'],
  }],
  findAccount: (_, subject) => account(subject),
  claims: { openid: ['sub'], profile: ['family_name', 'given_name', 'middle_name', 'preferred_username', 'snils', 'snils_confirmed', 'trusted'] },
  conformIdTokenClaims: true,
  pkce: { required: () => true },
  routes: { authorization: '/oauth/ae', token: '/oauth/te', userinfo: '/oauth/me', jwks: '/oauth/jwks', end_session: '/oauth/logout' },
  cookies: { keys: [told.secret] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
});

// The password grant (RFC 6749 section 4.3), which this provider lacks.
if (told.passwords) {
  provider.registerGrantType('password', async (ctx, next) => {
    const { username, password } = ctx.oidc.params;
    const subject = Object.keys(told.people).find((name) => name === username);
    if (!subject || told.people[subject].password !== password) throw new errors.InvalidGrant('invalid_credentials');
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: subject });
    grant.addOIDCScope('openid profile');
    const grantId = await grant.save();
    const token = new provider.AccessToken({ accountId: subject, client: ctx.oidc.client, grantId, gty: 'password', scope: 'openid profile' });
    ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration };
    await next();
  }, ['username', 'password', 'scope']);
}

createServer(provider.callback()).listen(told.port, '127.0.0.1', () => console.log('listening'));
