#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the thumbnail of each entity in a Preservica event on standard input. For grapnel receive --exec.
#   PRESERVICA_URL        the system, such as https://eu.preservica.com
#   PRESERVICA_USERNAME, PRESERVICA_PASSWORD, PRESERVICA_TENANT
#                         who logs in: an access token is good for 15 minutes, so a new one is had when the old one is refused
#   PRESERVICA_TOKEN      an access token to begin with; enough by itself for a try
#   THUMBNAILS            folder for REFERENCE.jpg; the present token is kept there, readable by the owner only
# Needs curl and jq. Fails (and so keeps the event in SPOOL/failed) if one of them cannot be had.
set -eu
status=0
kept=$THUMBNAILS/.token
token=${PRESERVICA_TOKEN:-}
if [ -s "$kept" ]; then
    token=$(cat "$kept")
fi

# Logs in, and keeps the token for the events that follow. The password goes through a pipe: arguments can be seen by others.
log_in() {
    [ -n "${PRESERVICA_USERNAME:-}" ] && [ -n "${PRESERVICA_PASSWORD:-}" ] || return 1
    token=$(jq -jn '@uri "username=\(env.PRESERVICA_USERNAME)&password=\(env.PRESERVICA_PASSWORD)&tenant=\(env.PRESERVICA_TENANT // "")"' \
        | curl --silent --show-error --fail --max-time 30 --data-binary @- "$PRESERVICA_URL/api/accesstoken/login" \
        | jq -er '.token') || return 1
    (umask 077 && printf '%s\n' "$token" >"$kept.$$") && mv "$kept.$$" "$kept"
}

# fetch FILE URL: 0 if it is there. The token goes through a file of settings, not an argument.
fetch() {
    code=$(printf 'header = "Preservica-Access-Token: %s"\n' "$token" \
        | curl --silent --show-error --max-time 30 --max-filesize 10485760 --config - --output "$1" --write-out '%{http_code}' "$2") || return 1
    [ "$code" != 401 ] || return 2
    [ "$code" = 200 ] || { echo "$2: status $code" >&2; return 1; }
}

event=$(jq -r '.events[] | [.entityType, .entityRef] | @tsv')
tab=$(printf '\t')
while IFS="$tab" read -r kind reference; do
    case $kind in
    IO) path=information-objects ;;
    SO) path=structural-objects ;;
    *) continue ;; # content objects have none
    esac
    # The reference names a file and a path: nothing but a reference may.
    case $reference in
    '' | *[!0-9a-fA-F-]*) echo "not a reference: $reference" >&2; status=65; continue ;;
    esac
    part="$THUMBNAILS/.$reference.$$"
    url="$PRESERVICA_URL/api/entity/$path/$reference/preview?size=medium"
    got=0
    fetch "$part" "$url" || got=$?
    if [ $got = 2 ]; then
        if log_in; then
            got=0
            fetch "$part" "$url" || got=$?
        else
            echo "the access token is refused, and logging in fails (PRESERVICA_USERNAME, PRESERVICA_PASSWORD, PRESERVICA_TENANT)" >&2
        fi
    fi
    if [ $got = 0 ]; then
        mv "$part" "$THUMBNAILS/$reference.jpg"
    else
        rm -f "$part"
        status=1
    fi
done <<END
$event
END
exit $status
