// A login provider on this machine, for tools/try_login.py: node login_provider.mjs MODULES PORT CALLBACK
// Whoever names himself is let in; MODULES is the folder with oidc-provider in it.
import { pathToFileURL } from "node:url";

const [modules, port, callback] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "planner",
      client_secret: "not a secret on this machine",
      redirect_uris: [callback],
      post_logout_redirect_uris: [callback],
    },
  ],
  claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["not a secret on this machine"] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, name: sub }) }),
});
// Streamlit asks for a choice of account; the library's own pages have none, and ask for the login in its place.
provider.use((ctx, next) => {
  if (ctx.query.prompt === "select_account") ctx.query = { ...ctx.query, prompt: "login" };
  return next();
});
provider.listen(Number(port), "127.0.0.1");
