# SPDX-License-Identifier: Apache-2.0
"""A pgbouncer in front of a PostgreSQL, with the settings that docs/guide/postgresql.md shows."""
import pathlib
import re
import shutil
import subprocess

import postgres_server

PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide" / "postgresql.md"
SETTINGS = dict(re.findall(r"^(\w+) *= (\S+)$", GUIDE.read_text().partition("[pgbouncer]\n")[2].partition("```")[0], re.M))
FOR_TESTS = {"auth_type": "trust", "max_client_conn": 500, "pidfile": "", "logfile": ""}


class Pooler:
    """One pgbouncer: at a socket in its folder, and at an address if one is given."""

    def __init__(self, where, host, port, **settings):
        self.where, self.child = pathlib.Path(where), None
        self.port = settings.get("listen_port", 6432)
        self.user = postgres_server.somebody()
        self.where.mkdir(parents=True, exist_ok=True)
        if self.user:
            shutil.chown(self.where, self.user.pw_uid, self.user.pw_gid)
        users = self.where / "users"
        users.write_text('"postgres" ""\n')
        self.log = self.where / "pooler.log"
        self.ini = self.where / "pgbouncer.ini"
        lines = SETTINGS | FOR_TESTS | {"unix_socket_dir": self.where, "listen_port": self.port, "auth_file": users} | settings
        self.ini.write_text(f"[databases]\n* = host={host} port={port}\n[pgbouncer]\n"
                            + "".join(f"{name} = {value}\n" for name, value in lines.items()))

    def start(self):
        with self.log.open("ab") as out:
            self.child = subprocess.Popen([PROGRAM, self.ini], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          cwd=self.where, preexec_fn=postgres_server.end_with_parent,
                                          **postgres_server.as_user(self.user))
        return self

    def is_there(self):
        assert self.child.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return (self.where / f".s.PGSQL.{self.port}").exists()

    def end(self):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        (self.where / f".s.PGSQL.{self.port}").unlink(missing_ok=True)
