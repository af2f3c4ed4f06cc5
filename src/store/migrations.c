/* SPDX-License-Identifier: Apache-2.0
 *
 * The schemas, as the list of changes that make them.
 */
#include "store/migrations_priv.h"

static const char *const organisation_moving[] = {
    "ALTER TABLE organisation ADD COLUMN moving text COLLATE \"C\" NOT NULL DEFAULT '';", NULL
};

static const char *const moves[] = {
    "ALTER TABLE answer ADD COLUMN org bigint NOT NULL DEFAULT 0;",
    "CREATE INDEX answer_org ON answer(org);",
    "CREATE TABLE cell_move(org bigint NOT NULL, incoming bigint NOT NULL, made bigint NOT NULL,"
    " id text COLLATE \"C\" NOT NULL, other text COLLATE \"C\" NOT NULL, step text COLLATE \"C\" NOT NULL,"
    " words text COLLATE \"C\" NOT NULL DEFAULT '', cancel bigint NOT NULL DEFAULT 0,"
    " held bigint NOT NULL DEFAULT 0, changed bigint NOT NULL, counts text COLLATE \"C\" NOT NULL DEFAULT '',"
    " PRIMARY KEY(org, incoming));",
    NULL
};

const struct store_migration store_config_migrations[] = {
    { "what is configured",
      "CREATE TABLE setting(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
      "CREATE TABLE answer(key BLOB PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL,"
      " body BLOB NOT NULL, body_hash BLOB NOT NULL) WITHOUT ROWID;"
      "CREATE INDEX answer_at ON answer(at);"

      "CREATE TABLE organisation(num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
      " name TEXT NOT NULL, created INTEGER NOT NULL);"

      "CREATE TABLE application(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, uid TEXT, name TEXT NOT NULL, metadata TEXT NOT NULL,"
      " throttle INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
      " deleted INTEGER NOT NULL DEFAULT 0);"
      "CREATE UNIQUE INDEX application_uid ON application(org, uid) WHERE uid IS NOT NULL AND deleted = 0;"
      "CREATE INDEX application_live ON application(org, id) WHERE deleted = 0;"

      "CREATE TABLE endpoint(num INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, uid TEXT, kind TEXT NOT NULL, url TEXT NOT NULL,"
      " description TEXT NOT NULL, event_types TEXT, channels TEXT, metadata TEXT NOT NULL,"
      " headers BLOB, options TEXT, options_sealed BLOB, throttle INTEGER NOT NULL,"
      " version INTEGER NOT NULL, disabled INTEGER NOT NULL, disabled_reason TEXT NOT NULL,"
      " failing_since INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
      " deleted INTEGER NOT NULL DEFAULT 0);"
      "CREATE UNIQUE INDEX endpoint_uid ON endpoint(app, uid) WHERE uid IS NOT NULL AND deleted = 0;"
      "CREATE INDEX endpoint_live ON endpoint(app, id) WHERE deleted = 0;"
      "CREATE TABLE endpoint_key(endpoint INTEGER NOT NULL, position INTEGER NOT NULL,"
      " sealed BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(endpoint, position)) WITHOUT ROWID;"

      "CREATE TABLE event_type(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL, schemas TEXT,"
      " feature_flags TEXT, group_name TEXT, deprecated INTEGER NOT NULL, archived INTEGER NOT NULL,"
      " created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE(org, name));"

      "CREATE TABLE token(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " app INTEGER NOT NULL, name TEXT NOT NULL, scopes TEXT, hash BLOB NOT NULL UNIQUE,"
      " created INTEGER NOT NULL, expires INTEGER NOT NULL);"
      "CREATE INDEX token_app ON token(app);"
      "CREATE INDEX token_org ON token(org);",
      NULL },
    { "background tasks",
      "CREATE TABLE task(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL, app INTEGER NOT NULL,"
      " endpoint INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, status TEXT NOT NULL,"
      " input TEXT NOT NULL, cursor TEXT NOT NULL, data TEXT NOT NULL, created INTEGER NOT NULL,"
      " updated INTEGER NOT NULL);"
      "CREATE INDEX task_org ON task(org, id);"
      "CREATE INDEX task_running ON task(num) WHERE status = 'running';",
      NULL },
    { "sources",
      "CREATE TABLE source(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " app INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, uid TEXT, name TEXT NOT NULL,"
      " metadata TEXT NOT NULL, kind TEXT NOT NULL, scheme TEXT, config TEXT NOT NULL, secrets BLOB,"
      " paused INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
      " deleted INTEGER NOT NULL DEFAULT 0);"
      "CREATE UNIQUE INDEX source_uid ON source(org, uid) WHERE uid IS NOT NULL AND deleted = 0;"
      "CREATE INDEX source_live ON source(org, id) WHERE deleted = 0;"
      "CREATE TABLE source_token(hash BLOB PRIMARY KEY, source INTEGER NOT NULL,"
      " position INTEGER NOT NULL, sealed BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;"
      "CREATE INDEX source_token_source ON source_token(source, position);",
      NULL },
    { "webfilters",
      "CREATE TABLE filter(num INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, event TEXT NOT NULL, url TEXT NOT NULL, description TEXT NOT NULL,"
      " position INTEGER NOT NULL, settings TEXT NOT NULL, secret BLOB NOT NULL,"
      " enabled INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);"
      "CREATE INDEX filter_app ON filter(app, event, position);"
      "CREATE TABLE filter_chain(app INTEGER NOT NULL, event TEXT NOT NULL, deadline INTEGER NOT NULL,"
      " keep TEXT NOT NULL, redact TEXT NOT NULL, token BLOB, token_hash BLOB, old_hash BLOB,"
      " old_until INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
      " PRIMARY KEY(app, event)) WITHOUT ROWID;"
      "CREATE UNIQUE INDEX filter_chain_token ON filter_chain(token_hash) WHERE token_hash IS NOT NULL;"
      "CREATE INDEX filter_chain_old ON filter_chain(old_hash) WHERE old_hash IS NOT NULL;",
      NULL },
    { "users",
      "CREATE TABLE user(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " name TEXT NOT NULL, roles TEXT NOT NULL, password TEXT NOT NULL, totp BLOB, secret BLOB,"
      " totp_step INTEGER NOT NULL, generation INTEGER NOT NULL, created INTEGER NOT NULL,"
      " updated INTEGER NOT NULL, UNIQUE(org, name));"
      "CREATE INDEX user_name ON user(name);",
      NULL },
    { "gaia webhooks",
      "CREATE TABLE gaia_webhook(token TEXT NOT NULL, org INTEGER NOT NULL, app INTEGER NOT NULL,"
      " endpoint INTEGER NOT NULL, tenant INTEGER NOT NULL, datasource TEXT NOT NULL,"
      " event TEXT NOT NULL, ts_field TEXT, api_token BLOB NOT NULL, host TEXT NOT NULL,"
      " created INTEGER NOT NULL, PRIMARY KEY(org, token)) WITHOUT ROWID;"
      "CREATE UNIQUE INDEX gaia_webhook_same ON gaia_webhook(org, tenant, datasource, event);",
      NULL },
    { "imported gaia webhooks may have a datasource and event in common",
      "DROP INDEX gaia_webhook_same;"
      "CREATE INDEX gaia_webhook_same ON gaia_webhook(org, tenant, datasource, event, token);",
      NULL },
    { "when an endpoint failed last",
      "ALTER TABLE endpoint ADD COLUMN last_failure INTEGER NOT NULL DEFAULT 0;", NULL },
    { "credentials of webfilters' URLs", "ALTER TABLE filter ADD COLUMN credentials BLOB;", NULL },
    /* Health is written often, and nothing but health changes then. endpoint.failing_since and .last_failure are
     * no longer used. The count is kept by the database itself, so that no statement can get it wrong. */
    { "an endpoint's health, and how many an application has, in tables of their own",
      "CREATE TABLE endpoint_health(endpoint INTEGER PRIMARY KEY, failing_since INTEGER NOT NULL,"
      " last_failure INTEGER NOT NULL);"
      "INSERT INTO endpoint_health(endpoint, failing_since, last_failure)"
      " SELECT num, failing_since, last_failure FROM endpoint"
      " WHERE deleted = 0 AND (failing_since <> 0 OR last_failure <> 0);"
      "CREATE TABLE endpoint_count(app INTEGER PRIMARY KEY, live INTEGER NOT NULL);"
      "INSERT INTO endpoint_count(app, live) SELECT app, count(*) FROM endpoint WHERE deleted = 0 GROUP BY app;"
      "CREATE TRIGGER endpoint_count_insert AFTER INSERT ON endpoint WHEN NEW.deleted = 0 BEGIN"
      " INSERT INTO endpoint_count(app, live) VALUES(NEW.app, 1)"
      " ON CONFLICT(app) DO UPDATE SET live = live + 1; END;"
      "CREATE TRIGGER endpoint_count_update AFTER UPDATE OF deleted ON endpoint"
      " WHEN NEW.deleted <> OLD.deleted BEGIN"
      " UPDATE endpoint_count SET live = live + OLD.deleted - NEW.deleted WHERE app = NEW.app; END;"
      "CREATE TRIGGER endpoint_count_delete AFTER DELETE ON endpoint WHEN OLD.deleted = 0 BEGIN"
      " UPDATE endpoint_count SET live = live - 1 WHERE app = OLD.app; END;",
      NULL },
    { "tasks that are held, paced and somebody's",
      "ALTER TABLE task ADD COLUMN rate INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE task ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE task ADD COLUMN paced_from INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE task ADD COLUMN paced_done INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE task ADD COLUMN started_by TEXT;",
      NULL },
    /* What ends with a token or a change of a user is ended by the database itself, so that no statement can forget it. */
    { "sessions and codes beside API tokens",
      "ALTER TABLE token ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE token ADD COLUMN parent INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE token ADD COLUMN user INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE token ADD COLUMN used INTEGER NOT NULL DEFAULT 0;"
      "CREATE INDEX token_parent ON token(parent) WHERE parent <> 0;"
      "CREATE INDEX token_user ON token(user) WHERE user <> 0;"
      "CREATE INDEX token_passing ON token(expires) WHERE kind <> 0;"
      "CREATE TRIGGER token_children AFTER DELETE ON token WHEN OLD.kind = 0 BEGIN"
      " DELETE FROM token WHERE parent = OLD.num AND parent <> 0; END;"
      "CREATE TRIGGER token_user_delete AFTER DELETE ON user BEGIN"
      " DELETE FROM token WHERE user = OLD.num AND user <> 0; END;"
      "CREATE TRIGGER token_user_update AFTER UPDATE OF generation ON user"
      " WHEN NEW.generation <> OLD.generation BEGIN"
      " DELETE FROM token WHERE user = OLD.num AND user <> 0; END;",
      NULL },
    { "how sessions were opened, who made tokens, and from where both are used",
      "ALTER TABLE token ADD COLUMN how TEXT NOT NULL DEFAULT '';"
      "ALTER TABLE token ADD COLUMN peer TEXT NOT NULL DEFAULT '';"
      "ALTER TABLE token ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE token ADD COLUMN made_by TEXT;"
      "CREATE INDEX token_session ON token(org, num) WHERE kind = 1;"
      "CREATE TABLE token_use(token INTEGER NOT NULL, peer TEXT NOT NULL, first INTEGER NOT NULL,"
      " last INTEGER NOT NULL, PRIMARY KEY(token, peer)) WITHOUT ROWID;"
      "CREATE TRIGGER token_use_delete AFTER DELETE ON token BEGIN"
      " DELETE FROM token_use WHERE token = OLD.num; END;"
      "ALTER TABLE user ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE user ADD COLUMN totp_new BLOB;",
      NULL },
    /* One's own go with whom they belonged to, by the database itself; shared ones are everybody's. */
    { "saved views",
      "CREATE TABLE saved_view(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, shared INTEGER NOT NULL, name TEXT NOT NULL,"
      " page TEXT NOT NULL, query TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);"
      "CREATE INDEX saved_view_org ON saved_view(org, id);"
      "CREATE TRIGGER saved_view_token AFTER DELETE ON token WHEN OLD.kind = 0 BEGIN"
      " DELETE FROM saved_view WHERE owner = 'token:' || OLD.num AND shared = 0; END;"
      "CREATE TRIGGER saved_view_user AFTER DELETE ON user BEGIN"
      " DELETE FROM saved_view WHERE owner = 'user:' || OLD.num AND shared = 0; END;",
      NULL },
    { "what people said of issues, and alert rules",
      "CREATE TABLE issue_mark(org INTEGER NOT NULL, key TEXT NOT NULL, note TEXT NOT NULL,"
      " by_whom TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL,"
      " episode INTEGER NOT NULL, PRIMARY KEY(org, key)) WITHOUT ROWID;"
      "CREATE TABLE alert_rule(num INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL,"
      " id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kinds TEXT, after INTEGER NOT NULL,"
      " enabled INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);"
      "CREATE INDEX alert_rule_org ON alert_rule(org);"
      "CREATE TABLE alert_sighting(rule INTEGER NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL,"
      " told INTEGER NOT NULL, what TEXT, PRIMARY KEY(rule, key)) WITHOUT ROWID;",
      NULL },
    { "an audit log",
      "CREATE TABLE audit(num INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, org INTEGER NOT NULL,"
      " app INTEGER NOT NULL, passing INTEGER NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL,"
      " object TEXT NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL, who_kind TEXT NOT NULL,"
      " who_id TEXT NOT NULL, who_name TEXT NOT NULL, operation TEXT NOT NULL, peer TEXT NOT NULL,"
      " request TEXT NOT NULL, changes TEXT NOT NULL);"
      "CREATE INDEX audit_org ON audit(org, num, passing);"
      "CREATE INDEX audit_app ON audit(app, num) WHERE app <> 0;"
      "CREATE INDEX audit_object ON audit(object) WHERE object <> '';"
      "CREATE INDEX audit_about ON audit(about) WHERE about <> '';"
      "CREATE INDEX source_app ON source(app);",
      store_config_postgres },
    { "where an organisation moves to",
      "ALTER TABLE organisation ADD COLUMN moving TEXT NOT NULL DEFAULT '';", organisation_moving },
    /* One row for each organisation that moves or has moved, in either direction; see store/move.h. */
    { "moves between cells, and whose an answer is",
      "ALTER TABLE answer ADD COLUMN org INTEGER NOT NULL DEFAULT 0;"
      "CREATE INDEX answer_org ON answer(org);"
      "CREATE TABLE cell_move(org INTEGER NOT NULL, incoming INTEGER NOT NULL, made INTEGER NOT NULL,"
      " id TEXT NOT NULL, other TEXT NOT NULL, step TEXT NOT NULL, words TEXT NOT NULL DEFAULT '',"
      " cancel INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL,"
      " counts TEXT NOT NULL DEFAULT '', PRIMARY KEY(org, incoming)) WITHOUT ROWID;",
      moves },
};
const size_t store_config_migration_count = COUNT_OF(store_config_migrations);

