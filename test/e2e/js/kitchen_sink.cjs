// SPDX-License-Identifier: Apache-2.0
// The official JavaScript SDK, unmodified, against the server whose address and token stand in the
// environment. Says "done" at the end; any failed assertion ends it with its words.
const assert = require("node:assert");
const http = require("node:http");
const path = require("node:path");

let svix, Webhook;

// Debian 12's Node.js 18 is older than the SDK asks for: it can only import ES modules, import() passes NODE_PATH
// over, and `crypto` is not a global there yet.
async function load() {
  globalThis.crypto ??= require("node:crypto").webcrypto;
  const sdk = await import(path.join(process.env.NODE_PATH, "svix", "dist", "index.mjs"));
  svix = new sdk.Svix(process.env.GRAPNEL_TOKEN, { serverUrl: process.env.GRAPNEL_URL });
  Webhook = sdk.Webhook;
}

function receive() {
  const received = [];
  const waiting = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      response.end("thanks");
      received.push({ headers: request.headers, body });
      waiting.splice(0).forEach((go) => go());
    });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}/hook`,
        async wait(count) {
          while (received.length < count) await new Promise((go) => waiting.push(go));
          return received;
        },
        close: () => server.close() && server.closeAllConnections(),
      })
    )
  );
}

// A delivery that has just arrived may be on its way to the record still: 409 until it is there.
async function onceRecorded(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      assert.strictEqual(error.code, 409);
    }
  }
}

async function kitchenSink() {
  const app = await svix.application.create({ name: "App" });
  for (const name of ["event.started", "event.ended"])
    await svix.eventType.create({ name, description: "Something" });
  await assert.rejects(svix.eventType.create({ name: "event.ended", description: "" }), { code: 409 });
  const endpoint = await svix.endpoint.create(app.id, { url: "https://example.svix.com/", channels: ["ch0", "ch1"] });
  assert.deepStrictEqual(endpoint.channels.sort(), ["ch0", "ch1"]);
  const patched = await svix.endpoint.patch(app.id, endpoint.id, { eventTypes: ["event.started", "event.ended"] });
  assert.deepStrictEqual(patched.eventTypes.sort(), ["event.ended", "event.started"]);
  await svix.endpoint.delete(app.id, endpoint.id);
  await assert.rejects(svix.endpoint.get(app.id, endpoint.id), { code: 404 });
}

async function delivery() {
  const receiver = await receive();
  const app = await svix.application.create({ name: "App", uid: "js-customer" });
  const endpoint = await svix.endpoint.create(app.id, { url: receiver.url });
  const { key } = await svix.endpoint.getSecret(app.id, endpoint.id);
  const sent = await svix.message.create("js-customer", { eventType: "a.b", payload: { hello: "wörld" }, eventId: "e1" });
  const [got] = await receiver.wait(1);
  new Webhook(key).verify(got.body, got.headers); // throws unless it fits
  assert.throws(() => new Webhook(key).verify(got.body + " ", got.headers));
  assert.deepStrictEqual(JSON.parse(got.body), { hello: "wörld" });
  assert.strictEqual(got.headers["svix-id"], sent.id);
  await onceRecorded(() => svix.messageAttempt.resend(app.id, sent.id, endpoint.id));
  await receiver.wait(2);
  const attempts = await svix.messageAttempt.listByMsg(app.id, sent.id);
  assert.ok(attempts.data.length >= 1);
  assert.strictEqual((await svix.message.get(app.id, "e1", { withContent: true })).payload.hello, "wörld");
  receiver.close();
}

async function pagesAndIdempotency() {
  const app = await svix.application.create({ name: "App" });
  for (let n = 0; n < 5; n++) await svix.message.create(app.id, { eventType: "a.b", payload: { n } });
  const first = await svix.message.list(app.id, { limit: 3, withContent: true });
  assert.deepStrictEqual(first.data.map((m) => m.payload.n), [4, 3, 2]);
  const second = await svix.message.list(app.id, { limit: 3, iterator: first.iterator, withContent: true });
  assert.deepStrictEqual(second.data.map((m) => m.payload.n), [1, 0]);
  assert.ok(second.done && !first.done);
  const message = { eventType: "a.b", payload: { n: 9 } };
  const once = await svix.message.create(app.id, message, { idempotencyKey: "once" });
  const again = await svix.message.create(app.id, message, { idempotencyKey: "once" });
  assert.strictEqual(once.id, again.id);
  await assert.rejects(svix.application.create({ name: "" }), { code: 422 });
  await svix.application.delete(app.id);
  await assert.rejects(svix.application.get(app.id), { code: 404 });
}

load()
  .then(kitchenSink)
  .then(delivery)
  .then(pagesAndIdempotency)
  .then(() => console.log("done"))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
