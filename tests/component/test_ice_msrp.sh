#!/usr/bin/env bash
# MSRP of IMS UEs over ICE-TCP (TS 33.203 W.3.4): agw alone, its controller, the UEs and the core's MSRP are ice_msrp.mjs.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 20000 # below the ports of connections: those of the realms are fixed
DOOR=$((BASE + 9))
ACCESS_MORE="ice_tcp: [$DOOR]"
export DOOR ALG_H248 AGW_H248 AGW_OPS
cases() { # cases AGW_YAML [CASE...]
    start_agw "$1"
    export AGW_PID=$AGW
    : >"$TMP/node.log"
    start node timeout 120 node "$HERE/ice_msrp.mjs" "${@:2}"
    until_true 125 gone "$PID"
    take_tap "" <"$TMP/node.log"
    has "every case was tried" "$TMP/node.log" '^end$'
    check "agw ends with status 0" stop_pid "$AGW"
}
cases "" "$@"
[ $# -gt 0 ] || cases "ice_timeout: 3000" life
done_testing
