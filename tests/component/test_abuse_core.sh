#!/usr/bin/env bash
# Floods at the core's side: TCP connections to alg's SIP port from who may send and who may not, TLS handshakes that never end, and
# connections to a gateway's MSRP ports from who was not signalled. Others go on being served.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need node curl openssl
lab 25700
ALG_TLS=$((BASE + 9)) STRANGER=127.0.0.66
certs
start_far
start_alg "sip_peers: [127.0.0.1]
sip_tls_listen: 127.0.0.1:$ALG_TLS
sip_tls_cert: $TMP/certs/alg.pem
sip_tls_key: $TMP/certs/alg.key
sip_tls_ca: $TMP/certs/ca.pem"
start_agw
pair_ready || give_up "the pair is ready"
fds() { ls "/proc/$ALG/fd" | wc -l; }
cpu() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
flood() { node $HERE/core_flood.mjs "$@" >"$TMP/flood.out" 2>&1; }
calls_go_on() { check "$1: a call is placed meanwhile" wic --timeout 15; } # calls_go_on NAME
during() { # during NAME FLOOD...: and a call in it; DURING are alg's descriptors at that time, TICKS its CPU in 10 ms
    local name=$1 p before
    shift
    before=$(cpu "$ALG")
    flood "$@" &
    p=$!
    sleep 2
    DURING=$(fds)
    calls_go_on "$name"
    wait $p
    TICKS=$(($(cpu "$ALG") - before))
    echo "# $name: $(tail -n 1 "$TMP/flood.out") descriptors=$DURING of $BEFORE cpu_ms=${TICKS}0"
}

calls_go_on "nobody else"
BEFORE=$(fds)
during "1000 of a stranger" $STRANGER "$ALG_SIP" 1000
is "1000 of a stranger: none is connected" "$(cat "$TMP/flood.out")" "open=0 closed=0"
check "1000 of a stranger: they take no descriptor" test "$((DURING - BEFORE))" -lt 10
during "500 of the core, half a request each" 127.0.0.1 "$ALG_SIP" 500 $'OPTIONS sip:alg SIP/2.0\r\nVia: '
is "500 of the core: connected" "$(cut -d' ' -f1 "$TMP/flood.out")" open=500

STAY=1 during "1000 TLS, silent" $STRANGER "$ALG_TLS" 1000
check "1000 TLS, silent: not more than 256 stay" test "$((DURING - BEFORE))" -lt 300
check "1000 TLS, silent: the others are closed, then those" test "$(tail -n 1 "$TMP/flood.out" | sed 's/.*closed=//')" -gt 400
check "1000 TLS, silent: a few lines in the log" test "$(grep -c 'TLS refused' "$TMP/alg.log")" -lt 60
check "all is given back" until_true 10 test "$(fds)" -le $((BEFORE + 10))

# --- MSRP ---
start_wic
until_true 10 seen "$TMP/wic.log" registered
wic_do "call sip:echo@home.example.net"
until_true 10 metric_is "$AGW_OPS" agw_msrp_endpoints 1
before=$(ls "/proc/$AGW/fd" | wc -l)
for port in $(ss -tlnH | awk -v a=$CORE -v b=$((CORE + 199)) '{ sub(/.*:/, "", $4); if ($4 >= a && $4 <= b) print $4 }'); do
    flood $STRANGER "$port" 200
    echo "# MSRP port $port: $(cat "$TMP/flood.out")"
    FLOODED=1
done
check "MSRP: strangers leave no descriptor" test "$(($(ls "/proc/$AGW/fd" | wc -l) - before))" -lt 5
: >"$TMP/wic.log"
wic_do "send still here"
check "MSRP: the session goes on" until_true 5 seen "$TMP/wic.log" 'still here'
done_testing
