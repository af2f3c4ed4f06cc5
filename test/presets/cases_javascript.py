# SPDX-License-Identifier: Apache-2.0
"""How each provider's own JavaScript library judges a request: judges.mjs in one process, a line of JSON a request."""
import json
import pathlib

from judges import LIBRARIES, Judges

PACKAGES = {
    "standard-webhooks": "standardwebhooks", "svix": "svix", "openai": "openai", "stripe": "stripe", "slack": "@slack/bolt",
    "adyen": "@adyen/api-library", "braintree": "braintree", "twilio": "twilio", "twilio-json": "twilio",
    "github": "@octokit/webhooks-methods", "linear": "@linear/sdk", "notion": "@notionhq/client",
    "paddle": "@paddle/paddle-node-sdk", "sanity": "@sanity/webhook", "sendgrid": "@sendgrid/eventwebhook",
    "workos": "@workos-inc/node", "coinbase-commerce": "coinbase-commerce-node", "discord": "discord-interactions",
    "gocardless": "gocardless-nodejs", "hubspot-v1": "@hubspot/api-client", "hubspot-v2": "@hubspot/api-client",
    "hubspot-v3": "@hubspot/api-client", "razorpay": "razorpay", "square": "square", "elevenlabs": "@elevenlabs/elevenlabs-js",
    "line": "@line/bot-sdk", "mux": "@mux/mux-node", "webflow": "webflow-api", "polar": "@polar-sh/sdk", "nango": "@nangohq/node",
    "box": "box-node-sdk", "pusher": "pusher", "clerk": "@clerk/backend", "resend": "resend", "dodo": "dodopayments",
    "modern-treasury": "modern-treasury", "replicate": "replicate", "telnyx": "telnyx", "vonage": "@vonage/jwt",
    "messagebird": "messagebird", "easypost": "@easypost/api", "shopify": "@shopify/shopify-api", "wix": "@wix/sdk",
    "atlassian-connect": "atlassian-jwt", "chargebee": "chargebee",
}


_judge = Judges("node", str(pathlib.Path(__file__).with_name("judges.mjs")))


def version(package):
    return json.loads((LIBRARIES / "node_modules" / package / "package.json").read_text())["version"]


JUDGES = {name: (package, _judge) for name, package in PACKAGES.items()}
