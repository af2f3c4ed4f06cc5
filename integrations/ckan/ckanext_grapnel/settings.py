# SPDX-License-Identifier: Apache-2.0
"""What the site's configuration says. The older extension's minimum_auth counts where ours is not given."""
import os

import ckan.plugins.toolkit as tk


DEFAULTS = {"url": "", "token": "", "timeout": "5", "spool": "", "spool_max": "100000", "minimum_auth": ""}
OLDER = "ckanext.webhooks.minimum_auth"


def declare(declaration, key):
    for name, default in DEFAULTS.items():
        declaration.declare(key.from_string("ckanext.grapnel." + name), default)
    declaration.declare(key.from_string(OLDER), "")


def text(name, older=None):
    value = tk.config.get("ckanext.grapnel." + name) or (tk.config.get(older) if older else None)
    return str(value or DEFAULTS[name]).strip()


def url():
    return text("url").rstrip("/")


def token():
    return text("token")


def minimum_auth():
    return text("minimum_auth", OLDER).lower() or "none"


def timeout_s():
    return float(text("timeout"))


def spool():
    """The folder of changes that wait. Shared by the site's machines if CKAN's storage is."""
    default = os.path.join(str(tk.config.get("ckan.storage_path") or "/var/lib/ckan"), "grapnel-spool")
    return text("spool") or default


def spool_max():
    return int(text("spool_max"))
