# SPDX-License-Identifier: Apache-2.0
"""How each provider's own Python library judges a request. A judge gets a `Request` and returns a truth value, or raises."""
import json
import types


def _text(r):
    return r.body.decode()


def _standard_webhooks(r):
    import standardwebhooks
    return standardwebhooks.Webhook(r.secret).verify(_text(r), r.headers) is not None


def _svix(r):
    import svix.webhooks
    svix.webhooks.Webhook(r.secret).verify(_text(r), r.headers)
    return True


def _stripe(r):
    import stripe
    return stripe.Webhook.construct_event(_text(r), r.headers["stripe-signature"], r.secret)


def _slack(r):
    from slack_sdk.signature import SignatureVerifier
    return SignatureVerifier(r.secret).is_valid_request(_text(r), r.headers)


def _twilio_algorithm(r):
    from twilio.request_validator import SIGNATURE_SETTINGS_HEADER, get_signature_algorithm
    return get_signature_algorithm(r.headers.get(SIGNATURE_SETTINGS_HEADER.lower()))


def _twilio(r):
    from urllib.parse import parse_qsl
    from twilio.request_validator import RequestValidator

    class Form(dict):
        def getlist(self, name):
            return [value for key, value in self["pairs"] if key == name]

        def __iter__(self):
            return iter(key for key, _ in self["pairs"])
    form = Form(pairs=parse_qsl(_text(r), keep_blank_values=True))
    return RequestValidator(r.secret).validate(r.url, form, r.headers["x-twilio-signature"], _twilio_algorithm(r))


def _twilio_json(r):
    from twilio.request_validator import RequestValidator
    return RequestValidator(r.secret).validate(r.url, _text(r), r.headers["x-twilio-signature"], _twilio_algorithm(r))


def _adyen(r):
    import Adyen.util
    items = json.loads(r.body)["notificationItems"]
    return all(Adyen.util.is_valid_hmac_notification(item["NotificationRequestItem"], r.secret) for item in items)


def _gocardless(r):
    from gocardless_pro import webhooks
    return webhooks.parse(r.body, r.secret, r.headers["webhook-signature"])


def _razorpay(r):
    import razorpay
    client = razorpay.Client(auth=("id", "secret"))
    return client.utility.verify_webhook_signature(_text(r), r.headers["x-razorpay-signature"], r.secret)


def _telnyx(r):
    from telnyx.lib.webhook_verification import verify_webhook_signature
    verify_webhook_signature(r.body, r.headers, r.secret)
    return True


def _vonage(r):
    from vonage_jwt.verify_jwt import verify_signature
    return verify_signature(r.headers["authorization"].removeprefix("Bearer "), r.secret)


def _messagebird(r):
    from messagebird.request_validator import RequestValidator
    return RequestValidator(r.secret).validate_signature(r.headers["messagebird-signature-jwt"], r.url, r.body)


def _sendgrid(r):
    from sendgrid.helpers.eventwebhook import EventWebhook
    hook = EventWebhook(r.secret)
    return hook.verify_signature(_text(r), r.headers["x-twilio-email-event-webhook-signature"],
                                 r.headers["x-twilio-email-event-webhook-timestamp"])


def _discord(r):
    from discord_interactions import verify_key
    return verify_key(r.body, r.headers["x-signature-ed25519"], r.headers["x-signature-timestamp"], r.secret)


def _elevenlabs(r):
    from elevenlabs import ElevenLabs
    client = ElevenLabs(api_key="none")
    return client.webhooks.construct_event(_text(r), r.headers["elevenlabs-signature"], r.secret)


def _openai(r):
    import openai
    openai.OpenAI(api_key="none").webhooks.verify_signature(r.body, r.headers, secret=r.secret)
    return True


def _replicate(r):
    from replicate.webhook import Webhooks, WebhookSigningSecret
    Webhooks.validate(headers=r.headers, body=_text(r), secret=WebhookSigningSecret(key=r.secret), tolerance=300)
    return True


def _polar(r):
    import polar.webhooks
    return polar.webhooks.validate_event(r.body, r.headers, r.secret, frozenset(["made"]), lambda data: data)


def _paddle(r):
    from paddle_billing.Notifications import Secret, Verifier
    request = types.SimpleNamespace(body=r.body, headers={"Paddle-Signature": r.headers["paddle-signature"]})
    return Verifier(5).verify(request, Secret(r.secret))


def _dodo(r):
    import dodopayments
    client = dodopayments.DodoPayments(bearer_token="none", webhook_key="none")
    return client.webhooks.unwrap(_text(r), headers=r.headers, key=r.secret) is not None


def _increase(r):
    import increase
    client = increase.Increase(api_key="none")
    return client.events.unwrap(_text(r), headers=r.headers, key=r.secret) is not None


