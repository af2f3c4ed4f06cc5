#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts one of the two databases, as the user postgres. One without data copies the other one's, if that is a primary.
# Otherwise the first of the two makes a new database (primary.sh), and the second waits for it.
set -eu
export PGUSER=standby PGCONNECT_TIMEOUT=3
PGPASSWORD=$(cat "${SECRETS:-/run/secrets}/database-password")
export PGPASSWORD

peer_is_primary() {
    [ "$(psql -h "$PEER" -d postgres -qAtc 'SELECT NOT pg_is_in_recovery()' 2>/dev/null)" = t ]
}

while [ ! -s "$PGDATA/PG_VERSION" ]; do
    if peer_is_primary; then
        pg_basebackup -h "$PEER" -D "$PGDATA" -X stream -c fast --write-recovery-conf
        chmod 700 "$PGDATA"
    elif [ "${IS_FIRST:-no}" = yes ]; then
        break
    else
        sleep 1
    fi
done
unset PGUSER PGPASSWORD PGCONNECT_TIMEOUT

# A standby that was away for a while finds what it missed in wal_keep_size.
exec docker-entrypoint.sh postgres -c max_connections=200 -c wal_keep_size=1GB -c max_wal_size=4GB -c wal_compression=on \
    -c wal_receiver_timeout=5s -c wal_sender_timeout=5s -c idle_in_transaction_session_timeout=5min "$@"
