// SPDX-License-Identifier: Apache-2.0
// How each provider's own JavaScript library judges a request: a line of JSON in (preset, secret, headers, body, url,
// companion), "true" or "false" out. The packages are in the folder that PRESET_LIBRARIES names.
import { createRequire } from "node:module";
import readline from "node:readline";

const folder = process.env.PRESET_LIBRARIES;
const from = createRequire(folder + "/package.json");
const load = async (name) => {
  try {
    return from(name);
  } catch (e) {
    if (!["ERR_REQUIRE_ESM", "ERR_PACKAGE_PATH_NOT_EXPORTED"].includes(e.code)) throw e;
    return import(from.resolve(name));
  }
};
const request = (r) => new Request(r.url, { method: "POST", headers: r.headers, body: r.body });
const form = (r) => Object.fromEntries([...new Set(new URLSearchParams(r.body).keys())].map((key) => {
  const all = new URLSearchParams(r.body).getAll(key);
  return [key, all.length > 1 ? all : all[0]];
}));
const svix = async (r) => new (await load("svix")).Webhook(r.secret).verify(r.body, r.headers) !== null;
const standard = async (r) => new (await load("standardwebhooks")).Webhook(r.secret).verify(r.body, r.headers) !== null;

async function slack(r) {
  (await load("@slack/bolt")).verifySlackRequest({
    signingSecret: r.secret, body: r.body,
    headers: { "x-slack-signature": r.headers["x-slack-signature"],
               "x-slack-request-timestamp": Number(r.headers["x-slack-request-timestamp"]) } });
  return true;
}

async function adyen(r) {
  const validator = new (await load("@adyen/api-library")).hmacValidator();
  return JSON.parse(r.body).notificationItems.every((item) => validator.validateHMAC(item.NotificationRequestItem, r.secret));
}

async function braintree(r) {
  const lib = await load("braintree");
  const gateway = new lib.BraintreeGateway({ environment: lib.Environment.Sandbox, merchantId: "m", publicKey: r.companion,
                                             privateKey: r.secret });
  const fields = form(r);
  return gateway.webhookNotification.parse(fields.bt_signature, fields.bt_payload);
}

async function shopify(r) {
  await import(from.resolve("@shopify/shopify-api/adapters/node"));
  const { shopifyApi } = await import(from.resolve("@shopify/shopify-api"));
  const shop = shopifyApi({ apiKey: "k", apiSecretKey: r.secret, hostName: "x.example", isEmbeddedApp: false,
                            apiVersion: "2026-01", logger: { log: () => {} } });
  const http = await import("node:http");
  const rawRequest = Object.assign(Object.create(http.IncomingMessage.prototype), { method: "POST", url: "/in/abc",
    headers: { host: "x.example", "x-shopify-topic": "a/b", "x-shopify-shop-domain": "s.myshopify.com",
               "x-shopify-api-version": "2026-01", "x-shopify-webhook-id": "w", ...r.headers } });
  const answer = await shop.webhooks.validate({ rawBody: r.body, rawRequest, rawResponse: { setHeader() {}, end() {} } });
  return answer.valid;
}

async function linear(r) {
  const { LinearWebhookClient } = await load("@linear/sdk/webhooks");
  return new LinearWebhookClient(r.secret).verify(Buffer.from(r.body), r.headers["linear-signature"],
                                                  JSON.parse(r.body).webhookTimestamp);
}

async function hubspot(version, header, r) {
  const { Signature } = await load("@hubspot/api-client");
  return Signature.isValid({ signature: r.headers[header], clientSecret: r.secret, requestBody: r.body, url: r.url, method: "POST",
                             signatureVersion: version, timestamp: Number(r.headers["x-hubspot-request-timestamp"]) });
}

async function messagebird(r) {
  const { verify, VerifyOptions } = await load("messagebird/lib/webhook-signature-jwt");
  const { createSecretKey } = await import("node:crypto");
  await verify(r.url, Buffer.from(r.body), r.headers["messagebird-signature-jwt"], createSecretKey(Buffer.from(r.secret)),
               new VerifyOptions({ issuer: "MessageBird", algorithms: ["HS256"], clockTolerance: 1 }));
  return true;
}

