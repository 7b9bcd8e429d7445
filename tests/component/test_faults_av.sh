#!/usr/bin/env bash
# Faults while browsers and phones speak: real DTLS-SRTP of lab-wic, plain RTP of lab-far. agw, alg and the core die under 200
# calls; Iq and media lose packets; ports run out; the wall clock steps. Each time nothing is left, the metrics tell, and the
# next call works. In a network namespace of its own, about two minutes.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl nft ip ss unshare
unshare $([ "$(id -u)" = 0 ] && echo -n || echo -rn) true 2>/dev/null || skip_all "no network namespace for this user"
inside_own_net "$0"
lab 22500
ulimit -n 4096
N=200
ACCESS_PORTS=26000-28999 CORE_PORTS=29000-31999 # below those that the kernel gives away
AGW_MORE="silence: 5000
orphan_timeout: 4000
ice_timeout: 6000
retransmit: 200"
ALG_MORE="heartbeat: 1000
request_timeout: 8000
retransmit: 200
orphan: 3
media_inactivity: 4"

calls_up() { # calls_up N: audio calls that stay, with their sound; WICS is the process
    : >"$TMP/wics.log"
    start wics "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --audio 10 --agents "$1" --calls "$1" --keep --timeout 60
    WICS=$PID
    until_true 60 seen "$TMP/wics.log" "^calls=$1 failed=0"
}
calls() { wic --audio 50 --timeout 40 "$@" >"$TMP/calls.log" 2>&1; }
new_call() { calls && grep -q 'delivered: 10 packets of the tone' "$TMP/calls.log"; }
grew() { [ "$(metric "$1" "$2")" -gt "$3" ] 2>/dev/null; } # grew PORT NAME FROM
media_ports() { ss -Htuln "sport >= :26000 and sport <= :31999" | wc -l; }
no_media_ports() { [ "$(media_ports)" = "$PORTS" ]; }
fds() { ls "/proc/$1/fd" | wc -l; }
few_fds() { [ "$(fds "$AGW")" -le $((AGW_FDS + 2)) ] && [ "$(fds "$ALG")" -le $((ALG_FDS + 2)) ]; }
after() { # after WHAT: what every fault has to end in
    check "$1: a new call is heard in both directions" new_call
    alive "${WICS:-0}" && stop_pid "$WICS"
    released "$1: nothing is left in either process" 45
    check "$1: no media port is open" until_true 5 no_media_ports
    check "$1: no descriptor is left (agw $AGW_FDS, alg $ALG_FDS when idle)" until_true 10 few_fds
    check "$1: agw runs" alive "$AGW"
    check "$1: alg runs" alive "$ALG"
}
registered() { until_true 20 pair_ready; }
far_ready() { until_true 10 http_ok "$FAR_WEB/config.json"; }

start_far
start_alg "$ALG_MORE"
start_agw "$AGW_MORE"
far_ready && pair_ready || give_up "the lab is ready"
new_call # what only the first one opens
released "one call leaves nothing"
idle_is() { AGW_FDS=$(fds "$AGW") ALG_FDS=$(fds "$ALG") PORTS=$(media_ports); } # what an idle pair holds
idle_is

# --- agw dies ---
check "$N audio calls are up" calls_up $N
is "each with DTLS-SRTP" "$(metric "$AGW_OPS" agw_dtls_up)" $((N + 1))
is "and an RTP stream each way" "$(metric "$AGW_OPS" agw_flows)" $((2 * N))
stop_pid "$AGW" KILL
start_agw "$AGW_MORE"
check "agw killed: it registers again" registered
check "agw killed: its calls are released by alg" until_true 40 metric_is "$ALG_OPS" alg_calls 0
is "agw killed: alg holds no context of the gateway that was" "$(metric "$ALG_OPS" alg_iq_contexts)" 0
is "agw killed: alg counted the calls that it took along" "$(metric "$ALG_OPS" alg_calls_dropped_total)" $N
after "agw killed"

