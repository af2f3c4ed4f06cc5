# SPDX-License-Identifier: Apache-2.0
"""What the suite itself would notice: that a sanitizer's word at a server's end does fail a test."""
import shutil
import subprocess

import pytest

from conftest import binary

LEAK = """#include <stdlib.h>
static void *volatile kept;
__attribute__((constructor)) static void leak(void) { kept = malloc(4321); kept = NULL; }
"""


def test_a_leak_at_a_clean_end_is_seen(make_grapnel, tmp_path):
    if b"__asan_init" not in binary().read_bytes():
        pytest.skip("this build has no leak sanitizer")
    source, library = tmp_path / "leak.c", tmp_path / "leak.so"
    source.write_text(LEAK)
    subprocess.run([shutil.which("cc") or "clang", "-shared", "-fPIC", "-O0", "-o", library, source], check=True)
    server = make_grapnel(env={"LD_PRELOAD": str(library)})
    server.serve()
    server.end()
    assert any("LeakSanitizer" in line for line in server.complaints())
    server.log_path.write_text("")  # this one was meant
