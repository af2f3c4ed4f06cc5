# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL for tests. Makes a new one in a folder of its own, starts it, prints the URL of its database `postgres`
on a line, and stops and removes it all when standard input ends: also when whoever holds the other end is killed.

It listens on a socket in that folder only, and trusts whoever can reach that. Text is UTF-8 and sorted by the rules of
a language, as databases commonly are, so that a comparison that needs byte order and forgot to say so is found out.
`--pooler`: a second line is the URL of the same through a pgbouncer; empty where there is none.
`--sync`: commits wait for the disk; without it only a crash of the whole machine could tell the difference. Other words are
settings, such as shared_buffers=1GB.
Ends with code 77, and says why, where there is no PostgreSQL. GRAPNEL_POSTGRES_BIN: the folder of its programs.
"""
import contextlib
import ctypes
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE_S = 120
OLDEST = 14
PR_SET_PDEATHSIG = 1
SETTINGS = ["listen_addresses=", "max_connections=300", "max_locks_per_transaction=256", "shared_buffers=64MB",
            "unix_socket_permissions=0700", "max_wal_size=1GB", "jit=off"]
NO_SYNC = ["fsync=off", "full_page_writes=off"]


def programs():
    """The folder of the newest PostgreSQL's programs, or None."""
    given = os.environ.get("GRAPNEL_POSTGRES_BIN")
    folders = [pathlib.Path(given)] if given else sorted(
        (path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if re.fullmatch(r"\d+", path.parent.name)),
        key=lambda path: -int(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path and not given:
        folders.append(pathlib.Path(on_path).resolve().parent)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_isready")) and version(folder) >= OLDEST:
            return folder
    return None


def version(folder):
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+", said)
    return int(found.group()) if found else 0


def somebody():
    """PostgreSQL refuses to run as root. The user to run it as: None for one's own; KeyError if there is no other."""
    return None if os.geteuid() != 0 else pwd.getpwnam("postgres")


def as_user(user):
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def end_with_parent(number=signal.SIGQUIT):
    """Should this program be killed, the server ends, too: by PostgreSQL's signal, or by another server's."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def wait_until_ready(server, folder, where, log):
    deadline = time.monotonic() + PATIENCE_S
    while subprocess.run([folder / "pg_isready", "-q", "-h", where], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


def stop(server):
    """Whatever it holds is thrown away: it need not write it down first."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def serve(folder, user, where, is_synced, own_settings):
    data, log = where / "data", where / "log"
    if user:
        os.chown(where, user.pw_uid, user.pw_gid)
    subprocess.run([folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
                    "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"],
                   check=True, stdout=subprocess.DEVNULL, **as_user(user))
    settings = [*SETTINGS, f"unix_socket_directories={where}", *([] if is_synced else NO_SYNC), *own_settings]
    with log.open("wb") as out:
        server = subprocess.Popen([folder / "postgres", "-D", data, *(word for s in settings for word in ("-c", s))],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=end_with_parent,
                                  cwd=where, **as_user(user))
    try:
        wait_until_ready(server, folder, where, log)
        print(f"postgresql://postgres@/postgres?host={where}", flush=True)
        with pooled(where) if "--pooler" in sys.argv[1:] else contextlib.nullcontext():
            sys.stdin.buffer.read()
    finally:
        stop(server)


@contextlib.contextmanager
def pooled(where):
    import pooler  # pylint: disable=import-outside-toplevel # it builds on this file
    if pooler.PROGRAM is None:
        print(flush=True)
        yield
        return
    made = pooler.Pooler(where / "pooler", where, 5432).start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not made.is_there() and time.monotonic() < deadline:
            time.sleep(0.02)
        print(f"postgresql://postgres@/postgres?host={made.where}&port={made.port}", flush=True)
        yield
    finally:
        made.end()


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = programs()
    if folder is None:
        print(f"there is no PostgreSQL {OLDEST} or later here", file=sys.stderr)
        sys.exit(SKIPPED)
    try:
        user = somebody()
    except KeyError:
        print("PostgreSQL refuses to run as root, and there is no user 'postgres'", file=sys.stderr)
        sys.exit(SKIPPED)
    where = pathlib.Path(tempfile.mkdtemp(prefix="grapnel-postgres-", dir="/tmp"))  # short: the socket's path is bounded
    try:
        serve(folder, user, where, "--sync" in sys.argv[1:], [word for word in sys.argv[1:] if not word.startswith("--")])
    finally:
        shutil.rmtree(where, ignore_errors=True)


if __name__ == "__main__":
    main()
