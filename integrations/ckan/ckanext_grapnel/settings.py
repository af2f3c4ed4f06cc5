# SPDX-License-Identifier: Apache-2.0
"""What the site's configuration says. The older extension's settings count where ours are not given."""
import os

import ckan.plugins.toolkit as tk


def text(name, otherwise=""):
    value = tk.config.get("ckanext.grapnel." + name) or tk.config.get("ckanext.webhooks." + name)
    return otherwise if value is None else str(value).strip()


def url():
    return text("url").rstrip("/")


def token():
    return text("token")


def minimum_auth():
    return text("minimum_auth", "none")


def timeout_s():
    return float(text("timeout", "5"))


def spool():
    """The folder of changes that wait. Shared by the site's machines if CKAN's storage is."""
    default = os.path.join(str(tk.config.get("ckan.storage_path") or "/var/lib/ckan"), "grapnel-spool")
    return text("spool", default)


def spool_max():
    return int(text("spool_max", "100000"))
