#!/usr/bin/env bash
# Clients that waste places, and floods of connections (lab-flood), while WICs place calls: set-up time and loss with and without
# them, and what stands in alg's way of accepting when descriptors are short.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl
lab 30600
number() { sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" "$1" | tail -n 1; } # number FILE KEY
wics() { # wics LOG OPTIONS...: pages whose connection has to make room before they are registered connect again, as pages do
    local _
    for _ in 1 2 3; do
        wic "${@:2}" >"$TMP/$1" 2>&1
        seen "$TMP/$1" 'not registered' || break
        echo "# $1: again: $(head -n 1 "$TMP/$1")"
    done
}
measure() { # measure NAME: calls with a text, then with a tone; FAILED_CALLS, P99, LOSS
    wics "$1.wic" --agents 4 --calls 150 --timeout 40
    wics "$1.rtp" --agents 8 --audio 50 --hold 500 --calls 16 --timeout 40
    FAILED_CALLS=$(number "$TMP/$1.wic" failed)+$(number "$TMP/$1.rtp" failed)
    P99=$(number "$TMP/$1.wic" setup_p99_ms)
    LOSS=$(awk -v s="$(number "$TMP/$1.rtp" rtp_sent)" -v b="$(number "$TMP/$1.rtp" rtp_back)" 'BEGIN { printf "%.1f", s ? (s - b) * 100 / s : 100 }')
    echo "# ${1}_setup_p99_ms=$P99 ${1}_loss_percent=$LOSS"
}
ticks() { awk '{ print $14 + $15 }' "/proc/$ALG/stat"; }
flood() { start "$1" "$LAB/lab-flood" "${@:2}" --seconds 100; FLOODS+=("$PID"); } # flood NAME KIND OPTIONS...
end_floods() { local p; for p in "${FLOODS[@]}"; do stop_pid "$p"; done; FLOODS=(); }
# On two cores that others use, too: nothing may be lost, and nobody waits longer than a repetition would take.
good() {
    [ "$FAILED_CALLS" = 0+0 ] && awk -v a="$P99" -v b="$BASE_P99" -v l="$LOSS" -v m="$BASE_LOSS" 'BEGIN { exit !((a <= 3 * b || a <= b + 900) && l <= m + 5) }'
}
under() { # under NAME: calls while the floods run; once more when a busy machine may be why
    local before at
    for _ in 1 2; do
        before=$(ticks) at=$(date +%s%N)
        measure "$1"
        echo "# ${1}_alg_cpu_percent=$((($(ticks) - before) * 1000000000 / ($(date +%s%N) - at)))"
        good && break
    done
    is "$1: all calls are served" "$FAILED_CALLS" 0+0
    check "$1: set-up p99 $P99 ms, loss $LOSS % (without $BASE_P99 ms, $BASE_LOSS %)" good
}
FLOODS=()
start_far
start_alg
start_agw
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the pair is ready"
measure none
is "without a flood all calls are served" "$FAILED_CALLS" 0+0
BASE_P99=$P99 BASE_LOSS=$LOSS

for kind in idle request frame trickle upgraded; do flood "$kind" $kind --to "127.0.0.1:$WS" --n 200; done
flood hello hello --to "127.0.0.1:$WSS" --n 200
flood core sip --to "127.0.0.1:$ALG_SIP" --n 300
flood ops idle --to "127.0.0.1:$ALG_OPS" --n 100
flood agw_ops idle --to "127.0.0.1:$AGW_OPS" --n 100
until_true 5 metric_is "$ALG_OPS" alg_ws_connections 600 || echo "# alg_ws_connections=$(metric "$ALG_OPS" alg_ws_connections)"
under slow
check "slow: the oldest make room" [ "$(metric "$ALG_OPS" alg_ws_evicted_total)" -gt 100 ]
end_floods
more_than() { [ "$(metric "$ALG_OPS" "$1")" -gt "$2" ] 2>/dev/null; } # more_than COUNTER N
flood one connect --rate 4000 --to "127.0.0.1:$WS"
until_true 5 more_than alg_ws_refused_rate_total 100
under one_address
check "one_address: its rate is limited" [ "$(metric "$ALG_OPS" alg_ws_refused_rate_total)" -gt 1000 ]
end_floods
evicted=$(metric "$ALG_OPS" alg_ws_evicted_total)
flood many connect --rate 4000 --sources 1000 --to "127.0.0.1:$WS"
flood many_tls connect --rate 1000 --sources 1000 --to "127.0.0.1:$WSS"
until_true 5 more_than alg_ws_evicted_total "$evicted"
under many_addresses
end_floods
lines=$(grep -c ' W ws ' "$TMP/alg.log")
check "and the log is no flood itself ($lines lines in $SECONDS s)" [ "$lines" -le $((SECONDS * 14)) ]
has "it tells how many it left out" "$TMP/alg.log" 'more refused or broken connections'
stop_pid "$ALG"

# Few descriptors: users keep what they have, nobody else gets the last ones, and nothing spins.
alg_conf "" >"$TMP/alg.yaml"
start alg bash -c 'ulimit -n 300; exec "$0" "$@"' "$B/alg" -c "$TMP/alg.yaml"
ALG=$PID
pair_ready || give_up "the pair is ready again"
start_wic 100
until_true 10 seen "$TMP/wic.log" 'registered' || give_up "the WIC registers"
sleep 2.2 # till alg has looked who is a user
flood full upgraded --sources 500 --n 1000 --to "127.0.0.1:$WS"
check "descriptors: the reserve is kept" until_true 10 more_than alg_ws_refused_descriptors_total 100
before=$(ticks)
sleep 1 # what is measured
used=$(($(ticks) - before))
check "descriptors: nothing spins ($used % of a core)" [ "$used" -lt 60 ]
wic_do "call sip:echo@home.example.net"
check "descriptors: who registered places a call" until_true 10 seen "$TMP/wic.log" 'channel up'
wic_do hangup
until_true 10 seen "$TMP/wic.log" 'ended'
end_floods
anybody() { wic >"$TMP/after.log" 2>&1; }
check "descriptors: and afterwards anybody" until_true 5 anybody
done_testing
