// SPDX-License-Identifier: Apache-2.0
// Svix's JavaScript SDK: makes something and uses it at once, over and over, until its input ends. A line per round: the message.
const assert = require("node:assert");
const path = require("node:path");

async function play(svix, number) {
  const name = `javascript.round${number}`;
  const app = (await svix.application.create({ name, uid: name })).id;
  assert.strictEqual((await svix.application.get(name)).id, app);
  await svix.application.patch(app, { name: "changed" });
  assert.strictEqual((await svix.application.get(app)).name, "changed");
  await svix.eventType.create({ name, description: "d" });
  assert.strictEqual((await svix.eventType.get(name)).name, name);
  const endpoint = (await svix.endpoint.create(app, { url: process.env.RECEIVER, filterTypes: [name] })).id;
  assert.strictEqual((await svix.endpoint.get(app, endpoint)).id, endpoint);
  assert.match((await svix.endpoint.getSecret(app, endpoint)).key, /^whsec_/);
  const message = (await svix.message.create(app, { eventType: name, payload: { n: number } })).id;
  assert.deepStrictEqual((await svix.message.get(app, message, { withContent: true })).payload, { n: number });
  assert.deepStrictEqual((await svix.message.list(app)).data.map((one) => one.id), [message]);
  console.log(message);
}

// Debian 12's Node.js 18 is older than the SDK asks for: it can only import ES modules, import() passes NODE_PATH
// over, and `crypto` is not a global there yet.
async function main() {
  globalThis.crypto ??= require("node:crypto").webcrypto;
  const { Svix } = await import(path.join(process.env.NODE_PATH, "svix", "dist", "index.mjs"));
  const svix = new Svix(process.env.GRAPNEL_TOKEN, { serverUrl: process.env.GRAPNEL_URL });
  let isAsked = false;
  process.stdin.resume().on("end", () => (isAsked = true));
  for (let number = 0; !isAsked; number++) await play(svix, number);
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