async function pusher(r) {
  const Pusher = await load("pusher");
  const client = new Pusher({ appId: "1", key: "key", secret: r.secret, cluster: "eu" });
  return client.webhook({ headers: { "x-pusher-key": "key", "x-pusher-signature": r.headers["x-pusher-signature"],
                                     "content-type": "application/json" }, rawBody: r.body }).isValid();
}

async function wix(r) {
  const { createClient, AppStrategy } = await import(from.resolve("@wix/sdk"));
  const client = createClient({ auth: AppStrategy({ appId: "a", publicKey: r.secret }), modules: {} });
  await client.webhooks.process(r.body);
  return true;
}

async function paddle(r) {
  const { Paddle, WebhooksValidator } = await load("@paddle/paddle-node-sdk");
  new Paddle("none"); // which tells the library what it runs on
  return new WebhooksValidator().isValidSignature(r.body, r.secret, r.headers["paddle-signature"]);
}

async function chargebee(r) {
  const { basicAuthValidator } = await load("chargebee");
  const validate = basicAuthValidator((user, password) => `${user}:${password}` === r.secret);
  await validate(r.headers);
  return true;
}

const client = (name, field) => async (options) => new ((await load(name))[field])(options);
const judges = {
  "standard-webhooks": standard,
  svix,
  openai: async (r) => (await (await client("openai", "OpenAI")({ apiKey: "none" })).webhooks.verifySignature(
    r.body, r.headers, r.secret)) === undefined,
  stripe: async (r) => new (await load("stripe"))("none").webhooks.constructEvent(r.body, r.headers["stripe-signature"], r.secret),
  slack,
  adyen,
  braintree,
  twilio: async (r) => (await load("twilio")).validateRequest(r.secret, r.headers["x-twilio-signature"], r.url, form(r)),
  "twilio-json": async (r) => (await load("twilio")).validateRequestWithBody(r.secret, r.headers["x-twilio-signature"], r.url, r.body),
  github: async (r) => (await import(folder + "/node_modules/@octokit/webhooks-methods/dist-node/index.js")).verify(
    r.secret, r.body, r.headers["x-hub-signature-256"]),
  linear,
  notion: async (r) => (await load("@notionhq/client")).verifyWebhookSignature(
    { body: r.body, signature: r.headers["x-notion-signature"], verificationToken: r.secret }),
  paddle,
  sanity: async (r) => (await load("@sanity/webhook")).isValidSignature(r.body, r.headers["sanity-webhook-signature"], r.secret),
  sendgrid: async (r) => {
    const { EventWebhook } = await load("@sendgrid/eventwebhook");
    const hook = new EventWebhook();
    return hook.verifySignature(hook.convertPublicKeyToECDSA(r.secret), r.body, r.headers["x-twilio-email-event-webhook-signature"],
                                r.headers["x-twilio-email-event-webhook-timestamp"]);
  },
  workos: async (r) => (await client("@workos-inc/node", "WorkOS")("none")).webhooks.verifyHeader(
    { payload: JSON.parse(r.body), sigHeader: r.headers["workos-signature"], secret: r.secret, tolerance: 180000 }),
  "coinbase-commerce": async (r) => (await load("coinbase-commerce-node")).Webhook.verifySigHeader(
    r.body, r.headers["x-cc-webhook-signature"], r.secret),
  discord: async (r) => (await load("discord-interactions")).verifyKey(
    r.body, r.headers["x-signature-ed25519"], r.headers["x-signature-timestamp"], r.secret),
  gocardless: async (r) => (await load("gocardless-nodejs/webhooks")).parse(r.body, r.secret, r.headers["webhook-signature"]),
  "hubspot-v1": (r) => hubspot("v1", "x-hubspot-signature", r),
  "hubspot-v2": (r) => hubspot("v2", "x-hubspot-signature", r),
  "hubspot-v3": (r) => hubspot("v3", "x-hubspot-signature-v3", r),
  razorpay: async (r) => (await load("razorpay")).validateWebhookSignature(r.body, r.headers["x-razorpay-signature"], r.secret),
  square: async (r) => (await load("square")).WebhooksHelper.verifySignature({ requestBody: r.body, signatureKey: r.secret,
    signatureHeader: r.headers["x-square-hmacsha256-signature"], notificationUrl: r.url }),
  elevenlabs: async (r) => (await client("@elevenlabs/elevenlabs-js", "ElevenLabsClient")({ apiKey: "none" })).webhooks.constructEvent(
    r.body, r.headers["elevenlabs-signature"], r.secret),
  line: async (r) => (await load("@line/bot-sdk")).validateSignature(r.body, r.secret, r.headers["x-line-signature"]),
  mux: async (r) => (await (await client("@mux/mux-node", "Mux")({ tokenId: "a", tokenSecret: "b" })).webhooks.verifySignature(
    r.body, r.headers, r.secret)) === undefined,
  webflow: async (r) => (await client("webflow-api", "WebflowClient")({ accessToken: "none" })).webhooks.verifySignature(
    { headers: r.headers, body: r.body, secret: r.secret }),
  polar: async (r) => {
    const { validateEvent, WebhookVerificationError } = await load("@polar-sh/sdk/webhooks");
    try {
      validateEvent(r.body, r.headers, r.secret);
    } catch (e) {
      if (e instanceof WebhookVerificationError) return false;
      if (!/event/.test(e.message)) throw e; // verified, but no event of theirs
    }
    return true;
  },
  nango: async (r) => (await client("@nangohq/node", "Nango")({ secretKey: r.secret })).verifyIncomingWebhookRequest(r.body, r.headers),
  box: async (r) => (await load("box-node-sdk/lib/managers/webhooks")).WebhooksManager.validateMessage(r.body, r.headers, r.secret),
  pusher,
  clerk: async (r) => (await load("@clerk/backend/webhooks")).verifyWebhook(request(r), { signingSecret: r.secret }),
  resend: async (r) => (await client("resend", "Resend")("re_none")).webhooks.verify({ payload: r.body, webhookSecret: r.secret,
    headers: { id: r.headers["svix-id"], timestamp: r.headers["svix-timestamp"], signature: r.headers["svix-signature"] } }),
  dodo: async (r) => (await client("dodopayments", "DodoPayments")({ bearerToken: "none" })).webhooks.unwrap(
    r.body, { headers: r.headers, key: r.secret }),
  "modern-treasury": async (r) => (await client("modern-treasury", "ModernTreasury")(
    { apiKey: "none", organizationID: "none" })).webhooks.validateSignature(r.body, r.headers, { key: r.secret }),
  replicate: async (r) => (await load("replicate")).validateWebhook({ id: r.headers["webhook-id"], body: r.body, secret: r.secret,
    timestamp: r.headers["webhook-timestamp"], signature: r.headers["webhook-signature"] }),
  telnyx: async (r) => {
    await new (await load("telnyx/lib/webhooks")).TelnyxWebhook(r.secret).verify(r.body, r.headers);
    return true;
  },
  vonage: async (r) => (await load("@vonage/jwt")).verifySignature(r.headers["authorization"].slice(7), r.secret),
  messagebird,
  easypost: async (r) => new (await load("@easypost/api"))("none").Utils.validateWebhook(
    Buffer.from(r.body), { "X-Hmac-Signature": r.headers["x-hmac-signature"] }, r.secret),
  shopify,
  wix,
  chargebee,
  "atlassian-connect": async (r) => (await load("atlassian-jwt")).decodeSymmetric(r.headers.authorization.slice(4), r.secret, "HS256"),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const r = JSON.parse(line);
  let verdict;
  try {
    verdict = { good: Boolean(await judges[r.preset](r)) };
  } catch (e) {
    verdict = { good: false, why: String(e).slice(0, 300) };
  }
  process.stdout.write("\x1e" + JSON.stringify(verdict) + "\n"); // some libraries print, too
}
