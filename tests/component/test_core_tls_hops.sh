#!/usr/bin/env bash
# Several next hops over TLS, the first of which will not do: a certificate of another name, nobody there, a handshake that hangs.
# Requests go to the second, OPTIONS find out when the first is well again. Two names at one address are two next hops.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need kamailio node curl openssl
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || skip_all "kamailio-tls-modules is not installed (scripts/deps test)"
lab 25400
ALG_TLS=$((BASE + 9)) P1=$((BASE + 10)) P2=$((BASE + 11))
certs

hop() { echo "sip:$1:$2;transport=tls;maddr=127.0.0.1"; }
run_alg() { # run_alg NEXT_HOP...
    local list
    list=$(printf ', "%s"' "$@")
    alg_conf "sip_tls_listen: 127.0.0.1:$ALG_TLS
sip_tls_cert: $TMP/certs/alg.pem
sip_tls_key: $TMP/certs/alg.key
sip_tls_ca: $TMP/certs/ca.pem
home_domain: home.example.net
hop_options: 1
hop_options_lost: 2
hop_silent: 800" | sed "s/^next_hop:.*/next_hop: [${list:2}]/" >"$TMP/alg.yaml"
    : >"$TMP/alg.log"
    start alg "$B/alg" -c "$TMP/alg.yaml"
    ALG=$PID
    until_true 10 http_ok "$ALG_OPS/metrics" || give_up "alg is there"
}
up() { check "$1" until_true "${3:-6}" metric_is "$ALG_OPS" alg_core_hops_up "$2"; }
again() { fresh alice; fresh p1; fresh p2; tell alice connect; until_true 5 seen "$TMP/alice.log" '^open' || give_up "alice connects again"; }
register() { fresh alice; tell alice register; }
took() { check "$1" until_true "${3:-2}" seen "$TMP/$2.log" "$2 got REGISTER of alice over tls"; }
down() { has "$1" "$TMP/alg.log" "E core hop=127.0.0.1:$P1 transport=tls msg=\"next hop is down\" why=\"$2"; }

start_agw
tls_core p2 "$P2" core

# --- another name ---
tls_core p1 "$P1" other
HOP1=$PID
run_alg "$(hop core.home.example.net "$P1")" "$(hop core.home.example.net "$P2")"
wic_start alice INSTANCE=1
register
took "the first has a certificate of another name: the second gets the request at once" p2
says "and alice her answer" alice 'REGISTER 200' 2
down "the first is down, with the reason" 'TLS: certificate of another name'
is "nothing was sent to it" "$(grep -c 'p1 got' "$TMP/p1.log")" 0
up "the second is up" 1

# --- refused ---
stop_pid "$HOP1"
stop_pid "$ALG"
run_alg "$(hop core.home.example.net "$P1")" "$(hop core.home.example.net "$P2")"
again
register
took "nobody listens: the second gets it" p2
says "and alice her answer" alice 'REGISTER 200' 2
down "the first is down" ''

# --- back ---
tls_core p1 "$P1" core
HOP1=$PID
up "the first is there with the right certificate: it is up again" 2
register
took "and asked" p1
stop_pid "$ALG"

# --- a handshake that hangs ---
stop_pid "$HOP1"
start hang node "$HERE/tls_hang.mjs" "$P1" 1 "$P2"
until_true 5 tcp_open "$P1" || give_up "the silent one listens"
run_alg "$(hop core.home.example.net "$P1")" "$(hop core.home.example.net "$P2")"
again
until_true 5 seen "$TMP/hang.log" silent
register
took "no ServerHello: the second gets the request after hop_silent" p2 3
says "and alice her answer" alice 'REGISTER 200' 2
up "the first goes down" 1
check "the connection that hangs is given up" until_true 12 seen "$TMP/alg.log" "peer=127.0.0.1:$P1 msg=\"TLS refused\" why=\"no handshake\""
up "and a new one serves" 2 5
stop_pid "$ALG"

# --- two names at one address ---
run_alg "$(hop wrong.example.net "$P2")" "$(hop core.home.example.net "$P2")"
again
register
took "two names at one address: the one that the certificate has gets the request" p2
says "and alice her answer" alice 'REGISTER 200' 2
sleep 2.5 # OPTIONS of both
is "the other is down, and alone" "$(metric "$ALG_OPS" alg_core_hops_up) of $(metric "$ALG_OPS" alg_core_hops)" "1 of 2"
is "and nothing went to it over the connection of the one" "$(grep -c 'msg="next hop answers again"' "$TMP/alg.log")" 0
done_testing
