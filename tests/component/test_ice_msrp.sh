#!/usr/bin/env bash
# MSRP of IMS UEs over ICE-TCP (TS 33.203 W.3.4): agw alone, its controller, the UEs and the core's MSRP are ice_msrp.mjs.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 32600
DOOR=$((BASE + 9))
ACCESS_MORE="ice_tcp: [$DOOR]"
export DOOR ALG_H248 AGW_H248 AGW_OPS
start_agw
export AGW_PID=$AGW
start node timeout 120 node "$HERE/ice_msrp.mjs" "$@"
NODE=$PID
until_true 125 gone "$NODE"
take_tap "" <"$TMP/node.log"
has "every case was tried" "$TMP/node.log" '^end$'
check "agw ends with status 0" stop_pid "$AGW"
done_testing
