# SPDX-License-Identifier: Apache-2.0
"""How the pages get into the binary: tools/web-build by itself, in folders of its own."""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, binary

TREE = ROOT / "build" / "web" / "tree" / "node_modules"


@pytest.fixture
def sources(tmp_path):
    """A copy of what bundling needs, with the packages that this tree's build has fetched."""
    if not (TREE / ".stamp").exists():
        pytest.skip("this build has no pages")

    def make(name):
        folder = tmp_path / name
        shutil.copytree(ROOT / "web", folder / "web", ignore=shutil.ignore_patterns("node_modules", "built"))
        (folder / "tools").mkdir()
        shutil.copy(ROOT / "tools" / "web-build", folder / "tools")
        shutil.copytree(TREE, folder / "build" / "web" / "tree" / "node_modules", symlinks=True)
        return folder
    return make


def build(folder, mode, out="out", **env):
    return subprocess.run([folder / "tools" / "web-build", mode, folder / out], capture_output=True, text=True, check=False,
                          env={**os.environ, **env})


def without(tmp_path, *names):
    """A path on which every command is but these."""
    folder = tmp_path / ("no-" + "-".join(names))
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for file in os.scandir(place) if os.path.isdir(place) else []:
            if file.name not in names:
                link = folder / file.name
                link.unlink(missing_ok=True)
                link.symlink_to(file.path)
    return str(folder)


def table(folder, out="out"):
    return (folder / out / "web_table.inc").read_text()


def test_two_builds_in_two_folders_are_the_same_bytes(sources):
    one, two = sources("one"), sources("two")
    for folder in (one, two):
        made = build(folder, "enabled")
        assert made.returncode == 0, made.stdout + made.stderr
    assert table(one) == table(two)
    assert (one / "out" / "web_files.bin").read_bytes() == (two / "out" / "web_files.bin").read_bytes()


def test_a_second_build_bundles_and_writes_nothing(sources, tmp_path):
    folder = sources("one")
    assert build(folder, "enabled").returncode == 0
    before = (folder / "out" / "web_files.bin").stat().st_mtime_ns
    again = build(folder, "enabled", PATH=without(tmp_path, "npm", "esbuild", "brotli"))
    assert again.returncode == 0, again.stderr
    assert (folder / "out" / "web_files.bin").stat().st_mtime_ns == before
    assert str(folder / "web" / "src" / "console.tsx") in (folder / "out" / "web_files.d").read_text()


def test_bundled_files_of_an_archive_need_no_tool(sources, tmp_path):
    folder = sources("one")
    assert build(folder, "bundle", "web/built").returncode == 0
    shutil.rmtree(folder / "build")
    made = build(folder, "enabled", PATH=without(tmp_path, "npm", "node", "esbuild", "brotli"))
    assert made.returncode == 0 and "FACE_PAGE" in table(folder), made.stderr


@pytest.mark.parametrize("tool", ["esbuild", "brotli", "npm"])
def test_what_is_missing_ends_an_enabled_build_and_is_said_by_an_automatic_one(sources, tmp_path, tool):
    folder = sources("one")
    if tool == "npm":
        shutil.rmtree(folder / "build" / "web" / "tree" / "node_modules")
    path = without(tmp_path, tool)
    made = build(folder, "enabled", PATH=path)
    assert made.returncode != 0 and f"{tool} is not installed" in made.stderr
    made = build(folder, "auto", PATH=path)
    assert made.returncode == 0 and f"{tool} is not installed" in made.stdout
    assert "FACE_MISSING" in table(folder) and "FACE_PAGE" not in table(folder)
    names = (folder / "out" / "web_files.d").read_text().split(": ", 1)[1].split()
    assert not os.path.exists(names[-1])  # so that the next build tries again


def test_disabled_leaves_the_pages_out_and_says_so(sources):
    folder = sources("one")
    assert build(folder, "disabled").returncode == 0
    assert 'FACE_MISSING("it was built with -Dweb=disabled")' in table(folder)


def test_every_bundled_package_is_documented_with_its_licence(sources):
    folder = sources("one")
    assert build(folder, "bundle", "bundle").returncode == 0
    packages = json.loads((folder / "bundle" / "manifest.json").read_text())["packages"]
    text = next((folder / "bundle").glob("licences-*.txt")).read_text()
    page = (ROOT / "docs" / "dependencies.md").read_text()
    assert packages and all(f"\n{name} " in text for name in packages)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for name in packages:
        assert any(re.search(rf"(^|[ |,]){re.escape(name)}([ |,]|$)", row.split("|")[1]) for row in rows), f"docs/dependencies.md lacks {name}"
    table_of_pages = page[page.index("| npm package |"):].split("\n\n")[0].splitlines()[2:]
    named = {name.strip() for row in table_of_pages for name in row.split("|")[1].split(",")}
    assert named == set(packages) == set(json.loads((ROOT / "web" / "package.json").read_text())["dependencies"])
    lock = (ROOT / "web" / "package-lock.json").read_text()
    assert '"resolved"' not in lock and all(name in lock for name in packages)


def test_what_is_embedded_keeps_within_its_budget_and_nothing_twice(sources):
    """Packed in two ways; as it is only what the server fills in, or what packing makes no smaller."""
    folder = sources("one")
    assert build(folder, "enabled").returncode == 0
    blob = (folder / "out" / "web_files.bin").read_bytes()
    assert 100_000 < len(blob) <= 700_000, f"{len(blob)} bytes are embedded"
    rows = re.findall(r'FACE_(PAGE|ASSET)\("([^"]+)", "[^"]*", (\w+), (\d+), (\d+), (\d+), (\d+), (\d+)', table(folder))
    assert len(rows) > 8
    for kind, name, raw_at, raw_len, _, brotli_len, _, gzip_len in rows:
        assert (raw_at == "FACE_PACKED") == (int(gzip_len) > 0), name
        assert kind == "ASSET" or raw_at != "FACE_PACKED", name
        assert kind == "PAGE" or int(brotli_len) > 0 or name.endswith((".png", ".webp", ".woff2")) or int(raw_len) < 256, name


def test_a_build_without_pages_answers_with_a_sentence(make_grapnel, monkeypatch):
    without_pages = binary().parent / "test" / "faceless" / "face" / "grapnel_faceless"
    monkeypatch.setenv("GRAPNEL_BIN", str(without_pages))
    server = make_grapnel().serve()
    for path in ("/console/", "/console/apps"):
        got = server.raw("GET", path)
        assert got.status == 404 and "it was built with -Dweb=disabled" in json.loads(got.body)["detail"], got
    assert server.raw("GET", "/").status == 404 and server.raw("GET", "/assets/console.js").status == 404
    assert server.raw("GET", "/portal").headers["content-type"].startswith("text/html")  # a page of text
    assert server.ok("GET", "/app")["data"] == []
    made = server.run("console", f"--store.dir={server.store}")
    assert made.returncode != 0 and "it was built without the pages" in made.stderr, made