def _resend(r):
    import resend
    headers = {name: r.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    return resend.Webhooks.verify({"payload": _text(r), "headers": headers, "webhook_secret": r.secret})


def _braintree(r):
    from urllib.parse import parse_qs
    import braintree
    gateway = braintree.BraintreeGateway(braintree.Configuration(
        environment=braintree.Environment.Sandbox, merchant_id="m", public_key=r.companion, private_key=r.secret))
    form = parse_qs(_text(r))
    return gateway.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0])


def _coinbase(r):
    from coinbase_commerce.webhook import WebhookSignature
    return WebhookSignature.verify_sig_header(_text(r), r.headers["x-cc-webhook-signature"], r.secret)


def _pusher(r):
    import pusher
    client = pusher.Pusher(app_id="1", key="key", secret=r.secret)
    return client.validate_webhook("key", r.headers["x-pusher-signature"], _text(r))


def _square(r):
    from square.utils.webhooks_helper import verify_signature
    return verify_signature(request_body=_text(r), signature_header=r.headers["x-square-hmacsha256-signature"],
                            signature_key=r.secret, notification_url=r.url)


def _workos(r):
    from workos.webhooks._verification import verify_header
    verify_header(event_body=r.body, event_signature=r.headers["workos-signature"].replace(",", ", "), secret=r.secret)
    return True


def _hubspot(version, header):
    def judge(r):
        from hubspot.utils.signature import Signature
        more = {"timestamp": r.headers["x-hubspot-request-timestamp"]} if version == "v3" else {}
        return Signature.is_valid(signature=r.headers[header], client_secret=r.secret, request_body=_text(r), http_uri=r.url,
                                  http_method="POST", signature_version=version, **more)
    return judge


def _line(r):
    from linebot.v3.webhook import SignatureValidator
    return SignatureValidator(r.secret).validate(_text(r), r.headers["x-line-signature"])


def _easypost(r):
    from easypost.util import validate_webhook
    return validate_webhook(r.body, {"X-Hmac-Signature": r.headers["x-hmac-signature"]}, r.secret)


def _modern_treasury(r):
    import modern_treasury
    client = modern_treasury.ModernTreasury(api_key="none", organization_id="none")
    return client.webhooks.validate_signature(_text(r), r.headers, key=r.secret)


def _box(r):
    from box_sdk_gen.managers.webhooks import WebhooksManager
    return WebhooksManager.validate_message(_text(r), r.headers, r.secret)


def _sinch(r):
    from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
        validate_sinch_event_signature_with_nonce)
    return validate_sinch_event_signature_with_nonce(r.secret, r.headers, _text(r))


def _mercado_pago(r):
    from urllib.parse import parse_qs, urlsplit
    from mercadopago.webhook.validator import WebhookSignatureValidator
    query = parse_qs(urlsplit(r.url).query)
    WebhookSignatureValidator.validate(r.headers["x-signature"], r.headers.get("x-request-id"),
                                       query["data.id"][0].lower(), r.secret)
    return True


# preset: (the package it comes from, its judge)
JUDGES = {
    "standard-webhooks": ("standardwebhooks", _standard_webhooks),
    "svix": ("svix", _svix),
    "stripe": ("stripe", _stripe),
    "slack": ("slack-sdk", _slack),
    "twilio": ("twilio", _twilio),
    "twilio-json": ("twilio", _twilio_json),
    "twilio-sha256": ("twilio", _twilio),
    "twilio-json-sha256": ("twilio", _twilio_json),
    "adyen": ("Adyen", _adyen),
    "gocardless": ("gocardless-pro", _gocardless),
    "razorpay": ("razorpay", _razorpay),
    "telnyx": ("telnyx", _telnyx),
    "vonage": ("vonage-jwt", _vonage),
    "messagebird": ("messagebird", _messagebird),
    "sendgrid": ("sendgrid", _sendgrid),
    "discord": ("discord-interactions", _discord),
    "discord-events": ("discord-interactions", _discord),
    "elevenlabs": ("elevenlabs", _elevenlabs),
    "openai": ("openai", _openai),
    "replicate": ("replicate", _replicate),
    "polar": ("polar-sdk", _polar),
    "paddle": ("paddle-python-sdk", _paddle),
    "dodo": ("dodopayments", _dodo),
    "increase": ("increase", _increase),
    "resend": ("resend", _resend),
    "braintree": ("braintree", _braintree),
    "coinbase-commerce": ("coinbase-commerce", _coinbase),
    "pusher": ("pusher", _pusher),
    "square": ("squareup", _square),
    "workos": ("workos", _workos),
    "hubspot-v1": ("hubspot-api-client", _hubspot("v1", "x-hubspot-signature")),
    "hubspot-v2": ("hubspot-api-client", _hubspot("v2", "x-hubspot-signature")),
    "hubspot-v3": ("hubspot-api-client", _hubspot("v3", "x-hubspot-signature-v3")),
    "line": ("line-bot-sdk", _line),
    "easypost": ("easypost", _easypost),
    "modern-treasury": ("modern-treasury", _modern_treasury),
    "box": ("box-sdk-gen", _box),
    "sinch": ("sinch", _sinch),
    "mercado-pago": ("mercadopago", _mercado_pago),
}
