# SPDX-License-Identifier: Apache-2.0
"""The pages' sources, read by TypeScript itself: the bundler takes types out without looking at them."""
import shutil
import subprocess

import pytest

from conftest import NODE_MODULES, ROOT

PACKAGES = ROOT / "build" / "web" / "tree" / "node_modules"  # where tools/web-build keeps those of the pages


def test_the_pages_have_no_mistake_that_types_would_show(tmp_path):
    if not PACKAGES.exists():
        pytest.skip("this build has no pages")
    shutil.copytree(ROOT / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "built"))
    (tmp_path / "web" / "node_modules").symlink_to(PACKAGES)
    done = subprocess.run(["node", NODE_MODULES / "typescript" / "bin" / "tsc", "-p", tmp_path / "web"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