# --- alg dies ---
check "$N audio calls are up again" calls_up $N
stop_pid "$ALG" KILL
start_alg "$ALG_MORE"
check "alg killed: the gateway finds it again" registered
check "alg killed: agw releases what nobody owns any more" until_true 30 metric_is "$AGW_OPS" agw_contexts 0
check "alg killed: alg counted what it took away" grew "$ALG_OPS" alg_iq_subtract_total $((N - 1))
after "alg killed"

# --- the core vanishes ---
check "$N audio calls are up a third time" calls_up $N
told=$(metric "$ALG_OPS" alg_iq_notify_total)
stop_pid "$FAR" KILL
all_told() { grew "$ALG_OPS" alg_iq_notify_total $((told + N - 1)); }
check "core killed: agw tells of every stream without media (adid/ipstop)" until_true 15 all_told
check "core killed: every context goes although nobody answers a BYE" until_true 15 metric_is "$AGW_OPS" agw_contexts 0
is "core killed: agw counted the streams that fell silent" "$(metric "$AGW_OPS" agw_inactive_total)" $N
is "core killed: alg counted the calls" "$(metric "$ALG_OPS" alg_calls_dropped_total)" $N
start_far
far_ready
after "core killed"

# --- loss on Iq ---
sent_again=$(metric "$ALG_OPS" h248_retransmitted_total) again=$(metric "$AGW_OPS" h248_retransmitted_total)
given_up=$(metric "$ALG_OPS" h248_timeouts_total)
loses 5 "udp dport { $ALG_H248, $AGW_H248 }"
check "5 % lost on Iq: 200 calls, none fails" calls --agents 20 --calls 200
echo "# $(grep '^calls=' "$TMP/calls.log"), $(lost) H.248 messages lost"
check "5 % lost on Iq: packets were lost" [ "$(lost)" -ge 10 ]
loses 0
check "5 % lost on Iq: alg repeated requests" grew "$ALG_OPS" h248_retransmitted_total "$sent_again"
check "5 % lost on Iq: agw repeated too" grew "$AGW_OPS" h248_retransmitted_total "$again"
is "5 % lost on Iq: no request was given up" "$(metric "$ALG_OPS" h248_timeouts_total)" "$given_up"
after "5 % lost on Iq"

# --- loss on media: STUN, DTLS, SRTP, RTP ---
missed=$(metric "$AGW_OPS" agw_rtp_lost_total)
loses 5 "udp dport >= 26000"
check "5 % lost on media: 40 calls, none fails" calls --agents 20 --calls 40 --hold 1500
loses 0
echo "# $(tail -n 2 "$TMP/calls.log" | tr '\n' ' ')"
came_back() { awk -F'[= ]' '/^rtp_sent=/ { r = $4 / $2; exit !(r > 0.72 && r < 0.9 && $6 == 0) }' "$TMP/calls.log"; }
check "5 % lost on media: four hops bring back 0.95^4 of the tone, all of it intact" came_back
check "5 % lost on media: agw counts what it missed" until_true 5 grew "$AGW_OPS" agw_rtp_lost_total "$missed"
after "5 % lost on media"

# --- the core realm has ports for ten calls ---
stop_pid "$AGW"
CORE_PORTS=31000-31020 # pairs for RTP and RTCP, and one that is taken for good
start_agw "$AGW_MORE"
check "few ports: agw is registered" registered
check "few ports: ten calls take them all" calls_up 10
errors=$(metric "$ALG_OPS" alg_iq_errors_total) refused=$(metric "$ALG_OPS" alg_calls_failed_total)
calls --agents 5 --calls 5
is "few ports: calls beyond are refused" "$(grep -o 'calls=5 failed=5' "$TMP/calls.log")" "calls=5 failed=5"
is "few ports: with 503 and Retry-After" "$(grep -cE 'SIP/2.0 503 .*Retry-After: [1-9]' "$TMP/calls.log")" 5
is "few ports: agw counted them (error 510)" "$(metric "$AGW_OPS" agw_no_port_total)" 5
is "few ports: alg counted the errors" "$(metric "$ALG_OPS" alg_iq_errors_total)" $((errors + 5))
is "few ports: alg counted the calls" "$(metric "$ALG_OPS" alg_calls_failed_total)" $((refused + 5))
is "few ports: the ten go on" "$(metric "$ALG_OPS" alg_calls)" 10
stop_pid "$WICS"
released "few ports: the ten are released" 45
after "few ports"

