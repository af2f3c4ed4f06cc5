#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the thumbnail of each entity in a Preservica event on standard input. For grapnel receive --exec.
#   PRESERVICA_URL    the system, such as https://eu.preservica.com
#   PRESERVICA_TOKEN  an access token
#   THUMBNAILS        folder for REFERENCE.jpg
# Needs curl and jq. Fails (and so keeps the event in SPOOL/failed) if one of them cannot be had.
set -eu
status=0
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
    if curl --silent --show-error --fail --max-time 30 --max-filesize 10485760 \
        --header "Preservica-Access-Token: $PRESERVICA_TOKEN" --output "$part" \
        "$PRESERVICA_URL/api/entity/$path/$reference/preview?size=medium"; then
        mv "$part" "$THUMBNAILS/$reference.jpg"
    else
        rm -f "$part"
        status=1
    fi
done <<END
$event
END
exit $status
