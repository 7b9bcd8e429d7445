#!/usr/bin/env bash
# Topology hiding (TS 24.229 4.4, 5.2): each side has an address of its own, and what a browser gets and what the core gets is
# searched for those of the other side. The core (Kamailio) talks of itself wherever it can.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need kamailio node curl
inside_own_net "tests/component/${0##*/}" "$@"
lab 24600
CORE_HOST=127.0.0.21 ALG_CORE=127.0.0.31 AGW_CORE=127.0.0.41 WIC_HOST=127.0.0.51 ALG_WEB=127.0.0.61 AGW_WEB=127.0.0.71

core_start core "$CORE_HOST:5060" "$CORE_HOST:5060" -A CHATTY -A "HOST=$CORE_HOST"
core_open() { ss -lunH 'sport = :5060' | grep -q "$CORE_HOST"; }
until_true 10 core_open || give_up "the core listens"
agw_conf | sed "s/core, address: 127.0.0.1/core, address: $AGW_CORE/; s/access, address: 127.0.0.1/access, address: $AGW_WEB/" >"$TMP/agw.yaml"
start agw "$B/agw" -c "$TMP/agw.yaml"
alg_conf "home_domain: home.example.net
hop_options: 1" | sed "s/^sip_listen:.*/sip_listen: $ALG_CORE:5060/; s/^next_hop:.*/next_hop: sip:$CORE_HOST:5060/
    s/^ws_listen:.*/ws_listen: [\"$ALG_WEB:$WS\"]/" >"$TMP/alg.yaml"
start alg "$B/alg" -c "$TMP/alg.yaml"
pair_ready || give_up "the pair is ready"

for who in alice bob; do
    wic_start $who INSTANCE=$who WSHOST=$ALG_WEB LOCAL=$WIC_HOST DUMP="$TMP/$who.dump"
    tell $who register
    says "$who is registered" $who 'REGISTER 200'
done
tell alice message sip:bob@home.example.net hello
says "a MESSAGE" bob 'got MESSAGE'
says "its answer" alice 'MESSAGE 200'
tell alice message sip:nobody@home.example.net hello
says "a refused one" alice 'MESSAGE 404'
tell alice invite sip:bob@home.example.net
says "a call" alice 'INVITE 200'
tell alice bye
says "its end" bob 'got BYE'
tell alice invite sip:nobody@home.example.net
says "a refused call" alice 'INVITE 404'
tell bob register 0
says "out again" bob 'REGISTER 200 contact= '
released "nothing is left"

cat "$TMP/alice.dump" "$TMP/bob.dump" >"$TMP/wics"
grep -v 'core got' "$TMP/core.log" >"$TMP/cores"
check "what the WICs got was kept" test "$(grep -cE '^(SIP/2.0|INVITE|MESSAGE|BYE|ACK) ' "$TMP/wics")" -ge 12
check "and what the core got" test "$(grep -c 'dump: ' "$TMP/cores")" -ge 12
not_in() { # not_in NAME FILE FIXED
    is "$1" "$(grep -niF -- "$3" "$2" | head -2 | tr '\r\n' '  ')" ""
}
for host in $CORE_HOST $ALG_CORE $AGW_CORE core.home.example.net; do not_in "to WICs: no $host" "$TMP/wics" "$host"; done
for name in Record-Route Service-Route Path: Route: P-Charging P-Visited P-Served P-Called History-Info X-Node Warning "Server: core" \
    Call-Info Alert-Info Error-Info P-Access; do
    is "to WICs: no $name" "$(grep -niE "^$name" "$TMP/wics" | head -2)" ""
done
is "to WICs: no Via but alg's and their own" "$(grep -E '^Via: ' "$TMP/wics" | grep -cvE 'SIP/2.0/WS (alg1.example.net|abc.invalid)')" 0
for host in $WIC_HOST $ALG_WEB $AGW_WEB; do not_in "to the core: no $host" "$TMP/cores" "$host"; done
not_in "to the core: no Via of a WebSocket" "$TMP/cores" "SIP/2.0/WS"
done_testing
