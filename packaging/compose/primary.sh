#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run by PostgreSQL's image once, when the first database was made, and before anybody else can connect to it.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat "${SECRETS:-/run/secrets}/database-password")" -U postgres -d postgres <<'SQL'
CREATE USER grapnel PASSWORD :'password';
GRANT pg_monitor TO grapnel;
CREATE USER standby REPLICATION PASSWORD :'password';
CREATE DATABASE grapnel OWNER grapnel ENCODING 'UTF8' TEMPLATE template0;
-- Commits wait for the standby from the next start on, which follows.
ALTER SYSTEM SET synchronous_standby_names = '*';
SQL
echo 'host replication standby all scram-sha-256' >>"$PGDATA/pg_hba.conf"
