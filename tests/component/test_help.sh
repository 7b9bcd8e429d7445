#!/usr/bin/env bash
# Each command says what it is for: --help is its usage with status 0; an option that is none is named on stderr with status 2.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
TMP=$(mktemp -d)
trap leave EXIT
BENCH=(bench-{codec,forward,handshake,media,srtp,tcp})
make -s B="$B" "${BENCH[@]/#/$B/}" >/dev/null 2>&1 || give_up "the bench programs are made"

helps() { # helps COMMAND: asks it both
    local name=${1##*/}
    timeout 5 "$1" --help >"$TMP/out" 2>"$TMP/err" </dev/null
    is "$name --help: status, octets on stderr" "$? $(stat -c %s "$TMP/err")" "0 0"
    has "$name --help: its usage" "$TMP/out" "^(usage: |  *)(scripts/)?$name( |$)"
    timeout 5 "$1" --no-such-option >"$TMP/out" 2>"$TMP/err" </dev/null
    is "$name --no-such-option: status, octets on stdout" "$? $(stat -c %s "$TMP/out")" "2 0"
    has "$name --no-such-option: its name and why" "$TMP/err" "$name: "
}
for program in "$B"/{alg,agw,alg-users,h248-tool,iq-replay,lab-far,lab-flood,lab-wic} "${BENCH[@]/#/$B/}"; do helps "$program"; done
for script in scripts/* packaging/coturn/turn-secrets tests/e2e/netns.sh; do
    [ -x "$script" ] || continue
    # without these lines it would do its work here, and scripts/test empties the folder this speaks into
    awk '/^\. .*usage\.sh"|--help\) sed/ { ok = 1; exit } /^(cd|rm|make) / { exit } END { exit !ok }' "$script" ||
        { nok "${script##*/} knows --help before it begins"; continue; }
    helps "$script"
done
done_testing
