# SPDX-License-Identifier: Apache-2.0
"""What a transaction changes, gathered while it runs and given out after its commit.

A change is announced only if it was committed, and once a transaction: creating a dataset and touching it
again before the commit is one dataset/create, with its last state. Drafts are nobody's business: a dataset
is created when it leaves that state, and its resources with it. What is deleted is announced once, be it marked as
deleted, purged, or first the one and later the other.

CKAN tells its plugins of datasets and resources, and of organizations and groups that are made, edited or deleted. The
rest (users, purged organizations and groups, bulk changes of datasets) is seen where it happens: in the ORM, or around the action.
"""
import datetime
import logging
import uuid

import ckan.model as model
from ckan.lib.dictization import table_dictize
from sqlalchemy import event, inspect

log = logging.getLogger(__name__)

KEY = "ckanext_grapnel.changes"
DELETED = "ckanext_grapnel.deleted"  # ids of what the running transaction marks as deleted
# What others may know of a user; the row has password, keys and address, too.
USER_FIELDS = ("id", "name", "fullname", "about", "created", "sysadmin", "state", "image_url")


def plain(value):
    """As JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _add(what, done, entity, private, owner_org, row=None):
    """Puts a change among those of the running transaction."""
    changes = model.Session().info.setdefault(KEY, {})
    before = changes.get((what, entity.id))
    before_that = before["topic"].rpartition("/")[2] if before else None
    if done is None or (before_that == "delete" and done == "update"):
        return  # purging touches what goes along: tags, resources, members
    changes.pop((what, entity.id), None)
    was_created = before_that == "create"
    if was_created and done == "delete":
        return  # it was never there, as far as others know
    changes[what, entity.id] = {
        "id": str(uuid.uuid4()),
        "topic": f"{what}/{'create' if was_created else done}",
        "entity": plain(row or table_dictize(entity, {"model": model})),
        "private": bool(private),
        "owner_org": owner_org,
    }


def _done(entity, operation):
    """None: it was deleted before, and others know."""
    if entity.state == "deleted":
        return "delete" if entity.id in model.Session().info.get(DELETED, ()) else None
    if operation == model.DomainObjectOperation.deleted:
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


def add_datasets(ids, done):
    """Changes that CKAN made without telling anybody, and has committed."""
    for package in model.Session.query(model.Package).filter(model.Package.id.in_(ids)).populate_existing():
        if package.state != "draft":
            _add("dataset", done, package, package.private, package.owner_org)
    return take(model.Session())


def _user_row(user):
    return {name: getattr(user, name, None) for name in USER_FIELDS}


def _on_user(done):
    def listener(_mapper, _connection, user):
        attributes = inspect(user).attrs
        if done == "update" and not any(attributes[name].history.has_changes() for name in USER_FIELDS if name in attributes):
            return  # the time of the last visit, say
        was_deleted = user.state == "deleted" and not attributes["state"].history.has_changes()
        if not was_deleted:
            _add("user", "delete" if user.state == "deleted" else done, user, True, None, _user_row(user))
    return listener


def _on_group_purged(_mapper, _connection, group):
    if group.state != "deleted":
        add_group(group, "delete")


def take(session):
    session.info.pop(DELETED, None)
    return list(session.info.pop(KEY, {}).values())


def _on_state(entity, value, old, _initiator):
    if old == "draft" and value != "draft":
        entity._grapnel_was_draft = True
    if old != "deleted" and value == "deleted" and entity.id:
        model.Session().info.setdefault(DELETED, set()).add(entity.id)


def quietly(listener):
    """CKAN would fail the page."""
    def wrapped(*arguments):
        try:
            listener(*arguments)
        except Exception:
            log.exception("A change is lost")
    return wrapped


def listen(committed):
    """`committed` gets the list of a transaction's changes."""
    def after_commit(session):
        changes = take(session)
        if changes:
            committed(changes)

    event.listen(model.Session, "after_commit", after_commit)
    event.listen(model.Session, "after_rollback", take)
    for entity in (model.Package, model.Resource):
        event.listen(entity.state, "set", quietly(_on_state), active_history=True)
    for moment, done in (("after_insert", "create"), ("after_update", "update"), ("after_delete", "delete")):
        event.listen(model.User, moment, quietly(_on_user(done)))
    event.listen(model.Group, "after_delete", quietly(_on_group_purged))
