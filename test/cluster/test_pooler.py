# SPDX-License-Identifier: Apache-2.0
"""A store in PostgreSQL that is reached through pgbouncer in transaction mode: what holds without it holds with it."""
import signal
import socket
import threading
import time

import pytest
from cluster import QUICK, Ledger, is_whole, wait_until
from test_doctor import verdict

FEWER_THAN_CONNECTIONS = 5  # at once; a node at work has a dozen connections
TAKEN_OVER_S = 8
WATCH = """
    ALTER ROLE postgres IN DATABASE grapnel SET synchronous_commit = off;
    CREATE TABLE seen(name text, setting text);
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen SELECT TG_ARGV[0], concat_ws(' ', current_setting('synchronous_commit'), current_setting('lock_timeout'));
        RETURN NEW; END $$;
    CREATE TRIGGER watch BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION watch('message');
    CREATE TRIGGER watch BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION watch('attempt');
    CREATE TRIGGER watch BEFORE UPDATE ON node_beat FOR EACH ROW EXECUTE FUNCTION watch('beat')"""


def waits(database, condition):
    return database.ask(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'grapnel' AND {condition}") != "0"


def test_a_node_that_hangs_in_a_transaction_is_replaced_through_a_pool_smaller_than_the_connections(
        make_postgres, make_pooler, make_pair, receiver):
    database = make_postgres()
    pair = make_pair(make_pooler(database.port, default_pool_size=FEWER_THAN_CONNECTIONS).port)
    before = pair.ledger()
    before.grows()
    before.end()
    holder = database.hold("BEGIN; LOCK TABLE remembered_1; SELECT 1")
    threading.Thread(target=before.publish, args=(pair.first, "a key", 0), daemon=True).start()
    wait_until(lambda: waits(database, "wait_event_type = 'Lock'"), "a group to wait for the table")
    pair.first.child.send_signal(signal.SIGSTOP)
    holder.kill()
    holder.wait()
    wait_until(lambda: waits(database, "state = 'idle in transaction'"), "the group to wait for its node")
    stopped = time.monotonic()
    pair.second.wait_log("server.started")
    assert time.monotonic() - stopped < TAKEN_OVER_S
    after = Ledger([pair.second], pair.token, pair.app)
    after.grows()
    pair.first.child.send_signal(signal.SIGCONT)
    assert pair.first.child.wait(60) != 0, "a node that was replaced ends"
    after.grows()
    after.end()
    is_whole(before, receiver)
    is_whole(after, receiver)


def test_a_pooler_that_is_cut_off_on_either_side_or_killed_and_a_database_that_restarts_cost_a_pause_and_no_message(
        make_postgres, make_pooler, make_way, make_pair, receiver):
    database = make_postgres()
    way = make_way(database.port)
    pooler = make_pooler(way.port)
    pair = make_pair(pooler.port)
    database.ask(WATCH)
    way.cut()  # sessions that begin from now on do not wait for the disk unless they are told to
    way.heal()
    database.ask("TRUNCATE seen")
    ledger = pair.ledger()
    for side in (way, pair.ways[0][0]) * 3:
        ledger.grows(10)
        side.cut()
        side.heal()
    ledger.grows(10)
    pooler.end()
    pooler.start()
    ledger.grows(10)
    database.crash()
    database.start()
    ledger.grows(10)
    ledger.end()
    is_whole(ledger, receiver)
    assert pair.first.is_active(), "nobody is replaced for that"
    assert database.ask("SELECT DISTINCT name, setting FROM seen ORDER BY name").split() == [
        "attempt|on", "5s", "beat|on", "5s", "message|on", "5s"]


def test_a_standby_is_passed_over_and_used_once_it_is_promoted(make_postgres, make_pooler, make_node):
    primary = make_postgres()
    standby = make_postgres(primary)
    node = make_node(make_pooler(standby.port).port)
    word, line = verdict(node, "database")
    assert word == "FAIL" and "it is a standby" in line
    standby.promote()
    wait_until(lambda: verdict(node, "database")[0] == "ok", "the pooler's database to take writes")
    node.serve(*QUICK)


def test_a_node_whose_pooler_is_on_its_machine_announces_where_the_database_sees_that(make_postgres, make_pooler, make_node):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    database = make_postgres(None, "listen_addresses=127.0.0.1,::1")
    node = make_node(make_pooler(database.port, host="::1").port)
    node.serve(*QUICK, "server.listen=0.0.0.0:0")
    wait_until(lambda: database.ask("SELECT address FROM node_beat").startswith("[::1]:"), "the way from the pooler to be announced")


def test_the_doctor_sees_a_pooler_and_refuses_what_cannot_work(make_postgres, make_pooler, make_node, tmp_path):
    database = make_postgres()
    node = make_node(database.port)
    word, line = verdict(node, "its pooler")
    assert word == "ok" and "the database itself" in line
    node.use(make_pooler(database.port).port)
    word, line = verdict(node, "its pooler")
    assert word == "ok" and "20 transactions get a session at once" in line
    node.use(make_pooler(database.port, default_pool_size=FEWER_THAN_CONNECTIONS, ignore_startup_parameters="options").port)
    word, line = verdict(node, "its pooler")
    assert word == "warn" and f"{FEWER_THAN_CONNECTIONS} transactions" in line and "raise the pool's size" in line
    node.env["GRAPNEL_STORE_URL"] += "?options=-csearch_path%3Dhooks"
    word, line = verdict(node, "database")
    assert word == "FAIL" and "do not last" in line and "ALTER ROLE" in line
    node.use(make_pooler(database.port, pool_mode="statement").port)
    word, line = verdict(node, "database")
    assert word == "FAIL" and "set pool_mode to transaction" in line
    node.env["GRAPNEL_STORE_URL"] += "?options=-csearch_path%3Dhooks"
    word, line = verdict(node, "database")
    assert word == "FAIL" and "passes no options on" in line and "ALTER ROLE" in line
    node.use(make_pooler(database.port).port)
    said = node.run("store", "copy", f"--from={node.env['GRAPNEL_STORE_URL']}", f"--to={tmp_path}/copy")
    assert said.returncode != 0 and "the URL of the database itself" in said.stderr