# --- the wall clock steps: an hour on, then two back ---
FAKETIME=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1)
clock() { for p in agw alg; do echo "$1" >"$TMP/$p.clock.new"; mv "$TMP/$p.clock.new" "$TMP/$p.clock"; done; }
stepped() { # stepped NAME COMMAND...: with a wall clock of its own; the monotonic one is left alone
    local name=$1
    shift
    start "$name" env LD_PRELOAD="$FAKETIME" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 \
        FAKETIME_TIMESTAMP_FILE="$TMP/$name.clock" "$@"
}
clock_steps() {
    local heard
    clock +0
    stop_pid "$AGW"
    stop_pid "$ALG"
    CORE_PORTS=29000-31999
    agw_conf "$AGW_MORE" >"$TMP/agw.yaml"
    sed -i 's/^media_inactivity: .*/media_inactivity: 60/' "$TMP/alg.yaml" # the core stands still for a while
    stepped alg "$B/alg" -c "$TMP/alg.yaml"; ALG=$PID
    stepped agw "$B/agw" -c "$TMP/agw.yaml"; AGW=$PID
    check "clock: the pair is up" registered
    new_call
    released "clock: one call leaves nothing"
    idle_is
    check "clock: ten calls are up" calls_up 10
    start_wic 120
    until_true 10 seen "$TMP/wic.log" "wic: registered"
    kill -STOP "$FAR"
    wic_do call sip:echo@home.example.net
    until_true 5 metric_is "$ALG_OPS" alg_calls 11
    clock +3600
    sleep 2
    check "clock an hour on: a call that the core has not answered yet goes on" gone_on
    kill -CONT "$FAR"
    check "clock an hour on: it is answered" until_true 10 seen "$TMP/wic.log" "wic: answered"
    has "clock an hour on: alg's log shows the hour" "$TMP/alg.log" "^$(date -u -d '+1 hour' +%Y-%m-%dT%H).*established"
    clock -3600
    is "clock two hours back: the eleven calls stand" "$(metric "$AGW_OPS" agw_contexts)" 11
    heard=$(metric "$AGW_OPS" agw_rtp_rx_packets)
    sleep 1
    check "clock two hours back: and are heard" grew "$AGW_OPS" agw_rtp_rx_packets "$((heard + 100))"
    check "clock two hours back: a new call" new_call
    wic_do hangup
    exec 9>&- # it has no more orders
    until_true 5 gone "$WIC"
    # Timers F and B of RFC 3261 17.1: 32 s, by a clock that does not step
    kill -STOP "$FAR"
    stop_pid "$WICS"
    SECONDS=0
    until_true 50 metric_is "$ALG_OPS" alg_calls 0
    check "clock two hours back: BYEs that nobody answers are given up in time ($SECONDS s)" [ $SECONDS -le 40 ]
    kill -CONT "$FAR"
}
gone_on() { ! seen "$TMP/wic.log" "wic: failed" && metric_is "$ALG_OPS" alg_calls 11; }
if [ -n "$FAKETIME" ]; then
    clock_steps
    after "clock"
else
    ok "clock steps # SKIP faketime is not installed (scripts/deps test)"
fi

stop_pid "$ALG"
is "alg ends with status 0" $? 0
stop_pid "$AGW"
is "agw ends with status 0" $? 0
done_testing
