# SPDX-License-Identifier: Apache-2.0
"""A processor for webfilters in Python, with Flask and Standard Webhooks: SECRET=whsec_... flask --app processor run"""
import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app, secret = Flask(__name__), Webhook(os.environ["SECRET"])


@app.post("/login")
def login():
    try:
        asked = secret.verify(request.data, dict(request.headers))
    except WebhookVerificationError:
        return {}, 401
    if asked["user"]["email"].endswith("@blocked.example"):
        return {"exception": {"PreventLogin": "This address is blocked."}}
    return {"data": {"checked": True}}
