# SPDX-License-Identifier: Apache-2.0
"""Svix's Python SDK: makes something and uses it at once, over and over, until its input ends. A line per round: the message."""
import os
import select
import sys

from svix.api import ApplicationIn, ApplicationPatch, EndpointIn, EventTypeIn, MessageGetOptions, MessageIn, Svix, SvixOptions

svix = Svix(os.environ["GRAPNEL_TOKEN"], SvixOptions(server_url=os.environ["GRAPNEL_URL"]))


def play(number):
    name = f"python.round{number}"
    app = svix.application.create(ApplicationIn(name=name, uid=name)).id
    assert svix.application.get(name).id == app
    svix.application.patch(app, ApplicationPatch(name="changed"))
    assert svix.application.get(app).name == "changed"
    svix.event_type.create(EventTypeIn(name=name, description="d"))
    assert svix.event_type.get(name).name == name
    endpoint = svix.endpoint.create(app, EndpointIn(url=os.environ["RECEIVER"], filter_types=[name])).id
    assert svix.endpoint.get(app, endpoint).id == endpoint
    assert svix.endpoint.get_secret(app, endpoint).key.startswith("whsec_")
    message = svix.message.create(app, MessageIn(event_type=name, payload={"n": number})).id
    assert svix.message.get(app, message, MessageGetOptions(with_content=True)).payload == {"n": number}
    assert [one.id for one in svix.message.list(app).data] == [message]
    print(message, flush=True)


number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    play(number)
    number += 1
print("done")
