# SPDX-License-Identifier: Apache-2.0
"""What can fail around a store in PostgreSQL, and what becomes of it then."""
import re
import signal
import threading
import time

from cluster import QUICK, is_whole, wait_until

TAKEN_OVER_S = 8


def test_a_node_that_is_killed_is_replaced_and_nothing_acknowledged_is_lost(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    pair.first.kill()
    died = time.monotonic()
    pair.second.wait_log("server.started")
    assert time.monotonic() - died < TAKEN_OVER_S
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)
    assert pair.second.wait_log("server.takes_over")


def test_a_node_that_stops_in_order_is_replaced_at_once(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    stopped = time.monotonic()
    assert pair.first.stop() == 0
    pair.second.wait_log("server.started")
    assert time.monotonic() - stopped < TAKEN_OVER_S / 2
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_node_that_was_stopped_and_goes_on_takes_nothing_more(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    pair.first.child.send_signal(signal.SIGSTOP)
    nodes = pair.nodes
    ledger.nodes = [pair.second]
    pair.second.wait_log("server.started")
    ledger.grows()
    pair.first.child.send_signal(signal.SIGCONT)
    wait_until(lambda: not pair.first.is_active(), "the first node to see that it was replaced")
    ledger.nodes = nodes
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_node_that_was_replaced_ends_and_stands_by_when_it_is_started_again(pair):
    pair.first.child.send_signal(signal.SIGSTOP)
    pair.second.wait_log("server.started")
    pair.first.child.send_signal(signal.SIGCONT)
    assert pair.first.child.wait(60) != 0
    pair.first.spawn(*QUICK)
    pair.first.wait_log("server.stands_by")


def test_a_node_that_is_cut_off_from_the_database_is_replaced(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    pair.ways[0][0].cut()
    cut = time.monotonic()
    pair.second.wait_log("server.started")
    assert time.monotonic() - cut < TAKEN_OVER_S + 2
    ledger.nodes = [pair.second]
    ledger.grows()
    pair.ways[0][0].heal()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_node_whose_answers_are_swallowed_is_replaced(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    pair.ways[0][0].hold()
    held = time.monotonic()
    ledger.nodes = [pair.second]
    pair.second.wait_log("server.started")
    assert time.monotonic() - held < TAKEN_OVER_S + 2
    ledger.grows()
    pair.ways[0][0].heal()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_database_that_restarts_costs_a_pause_and_no_message(pair, receiver):
    ledger = pair.ledger()
    ledger.grows()
    pair.database.crash()
    pair.database.start()
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)
    assert pair.first.is_active(), "nobody judges anybody right after the database was away"


def synchronous(primary):
    """Its commits wait for its standby from now on."""
    primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
    primary.ask("SELECT pg_reload_conf()", "postgres")
    wait_until(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1", "the standby to keep up")


def alone(promoted):
    """It was a standby, and is a primary without one now."""
    promoted.promote()
    promoted.ask("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres")
    promoted.ask("SELECT pg_reload_conf()", "postgres")


def test_a_primary_that_is_lost_is_replaced_by_its_standby_and_nothing_acknowledged_is_lost(make_postgres, make_pair, receiver):
    primary = make_postgres()
    standby = make_postgres(primary)
    synchronous(primary)
    pair = make_pair(primary.port, standby.port)
    ledger = pair.ledger()
    ledger.grows()
    primary.kill()
    lost = time.monotonic()
    alone(standby)
    ledger.grows()
    assert time.monotonic() - lost < 20
    ledger.end()
    is_whole(ledger, receiver)


def test_a_commit_whose_wait_for_the_standby_is_cancelled_is_not_acknowledged(make_postgres, make_way, make_pair, receiver):
    primary = make_postgres()
    stream = make_way(primary.port)
    make_postgres(stream)
    synchronous(primary)
    pair = make_pair(primary.port)
    ledger = pair.ledger()
    ledger.grows()
    ledger.end()
    stream.hold()
    cancelled = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    asked = {"a message": ("POST", f"/app/{pair.app}/msg", {"eventType": "test.event", "payload": {}}, {"idempotency-key": "the same"}),
             "an application": ("POST", "/app", {"name": "a new one"}, {})}
    for what, call in asked.items():
        answers, count = [], 0
        thread = threading.Thread(target=lambda call=call, answers=answers: answers.append(pair.first.call(*call, token=pair.token)))
        thread.start()
        while thread.is_alive():
            count += int(primary.ask(cancelled, "postgres"))
        assert count > 0, f"nothing waited for the standby while {what} was asked for"
        assert answers[0].status == 503, f"{what}: {answers[0]}"
    stream.heal()
    message = wait_until(lambda: pair.first.call(*asked["a message"], token=pair.token).body.get("id"), "the message to be accepted")
    wait_until(lambda: message in receiver.ids(), "it to arrive")
    is_whole(ledger, receiver)


def test_an_old_primary_that_lives_on_alone_gets_nothing_committed_and_nothing_is_taken_from_it(
        make_postgres, make_way, make_pair, receiver):
    primary = make_postgres()
    stream = make_way(primary.port)
    standby = make_postgres(stream)
    synchronous(primary)
    pair = make_pair(primary.port, standby.port)
    ledger = pair.ledger()
    ledger.grows()
    stream.cut()
    for to_primary, _ in pair.ways:
        to_primary.cut()
    alone(standby)
    ledger.grows()
    for to_primary, _ in pair.ways:
        to_primary.heal()  # it takes writes, as far as it knows, but nobody confirms them
    ledger.grows()
    pair.first.kill()
    pair.second.wait_log("server.started")
    ledger.nodes = [pair.second]
    ledger.grows()
    pair.first.spawn(*QUICK)  # meets the old primary first, where nobody is at work
    pair.first.wait_log("link.aimed")
    ledger.grows()
    assert pair.second.is_active() and not pair.first.is_active()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_standby_that_lacks_commits_costs_what_it_lacks_and_the_node_says_from_when_on(
        make_postgres, make_way, make_pair, receiver):
    primary = make_postgres()
    stream = make_way(primary.port)
    standby = make_postgres(stream)
    pair = make_pair(primary.port, standby.port)
    ledger = pair.ledger()
    ledger.grows()
    wait_until(lambda: primary.ask("SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication") == "t", "the standby to be in step")
    before = set(ledger.accepted)
    stream.hold()
    ledger.grows(5)
    primary.kill()
    standby.promote()
    pair.first.wait_log("store.went_back")
    assert pair.first.child.wait(60) != 0
    pair.second.wait_log("server.started")
    after = set(ledger.accepted)
    ledger.grows()
    ledger.end()
    # What was accepted while the standby was cut off may be missing: that is what "asynchronous" means. All else is there.
    for id_ in after - before:
        ledger.accepted.pop(id_)
    is_whole(ledger, receiver)
    assert "grapnel_store_went_back_timestamp_seconds " in pair.second.raw("GET", "/metrics").body.decode()


def test_a_table_that_somebody_locks_costs_a_clear_refusal_and_no_message(pair, receiver):
    ledger = pair.ledger()
    ledger.nodes = [pair.first]
    ledger.grows()
    refused = ledger.refused
    pair.database.ask("BEGIN; LOCK TABLE message IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT")
    assert ledger.refused > refused
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)
    assert pair.first.is_active()


def test_a_database_whose_disk_is_full_costs_a_clear_refusal_and_no_message(small_disk, make_pair, receiver):
    database = small_disk.postgres
    pair = make_pair(database.port)
    pair.database = database
    ledger = pair.ledger()
    ledger.grows()
    small_disk.fill()
    refused = ledger.refused
    wait_until(lambda: ledger.refused > refused + 3, "requests to be refused")
    answer = wait_until(lambda: ledger.last_answer if ledger.last_answer.status != 202 else None, "an answer that says so")
    # 507 while the database answers; 503 once it has ended, because it cannot write its log.
    assert answer.status in (503, 507) and answer.body["detail"], answer
    small_disk.free()
    if database.child.poll() is not None:
        database.start()  # it ends when it cannot write its log
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)


def test_a_transaction_that_somebody_leaves_open_is_in_nobodys_way(pair, receiver):
    open_for_long = pair.database.hold("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM message, waiting")
    ledger = pair.ledger()
    ledger.grows(200)
    ledger.end()
    is_whole(ledger, receiver)
    pair.first.stop()  # what is written down at a stop, and read by the next node, goes past it, too
    pair.second.wait_log("server.started")
    assert pair.database.ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND application_name = 'psql'") == "1"
    open_for_long.kill()


def test_a_node_takes_no_more_connections_than_the_doctor_says(pair, receiver):
    ledger = pair.ledger()
    ledger.grows(100)
    for _ in range(20):
        for path in ("msg", "attempt/endpoint/" + pair.endpoint, "endpoint"):
            pair.first.ok("GET", f"/app/{pair.app}/{path}")
    used = int(pair.database.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'grapnel'"))
    ledger.end()
    said = pair.first.run("doctor", f"--store.dir={pair.first.store}").stdout
    promised = int(re.search(r"a node takes (\d+)", said).group(1))
    # The node that stands by looks in now and then, with a few at a time.
    assert used <= promised + 3, said


def test_while_the_database_is_away_everything_is_refused_for_now_and_nothing_blames_a_disk(make_postgres, make_way, make_node):
    database = make_postgres()
    way = make_way(database.port)
    node = make_node(way.port)
    node.serve(*QUICK)
    app = node.application()
    way.cut()
    for method, path, body in (("GET", "/app", None), ("GET", f"/app/{app}", None), ("POST", "/app", {"name": "x"}),
                               ("DELETE", f"/app/{app}", None), ("GET", f"/app/{app}/msg", None),
                               ("POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {}})):
        answer = node.call(method, path, body)
        assert answer.status == 503 and "disk" not in answer.body["detail"], f"{method} {path}: {answer.status} {answer.body}"
    way.heal()
    wait_until(lambda: node.call("GET", "/app").status == 200, "it to answer again")


def test_a_partition_that_is_gone_is_made_again(pair, receiver):
    empty = pair.database.ask("SELECT n FROM segment WHERE state = 1 ORDER BY first_k LIMIT 1")
    pair.database.ask(f"DROP TABLE message_{empty}, attempt_{empty}, request_{empty}, filter_run_{empty}")
    ledger = pair.ledger()
    ledger.grows()
    ledger.end()
    is_whole(ledger, receiver)
    assert pair.database.ask(f"SELECT to_regclass('message_{empty}') IS NOT NULL") == "t"


def test_a_node_that_stands_by_stops_as_asked_and_sends_commands_to_the_other_node(pair):
    said = pair.second.run("token", "create", "--name=x", f"--store.dir={pair.second.store}")
    assert said.returncode != 0 and "run this on that node's machine" in said.stderr
    assert pair.second.stop() == 0
    assert "server.failed" not in pair.second.log()
    assert pair.first.is_active()
