#!/usr/bin/env bash
# Pages of an attacker: what they may say in Host and Origin (web_abuse.mjs).
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 26000
start_alg $'ws_hosts: [chat.example.net]\nlog: debug'
start_agw
pair_ready || give_up "the pair is ready"
export WS WSS ALG_OPS AGW_OPS
timeout 60 node "$HERE/web_abuse.mjs" >"$TMP/node.log" 2>&1
take_tap "" <"$TMP/node.log"
has "every case was tried" "$TMP/node.log" '^end$'
check "and counted: Host" [ "$(metric "$ALG_OPS" alg_ws_refused_host_total)" -ge 16 ]
check "and counted: Origin" [ "$(metric "$ALG_OPS" alg_ws_refused_origin_total)" -ge 12 ]
has "a line says why" "$TMP/alg.log" 'status=421 .*Host is no name of ours'
done_testing
