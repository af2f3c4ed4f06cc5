# SPDX-License-Identifier: Apache-2.0
"""Open edX's own plugin, loaded once: only the platform it runs in is stood in for (two modules of edx-platform, and
Django's settings)."""
import functools
import logging
import sys
import types

import pytest

MODULES = {
    "common.djangoapps.student.models": {"UserProfile": type("UserProfile", (), {})},
    "lms.djangoapps.courseware.courses": {"get_course_blocks_completion_summary": lambda course, user: {}},
}


@functools.cache
def load():
    """The package with a database in memory: .filters, .models, .receivers."""
    for path, names in MODULES.items():
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            module = sys.modules.setdefault(name, types.ModuleType(name))
            module.__path__ = []
        sys.modules[path].__dict__.update(names)
    import django
    from django.conf import settings
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "openedx_webhooks"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True)
    django.setup()
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    logging.getLogger("openedx_webhooks").setLevel(logging.CRITICAL)
    import openedx_webhooks.filters
    import openedx_webhooks.models
    import openedx_webhooks.receivers
    return types.SimpleNamespace(filters=openedx_webhooks.filters, models=openedx_webhooks.models, receivers=openedx_webhooks.receivers)


@pytest.fixture(scope="session")
def plugin():
    return load()
