#!/usr/bin/env bash
# What a stranger gets for what he sends, by protocol (reflect.mjs): a reflection factor above 1 fails. Calls of all kinds are up
# meanwhile, and go on.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 30000
DOOR=$((BASE + 9))
ACCESS_MORE="ice_tcp: [$DOOR]"
start_far
start_alg $'gateways: [{from: 127.0.0.1}]\nsip_peers: [127.0.0.1]'
agw_conf >"$TMP/agw.yaml"
start agw "$B/agw" -c "$TMP/agw.yaml" --trace "$TMP/trace"
AGW=$PID
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the pair is ready"
start texts "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --agents 2 --calls 2 --keep --timeout 100
start tones "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --audio 50 --agents 2 --calls 2 --keep --timeout 100
until_true 10 metric_is "$ALG_OPS" alg_calls 4 || give_up "four calls are up"
# a stranger may have seen a ufrag: it goes in the clear with each check
ufrag() { UFRAG=$(grep -aoE 'a=ice-ufrag:[A-Za-z0-9+/]{8,}' "$TMP/trace/agw.trace" | head -n 1 | cut -d: -f2); [ -n "$UFRAG" ]; }
until_true 10 ufrag || give_up "agw has told a ufrag" # those of browsers are shorter
export ALG_H248 AGW_H248 ALG_SIP ACCESS CORE DOOR UFRAG
start node timeout 120 node "$HERE/reflect.mjs"
NODE=$PID
until_true 125 gone "$NODE"
take_tap "" <"$TMP/node.log"
has "every case was tried" "$TMP/node.log" '^end$'
is "the calls are still up" "$(metric "$ALG_OPS" alg_calls)" 4
has "SIP: a line says who was not answered" "$TMP/alg.log" 'peer=127.0.0.66:.*request of a stranger, not answered'
has "H.248: alg, too" "$TMP/alg.log" 'peer=127.0.0.66:.*a stranger gets no answer longer'
has "H.248: and agw" "$TMP/agw.log" 'peer=127.0.0.66:.*a stranger gets no answer longer'
has "the door: and agw, of one that knew a ufrag and no password" "$TMP/agw.log" 'peer=127.0.0.66:.*msg="TCP connection closed" why="its first frame is no check that passes'
has "media: and agw" "$TMP/agw.log" 'peer=127.0.0.66:.*not answered'
check "and the counter tells" [ "$(metric "$ALG_OPS" alg_sip_strangers_total)" -ge 12 ]
done_testing
