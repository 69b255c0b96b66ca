// OpenID Connect providers of a campus: oidc-provider as it is, with people, groups and two levers.
//
// node provider.mjs CAMPUSES   CAMPUSES: JSON, a list of {port, clients}
//
// Anybody may sign in under any name; the name is the subject. Levers: POST /lever/rotate makes new
// keys and forgets the old ones; POST /lever/people sets claims by subject. Prints a line for each
// provider that answers, and ends with its standard input.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

let keys = 0;
function makeKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  keys += 1;
  return { ...privateKey.export({ format: "jwk" }), kid: `key-${keys}`, use: "sig", alg: "RS256" };
}

function makeProvider(issuer, clients, people) {
  return new Provider(issuer, {
    clients,
    jwks: { keys: [makeKey()] },
    cookies: { keys: ["only for tests"] },
    pkce: { required: () => true },
    claims: {
      openid: ["sub", "groups"],
      profile: ["name"],
      email: ["email", "email_verified"],
    },
    // It calls no loopback address by itself, and that is where the tool of a test is.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    async findAccount(_context, subject) {
      return { accountId: subject, claims: async () => ({ sub: subject, ...people.get(subject) }) };
    },
  });
}

async function read(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return JSON.parse(text || "null");
}

function serve({ port, clients }) {
  const issuer = `http://127.0.0.1:${port}`;
  const people = new Map();
  let provider = makeProvider(issuer, clients, people);
  const server = createServer(async (request, response) => {
    if (request.url === "/lever/rotate") {
      provider = makeProvider(issuer, clients, people);
    } else if (request.url === "/lever/people") {
      for (const [subject, claims] of Object.entries(await read(request))) {
        people.set(subject, claims);
      }
    } else {
      return provider.callback()(request, response);
    }
    return response.writeHead(204).end();
  });
  server.listen(port, "127.0.0.1", () => console.log("ready"));
}

JSON.parse(process.argv[2]).forEach(serve);
process.stdin.on("close", () => process.exit());
process.stdin.resume();
