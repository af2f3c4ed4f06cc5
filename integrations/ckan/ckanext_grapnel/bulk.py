# SPDX-License-Identifier: Apache-2.0
"""Bulk changes of an organization's datasets: CKAN writes them past the ORM and tells no plugin, so they are seen around the
action."""
import logging

import ckan.model as model
import ckan.plugins.toolkit as tk

from ckanext_grapnel import changes, outbox

log = logging.getLogger(__name__)


def _about_to_change(data_dict, column, value):
    """Ids of the datasets that the action will really change."""
    ids = data_dict.get("datasets", [])
    query = model.Session.query(model.Package.id).filter(
        model.Package.id.in_(ids), model.Package.owner_org == data_dict.get("org_id"), model.Package.state != "deleted",
        getattr(model.Package, column) != value)
    return [row[0] for row in query]


def watched(name, column, value, done):
    def action(up_func, context, data_dict):
        ids = []
        try:
            ids = _about_to_change(data_dict, column, value)
        except Exception:  # whatever is wrong with the input, the action itself says it
            log.exception("Changes of %s are not announced", name)
        result = up_func(context, data_dict)
        try:
            if ids:
                outbox.hand_over(changes.add_datasets(ids, done))
        except Exception:  # it is done: the page must not fail
            log.exception("Changes of %s are lost", name)
        return result
    action.__name__ = name
    return tk.chained_action(action)


ACTIONS = {
    "bulk_update_private": watched("bulk_update_private", "private", True, "update"),
    "bulk_update_public": watched("bulk_update_public", "private", False, "update"),
    "bulk_update_delete": watched("bulk_update_delete", "state", "deleted", "delete"),
}
