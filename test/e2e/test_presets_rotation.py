# SPDX-License-Identifier: Apache-2.0
"""While a secret is replaced, providers sign with both: in one header, in several, or in one that comes twice."""
import base64
import hashlib
import hmac
import subprocess
import time

import pytest

from conftest import binary

BODY = b'{"id":"evt_1","type":"made"}'
OLD, NEW, NONE = "the old secret", "the new secret", "a secret of nobody"


def mac(secret, data=BODY):
    return hmac.new(secret.encode(), data, hashlib.sha256)


def judge(preset, secret, *headers):
    command = [binary(), "verify", f"--preset={preset}", f"--secret={secret}", *(f"--header={line}" for line in headers)]
    done = subprocess.run(command, input=BODY, capture_output=True, check=False)
    return (done.stdout or done.stderr).decode().split("\n", 1)[0].removeprefix("grapnel verify: ")


def persona(secret, at=None):
    at = int(time.time()) if at is None else at
    return f"t={at},v1={mac(secret, str(at).encode() + b'.' + BODY).hexdigest()}"


@pytest.mark.parametrize("secret, verdict", [(OLD, "verified"), (NEW, "verified"), (NONE, "no_matching_key")])
def test_personas_sets_of_time_and_signature_stand_side_by_side(secret, verdict):
    assert judge("persona", secret, f"Persona-Signature: {persona(NEW)} {persona(OLD)}") == verdict
    assert judge("persona", secret, f"Persona-Signature: {persona(OLD)}") == ("verified" if secret == OLD else "no_matching_key")


def test_sets_with_different_times_are_refused():
    now = int(time.time())
    assert judge("persona", OLD, f"Persona-Signature: {persona(NEW, now - 1)} {persona(OLD, now)}") == "duplicate_header"
    assert judge("stripe", OLD, f"Stripe-Signature: {persona(OLD)},t={now}") == "duplicate_header"


@pytest.mark.parametrize("secret, verdict", [(OLD, "verified"), (NEW, "verified"), (NONE, "no_matching_key")])
def test_mollies_header_comes_twice_or_is_joined_on_the_way(secret, verdict):
    headers = [f"X-Mollie-Signature: sha256={mac(one).hexdigest()}" for one in (NEW, OLD)]
    assert judge("mollie-events", secret, *headers) == verdict
    assert judge("mollie-events", secret, headers[0] + ", " + headers[1].split(": ")[1]) == verdict


def test_a_header_may_not_come_more_often_than_signatures_may():
    header = f"X-Mollie-Signature: sha256={mac(OLD).hexdigest()}"
    assert judge("mollie-events", OLD, *[header] * 32) == "verified"
    assert judge("mollie-events", OLD, *[header] * 33) == "too_large"


@pytest.mark.parametrize("secret, verdict", [(OLD, "verified"), (NEW, "verified"), (NONE, "no_matching_key")])
def test_primer_has_a_second_header(secret, verdict):
    headers = [f"X-Signature-{name}: {base64.b64encode(mac(one).digest()).decode()}" for name, one in (("Primary", NEW), ("Secondary", OLD))]
    assert judge("primer", secret, *headers) == verdict


@pytest.mark.parametrize("late_s, verdict", [(0, "verified"), (290, "verified"), (310, "timestamp_too_old"),
                                             (-290, "verified"), (-310, "timestamp_in_future")])
def test_recurlys_time_is_in_milliseconds(late_s, verdict):
    at = str(int((time.time() - late_s) * 1000))
    signatures = ",".join(mac(one, at.encode() + b"." + BODY).hexdigest() for one in (NEW, OLD))
    for secret in (OLD, NEW):
        assert judge("recurly", secret, f"recurly-signature: {at},{signatures}") == verdict


@pytest.mark.parametrize("line", ["set-sep space", "item-sep ,\nset-sep space", "kv-sep =\nset-sep space"])
def test_sets_are_of_tagged_items(tmp_path, line):
    scheme = tmp_path / "own.scheme"
    scheme.write_text(f"auth hmac\nsig header X-S\nmsg {{body}}\n{line}\n")
    done = subprocess.run([binary(), "verify", f"--scheme={scheme}", "--secret=s"], input=BODY, capture_output=True, check=False)
    assert done.returncode == 2 and b"set-sep needs item-sep and kv-sep" in done.stderr
