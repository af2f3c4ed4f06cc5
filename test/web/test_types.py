# SPDX-License-Identifier: Apache-2.0
"""The pages' sources, read by TypeScript itself (the bundler takes types out without looking at them), and their types
of the API's answers, compared with its document."""
import shutil
import subprocess

import pytest

import api_types
from conftest import NODE_MODULES, ROOT

PACKAGES = ROOT / "build" / "web" / "tree" / "node_modules"  # where tools/web-build keeps those of the pages


def test_the_pages_types_hold_among_themselves_and_for_what_the_api_document_says(tmp_path):
    if not PACKAGES.exists():
        pytest.skip("this build has no pages")
    web = tmp_path / "web"
    shutil.copytree(ROOT / "web", web, ignore=shutil.ignore_patterns("node_modules", "built"))
    (web / "node_modules").symlink_to(PACKAGES)
    api_types.write(ROOT / "docs" / "reference" / "openapi.json", web / "src")
    done = subprocess.run(["node", NODE_MODULES / "typescript" / "bin" / "tsc", "-p", web], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
