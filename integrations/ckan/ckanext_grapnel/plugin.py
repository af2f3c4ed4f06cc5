# SPDX-License-Identifier: Apache-2.0
"""The plugin: what CKAN tells it goes to changes.py, from there after the commit to outbox.py."""
import logging

import ckan.model as model
import ckan.plugins as plugins

from ckanext_grapnel import actions, bulk, changes, cli, outbox, settings

log = logging.getLogger(__name__)

_listening = False


class GrapnelPlugin(plugins.SingletonPlugin):
    plugins.implements(plugins.IConfigDeclaration)
    plugins.implements(plugins.IConfigurable)
    plugins.implements(plugins.IDomainObjectModification, inherit=True)
    plugins.implements(plugins.IOrganizationController, inherit=True)
    plugins.implements(plugins.IGroupController, inherit=True)
    plugins.implements(plugins.IActions)
    plugins.implements(plugins.IAuthFunctions)
    plugins.implements(plugins.IClick)

    # IConfigDeclaration: CKAN warns of each look at what is not declared
    def declare_config_options(self, declaration, key):
        settings.declare(declaration, key)

    # IConfigurable
    def configure(self, _config):
        global _listening  # the session outlives a plugin that is loaded again
        if not _listening:
            changes.listen(outbox.hand_over)
            _listening = True

    # IDomainObjectModification: datasets and resources, before the commit
    def notify(self, entity, operation):
        if isinstance(entity, model.Package):
            changes.add_package(entity, operation)
        elif isinstance(entity, model.Resource):
            changes.add_resource(entity, operation)

    # IOrganizationController, IGroupController: before the commit, too
    def create(self, entity):
        self._add_group(entity, "create")

    def edit(self, entity):
        self._add_group(entity, "update")

    def delete(self, entity):
        self._add_group(entity, "delete")

    def _add_group(self, entity, done):
        try:
            changes.add_group(entity, done)
        except Exception:  # CKAN would fail the page
            log.exception("A change of a group is lost")

    # IActions, IAuthFunctions, IClick
    def get_actions(self):
        return {**actions.ACTIONS, **bulk.ACTIONS}

    def get_auth_functions(self):
        return {"webhook_access": actions.webhook_access}

    def get_commands(self):
        return [cli.grapnel]
