#!/usr/bin/env bash
# Floods at the core's side: TCP connections to alg's SIP port from who may send and who may not, that say nothing, half a request or
# an octet a second, TLS handshakes that never end, and connections to a gateway's MSRP ports from who was not signalled. Others go on
# being served, and how long they wait is measured.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need node curl openssl
lab 25700
ALG_TLS=$((BASE + 9)) STRANGER=127.0.0.66 HALF=$'OPTIONS sip:alg SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n'
certs
start_far
start_alg "sip_peers: [127.0.0.0/28]
sip_tls_listen: 127.0.0.1:$ALG_TLS
sip_tls_cert: $TMP/certs/alg.pem
sip_tls_key: $TMP/certs/alg.key
sip_tls_ca: $TMP/certs/ca.pem"
start_agw
pair_ready || give_up "the pair is ready"
fds() { ls "/proc/$ALG/fd" | wc -l; }
cpu() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
flood() { local name=$1; shift; node $HERE/core_flood.mjs "$@" >"$TMP/$name.out" 2>&1; }
last() { tail -n 1 "$TMP/$1.out"; }
number() { sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" "$1" | tail -n 1; } # number FILE KEY
closed() { number "$TMP/$1.out" closed; }
more_than() { [ "$(metric "$ALG_OPS" "$1")" -gt "$2" ] 2>/dev/null; } # more_than COUNTER N
others() { # others NAME: how long those wait who have nothing to do with it; REG and CALL are p99 in ms, FAILED_CALLS
    node $HERE/register_times.mjs "$WS" 60 >"$TMP/others" 2>&1
    wic --agents 2 --calls 30 --timeout 20 >>"$TMP/others" 2>&1
    REG=$(number "$TMP/others" register_p99_ms) CALL=$(number "$TMP/others" setup_p99_ms) FAILED_CALLS=$(number "$TMP/others" failed)
    echo "# $1: register_p50_ms=$(number "$TMP/others" register_p50_ms) register_p99_ms=$REG" \
        "setup_p50_ms=$(number "$TMP/others" setup_p50_ms) setup_p99_ms=$CALL failed=$FAILED_CALLS"
}
# On cores that others use, too: nobody waits longer than a repetition would take.
good() { [ "$FAILED_CALLS" = 0 ] && awk -v r="$REG" -v c="$CALL" -v br="$BASE_REG" -v bc="$BASE_CALL" 'BEGIN { exit !(r != "" && r <= 3 * br + 500 && c <= 3 * bc + 900) }'; }
during() { # during NAME FLOOD...: and what others wait in it; DURING are alg's descriptors at that time
    local name=$1 p before
    shift
    before=$(cpu "$ALG")
    flood "$name" "$@" &
    p=$!
    until_true 5 test -s "$TMP/$name.out"
    others "$name"
    DURING=$(fds) # all have come, and whoever may not stay is gone
    if ! good && alive $p; then others "$name, again"; fi # a busy machine may be why
    check "$name: others register and place calls as before" good
    wait $p
    echo "# $name: $(last "$name") descriptors=$DURING of $BEFORE cpu_ms=$(($(cpu "$ALG") - before))0, with those calls"
}

AT=$SECONDS
others nobody
is "nobody else: calls" "$FAILED_CALLS" 0
BASE_REG=$REG BASE_CALL=$CALL BEFORE=$(fds)
TIMES=8 PACE=50 UNTIL=376 during many_addresses 127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0.8,127.0.0.9,127.0.0.10 "$ALG_SIP" 1400
check "1400 of many addresses of the core: 1024 stay" test "$(closed many_addresses)" -ge 300
check "1400 of many addresses: refused ones are counted" more_than alg_sip_connections_refused_total 299
check "1400 of many addresses: descriptors" test "$((DURING - BEFORE))" -lt 1100
check "their ends are seen" until_true 10 metric_is "$ALG_OPS" alg_sip_connections 0
# Those that wait their time out do it in the background.
TIMES=38 flood half 127.0.0.2 "$ALG_SIP" 100 "$HALF" &
HALF_PID=$!
TIMES=38 TRICKLE=1 flood trickle 127.0.0.3 "$ALG_SIP" 100 "$HALF" &
TRICKLE_PID=$!
until_true 10 metric_is "$ALG_OPS" alg_sip_connections 200
check "half a request, and one by octets: 200 are connected" metric_is "$ALG_OPS" alg_sip_connections 200
BEFORE=$((BEFORE + 200))

TIMES=8 during strangers $STRANGER "$ALG_SIP" 1000
is "1000 strangers: none is connected" "$(last strangers)" "open=0 closed=0"
check "1000 strangers: they take no descriptor" test "$((DURING - BEFORE))" -lt 20
TIMES=8 PACE=50 UNTIL=744 during one_address 127.0.0.1 "$ALG_SIP" 1000 "$HALF"
is "1000 of one address of the core: 256 stay" "$(closed one_address)" 744
check "1000 of one address: descriptors" test "$((DURING - BEFORE))" -lt 290
TIMES=14 PACE=50 UNTIL=1000 during tls_silent $STRANGER "$ALG_TLS" 1000
check "1000 TLS, silent: not more than 256 stay" test "$((DURING - BEFORE))" -lt 300
check "1000 TLS, silent: the others are closed, then those" test "$(closed tls_silent)" -gt 740

# --- MSRP ---
start_wic
until_true 10 seen "$TMP/wic.log" registered
wic_do "call sip:echo@home.example.net"
until_true 10 metric_is "$AGW_OPS" agw_msrp_endpoints 1
before=$(ls "/proc/$AGW/fd" | wc -l)
for port in $(ss -tlnH | awk -v a=$CORE -v b=$((CORE + 199)) '{ sub(/.*:/, "", $4); if ($4 >= a && $4 <= b) print $4 }'); do
    PACE=50 UNTIL=200 flood msrp $STRANGER "$port" 200
    echo "# MSRP port $port: $(last msrp)"
done
check "MSRP: 200 strangers are closed" test "$(closed msrp)" = 200
check "MSRP: strangers leave no descriptor" test "$(($(ls "/proc/$AGW/fd" | wc -l) - before))" -lt 5
: >"$TMP/wic.log"
wic_do "send still here"
check "MSRP: the session goes on" until_true 5 seen "$TMP/wic.log" 'still here'

wait $HALF_PID $TRICKLE_PID
is "half a request: closed in 32 s" "$(closed half)" 100
is "a request by octets: closed in 32 s" "$(closed trickle)" 100
is "they are counted" "$(metric "$ALG_OPS" alg_sip_connections_late_total)" 200
lines=$(grep -c 'TLS refused\|connection closed' "$TMP/alg.log")
check "and the log is no flood itself ($lines lines in $((SECONDS - AT)) s)" test "$lines" -le $(((SECONDS - AT) * 11))
has "it tells how many it left out" "$TMP/alg.log" 'connections refused or closed" more='
check "all is given back" until_true 10 test "$(fds)" -le $((BEFORE - 200 + 20))

done_testing
