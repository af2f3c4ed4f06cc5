#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_exports.sh LIBRARY HEADER...: the shared library exports exactly the functions its headers declare,
# and needs nothing but libcrypto and the C library.
set -eu
exported=$(nm -D --defined-only "$1" | awk '$2 == "T" { print $3 }' | grep -v '^__' | sort)
library=$1
shift
declared=$(cat "$@" | grep -o 'grapnel_[a-z_]*(' | tr -d '(' | sort -u | while read -r name; do
    cat "$@" | tr '\n' ' ' | grep -qE "GRAPNEL_API[^;]*[ *]$name\(" && echo "$name"
done)
if [ "$exported" != "$declared" ]; then
    echo "exported:"; echo "$exported"; echo "declared:"; echo "$declared"
    exit 1
fi
needed=$(objdump -p "$library" | awk '/NEEDED/ { print $2 }' | grep -vE '^(libcrypto\.so\.3|libc\.so\.6|lib(asan|ubsan|tsan|gcc_s|clang_rt).*)$' || true)
[ -z "$needed" ] || { echo "needs: $needed"; exit 1; }
