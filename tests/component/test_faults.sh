#!/usr/bin/env bash
# Processes die without a word while twenty calls are up: the gateway, the controller, the far end, the browsers. Each time
# the others let go of everything, and new calls work.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl
lab 22800
N=20
AGW_MORE="silence: 4000
orphan_timeout: 4000
ice_timeout: 5000"
ALG_MORE="heartbeat: 1000
request_timeout: 3000
reopen: 5
orphan: 3"

calls_up() { # N calls that stay; WICS is the process
    : >"$TMP/wics.log"
    start wics "$B/lab-wic" --url "ws://127.0.0.1:$WS/" --agents $N --calls $N --keep --timeout 60
    WICS=$PID
    until_true 30 seen "$TMP/wics.log" "^calls=$N failed=0"
}
new_call() { timeout 40 "$B/lab-wic" --url "ws://127.0.0.1:$WS/" --timeout 20 >>"$TMP/wic.log" 2>&1; }
after() { # after WHAT: what every fault has to end in
    check "$1: a new call delivers its message" new_call
    stop_pid "$WICS"
    released "$1: nothing is left in either process" 45
    check "$1: agw still runs" alive "$AGW"
    check "$1: alg still runs" alive "$ALG"
}

# --- who may register ---
start_alg "$ALG_MORE
gateways:
  - {mid: agw2.example.net}
  - {from: 192.0.2.0/24}"
start_agw "$AGW_MORE"
refused() { [ "$(metric "$ALG_OPS" h248_refused_total)" -ge 1 ] 2>/dev/null; }
check "a gateway that is not on alg's list: its registration is refused" until_true 10 refused
has "with a line of log" "$TMP/alg.log" 'mid=agw1.example.net code=402'
has "and error 402 to the gateway" "$TMP/agw.log" 'code=402'
is "alg has no gateway" "$(metric "$ALG_OPS" alg_iq_gateways)" 0
stop_pid "$ALG"
stop_pid "$AGW"

start_far
start_alg "$ALG_MORE
gateways: [{mid: \"<agw1.example.net>:$AGW_H248\", from: 127.0.0.0/8}]"
start_agw "$AGW_MORE"
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the lab is ready"

check "$N calls are up" calls_up
is "agw holds their contexts" "$(metric "$AGW_OPS" agw_contexts)" $N
stop_pid "$AGW" KILL
start_agw "$AGW_MORE"
check "agw killed: it registers again" until_true 15 pair_ready
check "agw killed: its calls are released by alg" until_true 40 metric_is "$ALG_OPS" alg_calls 0
after "agw killed"

check "$N calls are up again" calls_up
stop_pid "$ALG" KILL
start_alg "$ALG_MORE"
check "alg killed: the gateway finds it again" until_true 30 pair_ready
check "alg killed: agw releases what nobody owns any more" until_true 30 metric_is "$AGW_OPS" agw_contexts 0
after "alg killed"

check "$N calls are up a third time" calls_up
told=$(metric "$ALG_OPS" alg_iq_notify_total)
stop_pid "$FAR" KILL
# Its active party may open a lost MSRP connection again (RFC 4975 5.4), so calls wait for that: `reopen`.
was_told() { [ "$(metric "$ALG_OPS" alg_iq_notify_total)" -ge $((told + N)) ]; }
check "far end killed: agw tells of every connection" until_true 5 was_told
is "far end killed: no call ends at once" "$(metric "$ALG_OPS" alg_calls)" $N
check "far end killed: its calls are released after a while" until_true 12 metric_is "$ALG_OPS" alg_iq_contexts 0
has "far end killed: and alg says why" "$TMP/alg.log" 'msg="ends" state=cut .*MSRP connection lost'
check "far end killed: the calls are gone although nobody answers the BYE" until_true 60 metric_is "$ALG_OPS" alg_calls 0
stop_pid "$WICS"
start_far
until_true 10 http_ok "$FAR_WEB/config.json"
after "far end killed"

check "$N calls are up a fourth time" calls_up
stop_pid "$WICS" KILL
check "browsers killed: their calls are released" until_true 45 metric_is "$ALG_OPS" alg_calls 0
after "browsers killed"

stop_pid "$ALG"
is "alg ends with status 0" $? 0
stop_pid "$AGW"
is "agw ends with status 0" $? 0
done_testing