/* A segment. `stretch.rows` counts what is in the stretches before. Keys are id_key()s: of messages (k, msg) and of attempts (ak). `stretch` is the number
 * of a run of some thousand keys (segment_priv.h says why every index starts with it). A delivery
 * with a due time is pending; the partial index holds nothing else. */
const struct store_migration store_segment_migrations[] = {
    { "messages, deliveries, attempts",
      "CREATE TABLE stretch(kind INTEGER NOT NULL, n INTEGER NOT NULL, first INTEGER NOT NULL,"
      " rows INTEGER NOT NULL, PRIMARY KEY(kind, n)) WITHOUT ROWID;"

      "CREATE TABLE message(k INTEGER PRIMARY KEY, tail BLOB NOT NULL, stretch INTEGER NOT NULL,"
      " app INTEGER NOT NULL, org INTEGER NOT NULL, created INTEGER NOT NULL, deliver_at INTEGER NOT NULL,"
      " expires INTEGER NOT NULL, event_type TEXT NOT NULL, event_id TEXT, channels TEXT, tags TEXT,"
      " content_type TEXT, headers TEXT, endpoints BLOB NOT NULL, payload BLOB);"
      "CREATE INDEX message_app ON message(stretch, app);"
      "CREATE INDEX message_expires ON message(expires) WHERE expires > 0 AND payload IS NOT NULL;"

      "CREATE TABLE delivery(stretch INTEGER NOT NULL, endpoint INTEGER NOT NULL, msg INTEGER NOT NULL,"
      " app INTEGER NOT NULL, state INTEGER NOT NULL, due INTEGER, attempts INTEGER NOT NULL,"
      " last_at INTEGER NOT NULL, trigger INTEGER NOT NULL,"
      " PRIMARY KEY(stretch, endpoint, msg)) WITHOUT ROWID;"
      "CREATE INDEX delivery_due ON delivery(endpoint, due, msg) WHERE due IS NOT NULL;"

      "CREATE TABLE attempt(msg INTEGER NOT NULL, endpoint INTEGER NOT NULL, ak INTEGER NOT NULL,"
      " stretch INTEGER NOT NULL, tail BLOB NOT NULL, number INTEGER NOT NULL, state_after INTEGER NOT NULL,"
      " success INTEGER NOT NULL, trigger INTEGER NOT NULL, http_status INTEGER NOT NULL,"
      " started INTEGER NOT NULL, took INTEGER NOT NULL, next_due INTEGER NOT NULL,"
      " error TEXT, detail TEXT, url TEXT, response BLOB, response_headers BLOB, request_headers BLOB,"
      " PRIMARY KEY(msg, endpoint, ak)) WITHOUT ROWID;"
      "CREATE INDEX attempt_endpoint ON attempt(stretch, endpoint, ak);"

      "CREATE TABLE remembered(k INTEGER PRIMARY KEY, hashes BLOB NOT NULL);",
      NULL },
    { "requests that came in at sources",
      "CREATE TABLE request(k INTEGER PRIMARY KEY, tail BLOB NOT NULL, stretch INTEGER NOT NULL,"
      " source INTEGER NOT NULL, app INTEGER NOT NULL, at INTEGER NOT NULL, outcome INTEGER NOT NULL,"
      " has_message INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT, method TEXT, url TEXT,"
      " peer TEXT, headers TEXT, body BLOB, body_bytes INTEGER NOT NULL, event_type TEXT,"
      " dedupe_id TEXT, original BLOB);"
      "CREATE INDEX request_source ON request(stretch, source);"
      "CREATE INDEX request_bounded ON request(source) WHERE has_message = 0;",
      NULL },
    { "filter runs",
      "CREATE TABLE filter_run(k INTEGER PRIMARY KEY, tail BLOB NOT NULL, stretch INTEGER NOT NULL,"
      " app INTEGER NOT NULL, started INTEGER NOT NULL, took INTEGER NOT NULL, event TEXT NOT NULL,"
      " halted INTEGER NOT NULL, has_data INTEGER NOT NULL, filters TEXT NOT NULL,"
      " summary TEXT NOT NULL, detail TEXT);"
      "CREATE INDEX filter_run_app ON filter_run(stretch, app);",
      NULL },
    { "requests that hold several events", "ALTER TABLE request ADD COLUMN items TEXT;", NULL },
    { "why a delivery ended", "ALTER TABLE delivery ADD COLUMN reason INTEGER NOT NULL DEFAULT 0;",
      NULL },
    { "due deliveries by stretch",
      "DROP INDEX delivery_due;"
      "CREATE INDEX delivery_due ON delivery(stretch, endpoint, due, msg) WHERE due IS NOT NULL;",
      NULL },
    /* Both halves of the view have columns of the same affinity: only then does a walk use each half's index. */
    { "requests in the rows of their messages",
      "ALTER TABLE message ADD COLUMN request_stretch INTEGER;"
      "ALTER TABLE message ADD COLUMN source INTEGER;"
      "ALTER TABLE message ADD COLUMN received INTEGER;"
      "ALTER TABLE message ADD COLUMN status INTEGER;"
      "ALTER TABLE message ADD COLUMN method TEXT;"
      "ALTER TABLE message ADD COLUMN url TEXT;"
      "ALTER TABLE message ADD COLUMN peer TEXT;"
      "ALTER TABLE message ADD COLUMN request_headers TEXT;"
      "ALTER TABLE message ADD COLUMN body_bytes INTEGER;"
      "ALTER TABLE message ADD COLUMN request_type TEXT;"
      "ALTER TABLE message ADD COLUMN dedupe_id TEXT;"
      "CREATE INDEX message_source ON message(request_stretch, source) WHERE request_stretch IS NOT NULL;"
      "CREATE VIEW any_request AS"
      " SELECT k, tail, stretch, source, app, at, outcome, has_message, status, reason, method, url, peer, headers,"
      " CAST(NULL AS TEXT) AS lines, body, body_bytes, event_type, dedupe_id, original, items FROM request"
      " UNION ALL SELECT k, tail, request_stretch, source, app, received, CAST(0 AS INTEGER), CAST(1 AS INTEGER),"
      " status, CAST(NULL AS TEXT), method, url, peer, request_headers, headers, CAST(NULL AS BLOB), body_bytes,"
      " request_type, dedupe_id, CAST(NULL AS BLOB), CAST(NULL AS TEXT)"
      " FROM message WHERE request_stretch IS NOT NULL;",
      NULL },
    /* struct store_due says what they mean. */
    { "attempts asked for ahead of the schedule",
      "ALTER TABLE delivery ADD COLUMN retry_at INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE delivery ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE delivery ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE delivery ADD COLUMN task INTEGER NOT NULL DEFAULT 0;",
      NULL },
    { "times shown against times in keys",
      "CREATE TABLE shown(one INTEGER PRIMARY KEY CHECK(one = 1), low INTEGER NOT NULL, high INTEGER NOT NULL);",
      NULL },
};
const size_t store_segment_migration_count = COUNT_OF(store_segment_migrations);
