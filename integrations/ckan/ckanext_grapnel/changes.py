# SPDX-License-Identifier: Apache-2.0
"""What a transaction changes, gathered while it runs and given out after its commit.

A change is announced only if it was committed, and once a transaction: creating a dataset and touching it
again before the commit is one dataset/create, with its last state. Drafts are nobody's business: a dataset
is created when it leaves that state, and its resources with it.
"""
import datetime
import uuid

import ckan.model as model
from ckan.lib.dictization import table_dictize
from sqlalchemy import event

KEY = "ckanext_grapnel.changes"


def plain(value):
    """As JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _add(what, done, entity, private, owner_org):
    """Puts a change among those of the running transaction."""
    changes = model.Session().info.setdefault(KEY, {})
    before = changes.pop((what, entity.id), None)
    was_created = before is not None and before["topic"].endswith("/create")
    if was_created and done == "delete":
        return  # it was never there, as far as others know
    changes[what, entity.id] = {
        "id": str(uuid.uuid4()),
        "topic": f"{what}/{'create' if was_created else done}",
        "entity": plain(table_dictize(entity, {"model": model})),
        "private": bool(private),
        "owner_org": owner_org,
    }


def _done(entity, operation):
    if operation == model.DomainObjectOperation.deleted or entity.state == "deleted":
        return "delete"
    return "create" if operation == model.DomainObjectOperation.new else "update"


def add_package(package, operation):
    done = _done(package, operation)
    if package.state == "draft":
        return
    was_draft = getattr(package, "_grapnel_was_draft", False)
    if was_draft and done == "update":
        done = "create"
        package._grapnel_was_draft = False
        for resource in package.resources:
            _add("resource", "create", resource, package.private, package.owner_org)
    if not (was_draft and done == "delete"):
        _add("dataset", done, package, package.private, package.owner_org)


def add_resource(resource, operation):
    package = resource.package
    if package is not None and package.state == "draft":
        return
    # A resource whose dataset is gone may have been private: then nobody but sysadmins is told.
    _add("resource", _done(resource, operation), resource, package is None or package.private,
         package.owner_org if package is not None else None)


def add_group(group, done):
    what = "organization" if group.is_organization else "group"
    _add(what, "delete" if group.state == "deleted" else done, group, False, None)


def take(session):
    return list(session.info.pop(KEY, {}).values())


def _on_state(package, value, old, _initiator):
    if old == "draft" and value != "draft":
        package._grapnel_was_draft = True


def listen(committed):
    """`committed` gets the list of a transaction's changes."""
    def after_commit(session):
        changes = take(session)
        if changes:
            committed(changes)

    event.listen(model.Session, "after_commit", after_commit)
    event.listen(model.Session, "after_rollback", take)
    event.listen(model.Package.state, "set", _on_state, active_history=True)
