# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of a database before a server depends on it."""
import re

from cluster import url_of, wait_until

CHECKS = "--server.listen=127.0.0.1:0"


def verdict(node, check):
    """The doctor's line of a check: (its first word, the rest)."""
    said = node.run("doctor", f"--store.dir={node.store}", CHECKS).stdout
    line = next(line for line in said.splitlines() if re.match(rf"\w+ +{check} ", line))
    return line.split()[0], line


def set_standbys(primary, names):
    primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "postgres")
    primary.ask("SELECT pg_reload_conf()", "postgres")
    wait_until(lambda: primary.ask("SHOW synchronous_standby_names", "postgres") == names, "the setting to hold")


def test_the_doctor_says_whom_commits_wait_for(make_postgres, make_node):
    primary = make_postgres()
    node = make_node(primary.port)
    word, line = verdict(node, "its durability")
    assert word == "warn" and "on one disk" in line
    standby = make_postgres(primary)
    word, line = verdict(node, "its durability")
    assert word == "warn" and "synchronous_standby_names" in line
    set_standbys(primary, "*")
    wait_until(lambda: verdict(node, "its durability")[0] == "ok", "the doctor to see the standby in step")
    primary.ask("CREATE USER plain", "postgres")
    node.env["GRAPNEL_STORE_URL"] = url_of(primary.port).replace("postgres@", "plain@")
    word, line = verdict(node, "its durability")
    assert word == "ok" and "GRANT pg_monitor" in line
    standby.crash()
    word, line = wait_until(lambda: [v for v in [verdict(node, "its durability")] if v[0] != "ok"], "the standby to be missed")[0]
    assert word == "FAIL" and "nothing can be accepted" in line


def test_the_doctor_names_what_breaks_a_promise(make_postgres, make_node):
    database = make_postgres(None, "fsync=off")
    node = make_node(database.port)
    word, line = verdict(node, "its durability")
    assert word == "FAIL" and "fsync is off" in line
    database.ask("CREATE USER plain", "postgres")
    database.ask("REVOKE CREATE ON SCHEMA public FROM public")
    node.env["GRAPNEL_STORE_URL"] = url_of(database.port).replace("postgres@", "plain@")
    word, line = verdict(node, "its rights")
    assert word == "FAIL" and "owner" in line
    node.env["GRAPNEL_STORE_URL"] = url_of(1)
    word, line = verdict(node, "database")
    assert word == "FAIL" and "cannot be had" in line
    node.env["GRAPNEL_STORE_URL"] = "postgresql://u:hunter2%zz@127.0.0.1/x"
    said = node.run("doctor", f"--store.dir={node.store}", CHECKS).stdout
    assert "hunter2" not in said and "is no URL" in said


def test_the_doctor_tells_the_database_of_something_else(make_postgres, make_node):
    database = make_postgres()
    database.ask("CREATE TABLE invoices(n int)")
    word, line = verdict(make_node(database.port), "its rights")
    assert word == "FAIL" and "a database of its own" in line
