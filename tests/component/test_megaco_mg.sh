#!/usr/bin/env bash
# An independent gateway, Erlang's megaco, answers the real alg over UDP: the commands of the chart in their order, and what
# becomes of the call when the gateway refuses (489, 510) or says nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need erl erlc curl
lab 21600
erlc -o "$TMP" "$HERE"/erl/*.erl >"$TMP/erlc.log" 2>&1 || give_up "the Erlang side compiles"

start_far
start_alg "request_timeout: 3000
release_tries: 1"
until_true 10 http_ok "$FAR_WEB/config.json" || give_up "the far end answers"
until_true 10 http_ok "$ALG_OPS/metrics" || give_up "alg answers"
echo ok >"$TMP/mode"
erl -noshell -boot start_clean -pa "$TMP" -s mg main -port "$AGW_H248" -alg "$ALG_H248" -mode "$TMP/mode" >"$TMP/mg.out" 2>&1 &
STARTED+=($!)
until_true 10 seen "$TMP/mg.out" '^registered' || { take_tap "" <"$TMP/mg.out"; give_up "megaco registers with alg"; }
check "alg is healthy with a gateway" until_true 5 http_ok "$ALG_OPS/health"

start_wic
until_true 10 seen "$TMP/wic.log" 'wic: registered' || give_up "the WIC registers"

outcome() { # outcome MODE REGEX: a call under this mode; its commands stand behind line BEFORE
    BEFORE=$(wc -l <"$TMP/mg.out")
    : >"$TMP/wic.log"
    echo "$1" >"$TMP/mode"
    wic_do "call sip:echo@home.example.net"
    until_true 15 seen "$TMP/wic.log" "$2"
    local found=$?
    [ "$1" = ok ] && wic_do hangup && until_true 10 seen "$TMP/wic.log" 'wic: ended'
    until_true 10 metric_is "$ALG_OPS" alg_calls 0
    until_true 10 metric_is "$ALG_OPS" alg_iq_contexts 0
    return $found
}
commands() { tail -n +$((BEFORE + 1)) "$TMP/mg.out" | awk '/^(addReq|modReq|subtractReq)/ { printf "%s %s,", $1, $2 }'; }
all_said() { [ "$(commands)" = "$1" ]; }
commands_are() { until_true 2 all_said "$2"; is "$1" "$(commands)" "$2"; } # it answers, and its line may come after

check "the call is answered: 200 reaches the WIC" outcome ok 'wic: answered'
has "it rang before" "$TMP/wic.log" 'wic: ringing'
commands_are "Iq: ADD T2, MODIFY T2, ADD T1, SUBTRACT" 'addReq ip/$/core/$,modReq ip/1/core/8,addReq ip/$/access/$,subtractReq *,'
has "ADD T1 carries stream 1 and its channel stream 2" "$TMP/mg.out" '^addReq ip/\$/access/\$ .*streams=\[1,2\]'

check "489 for the group: the WIC gets 488" outcome 489 'wic: failed: SIP/2.0 488'
commands_are "and T2 is released" 'addReq ip/$/core/$,modReq ip/1/core/10,addReq ip/$/access/$,subtractReq *,'

check "510 for T2: the WIC gets 503" outcome 510 'wic: failed: SIP/2.0 503'
commands_are "and nothing is left to release" 'addReq ip/$/core/$,'

check "no answer at all: the WIC gets 503" outcome silent 'wic: failed: SIP/2.0 503'
check "alg counts the timeout" [ "$(metric "$ALG_OPS" alg_iq_timeouts_total)" -ge 1 ]
is "no call is left" "$(metric "$ALG_OPS" alg_calls)" 0
is "no context is left" "$(metric "$ALG_OPS" alg_iq_contexts)" 0
take_tap "megaco: " < <(grep -E '^(ok|not ok) ' "$TMP/mg.out")
done_testing
