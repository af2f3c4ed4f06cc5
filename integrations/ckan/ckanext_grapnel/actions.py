# SPDX-License-Identifier: Apache-2.0
"""The webhook actions at the CKAN site's own address: passed on to Grapnel with the caller's credential."""
import logging

import ckan.model as model
import ckan.plugins.toolkit as tk
import requests

from ckanext_grapnel import settings

log = logging.getLogger(__name__)

ENOUGH = {"none": None, "": None, "editor": {"editor", "admin"}, "admin": {"admin"}, "sysadmin": set()}


@tk.auth_sysadmins_check
def webhook_access(context, _data_dict):
    """Who may use webhooks; Grapnel asks the same again."""
    user = model.User.get(context.get("user")) if context.get("user") else None
    minimum = settings.minimum_auth()
    if minimum not in ENOUGH:
        log.error("minimum_auth is %r: everyone is refused until it is none, editor, admin or sysadmin", minimum)
        return {"success": False, "msg": "Nobody may use webhooks here."}
    if user is None:
        return {"success": False, "msg": "You must be logged in to use webhooks."}
    enough = ENOUGH[minimum]
    if enough is None or user.sysadmin:
        return {"success": True}
    organizations = tk.get_action("organization_list_for_user")({"user": user.name, "ignore_auth": True},
                                                                {"id": user.id, "permission": "read"})
    if enough & {organization.get("capacity") for organization in organizations}:
        return {"success": True}
    return {"success": False, "msg": "Your role does not allow you to use webhooks."}


def pass_on(name, data_dict):
    credential = tk.request.headers.get("Authorization") or tk.request.headers.get("X-CKAN-API-Key")
    if not credential:
        raise tk.NotAuthorized("Webhooks need an API token.")
    try:
        answer = requests.post(f"{settings.url()}/api/3/action/{name}", json=data_dict, timeout=settings.timeout_s(),
                               headers={"Authorization": credential}, allow_redirects=False)
        said = answer.json()
    except (requests.RequestException, ValueError) as error:
        log.warning("Grapnel does not answer: %s", error)
        raise tk.ValidationError({"message": ["The webhook server does not answer."]}) from error
    if answer.status_code == 200:
        return said["result"]
    error = dict(said["error"]) if isinstance(said, dict) and isinstance(said.get("error"), dict) else {}
    kind = error.pop("__type", None)
    if kind == "Authorization Error":
        raise tk.NotAuthorized(error.get("message"))
    if kind == "Not Found Error":
        raise tk.ObjectNotFound(error.get("message"))
    raise tk.ValidationError(error or {"message": [str(said)]})


def make(name, reads):
    def action(context, data_dict):
        tk.check_access("webhook_access", context, data_dict)
        return pass_on(name, data_dict)
    action.__name__ = name
    return tk.side_effect_free(action) if reads else action


ACTIONS = {name: make(name, reads) for name, reads in {
    "webhook_create": False, "webhook_show": True, "webhook_list": True, "webhook_delete": False, "webhook_secret": False,
}.items()}
