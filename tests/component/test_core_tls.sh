#!/usr/bin/env bash
# SIP over TLS with the core (RFC 3261 26.3, RFC 5922): Kamailio as registrar and proxy, certificates on both sides; who has none,
# or another name, or is of another CA, is refused either way.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need kamailio node curl openssl ss
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || skip_all "kamailio-tls-modules is not installed (scripts/deps test)"
lab 24200
ALG_TLS=$((BASE + 9))
certs

run_alg() { # run_alg [EXTRA LINES]
    alg_conf "sip_tls_listen: 127.0.0.1:$ALG_TLS
sip_tls_cert: $TMP/certs/alg.pem
sip_tls_key: $TMP/certs/alg.key
sip_tls_ca: $TMP/certs/ca.pem
home_domain: home.example.net
${1:-}" | sed "s/^next_hop:.*/next_hop: sip:core.home.example.net:$FAR_SIP;transport=tls;maddr=127.0.0.1/" >"$TMP/alg.yaml"
    start alg "$B/alg" -c "$TMP/alg.yaml" --trace "$TMP/trace"
    ALG=$PID
}
start_agw
tls_core core "$FAR_SIP" core
REGISTRAR=$PID
run_alg
pair_ready || give_up "the pair is ready"
is "nothing of the key is left in the state directory" "$(grep -rlE 'PRIVATE KEY' "$TMP/state" | grep -vc wss)" 0

wic_start alice INSTANCE=1
wic_start bob INSTANCE=2
tell alice register
tell bob register
says "registered over TLS" alice 'REGISTER 200'
says "another, too" bob 'REGISTER 200'
has "Via says TLS, with the port of its listener" "$TMP/core.log" "core got REGISTER of alice over tls via=SIP/2.0/TLS 127.0.0.1:$ALG_TLS;"
has "Path leads back over TLS" "$TMP/core.log" "path=<sip:[a-z2-7]{29}@127.0.0.1:$ALG_TLS;transport=tls;lr;ob>"
tell alice message sip:bob@home.example.net over tls
says "a MESSAGE out by Service-Route and in by Path" bob 'got MESSAGE .* saying over tls'
has "the core connected to alg, with its own certificate" "$TMP/core.log" 'core got MESSAGE of alice over tls .*route=<sip:orig@core.home.example.net'
tell alice invite sip:bob@home.example.net
says "a call" alice 'INVITE 200'
has "its Contact leads back over TLS" "$TMP/core.log" "core got INVITE of alice over tls .*contact=<sip:[^@]*@127.0.0.1:$ALG_TLS;transport=tls>"
tell alice bye
says "its BYE" bob 'got BYE'
released "nothing is left of it"
is "no wire carries SIP in the clear: UDP and TCP of alg saw nothing" "$(grep -cE 'over (udp|tcp)' "$TMP/core.log")" 0
has "the trace has it all the same" "$TMP/trace/alg.trace" 'SIP/2.0/TLS'

# --- who may connect ---
probe() { # probe NAME [VERSION OPTIONS]: what alg answers to OPTIONS over TLS with that certificate
    local name=$1 pem=()
    shift
    [ "$name" = none ] || pem=(-cert "$TMP/certs/$name.pem" -key "$TMP/certs/$name.key")
    : >"$TMP/probe"
    { printf 'OPTIONS sip:alg SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n' \
        "$name$RANDOM" "$name$RANDOM"; until_true 3 test -s "$TMP/probe"; } |
        { timeout 3 openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$ALG_TLS" "${pem[@]}" "$@" 2>/dev/null; echo; } >"$TMP/probe"
    head -1 "$TMP/probe" | tr -d '\r'
}
is "with a certificate of the CA: answered" "$(probe core -tls1_2)" "SIP/2.0 200 OK"
is "over TLS 1.3, too" "$(probe core -tls1_3)" "SIP/2.0 200 OK"
is "without one: nothing" "$(probe none)" ""
is "with one of another CA: nothing" "$(probe rogue)" ""
is "with an expired one: nothing" "$(probe old)" ""
is "TLS 1.1: nothing" "$(probe core -tls1_1 -cipher DEFAULT:@SECLEVEL=0)" ""
has "the refused are told in the log" "$TMP/alg.log" 'TLS refused'
check "and alg lives" alive "$ALG"

# --- Sofia forgets the SSL object of each connection (34 kB): alg frees them ---
rss() { awk '/VmRSS/ { print $2 }' "/proc/$ALG/status"; }
strangers() {
    timeout 20 node -e 'const tls = require("tls"); let left = +process.argv[2];
        for (let i = left; i--;) tls.connect({ port: +process.argv[1], rejectUnauthorized: false }).on("error", () => {}).on("close", () => --left || process.exit());
        ' "$ALG_TLS" "$1"
}
connections() { ss -Htn state established "sport = :$ALG_TLS" | wc -l; }
OPEN=$(connections)
all_closed() { [ "$(connections)" -le "$OPEN" ]; }
strangers 50
until_true 5 all_closed
BEFORE=$(rss)
for _ in 1 2 3 4; do strangers 50; done
little_grown() { [ $(($(rss) - BEFORE)) -lt 2000 ]; }
check "200 connections of strangers leave nothing (they left 6800 kB)" until_true 2 little_grown

# --- whom alg trusts ---
for bad in other wild rogue old; do
    stop_pid "$REGISTRAR"
    tls_core core "$FAR_SIP" $bad
    REGISTRAR=$PID
    fresh core
    : >"$TMP/alg.log"
    fresh alice
    tell alice register
    check "'$bad': the browser is told at once" until_true 3 seen "$TMP/alice.log" 'REGISTER 503'
    [ "$bad" != other ] || has "and why the next hop is down" "$TMP/alg.log" 'msg="next hop is down" why="TLS: certificate of another name'
    check "a core whose certificate is '$bad': said in the log" until_true 5 seen "$TMP/alg.log" 'TLS refused'
    is "'$bad': nothing was sent to it" "$(grep -c 'core got REGISTER' "$TMP/core.log")" 0
done
stop_pid "$ALG"

# --- not mutual; only some names ---
stop_pid "$REGISTRAR"
run_alg "sip_tls_mutual: false"
until_true 10 http_ok "$ALG_OPS/metrics"
is "not mutual: who shows no certificate is answered" "$(probe none)" "SIP/2.0 200 OK"
stop_pid "$ALG"
run_alg "sip_tls_peers: [core.home.example.net]"
until_true 10 http_ok "$ALG_OPS/metrics"
is "names: the core's is let in" "$(probe core)" "SIP/2.0 200 OK"
is "names: another one of the CA is not" "$(probe other)" ""
stop_pid "$ALG"
sed -i "s/^sip_tls_key:.*/sip_tls_key: ${TMP//\//\\/}\/certs\/core.key/" "$TMP/alg.yaml"
check "a key that is not the certificate's: alg does not start" bash -c "! timeout 5 '$B/alg' -c '$TMP/alg.yaml' >>'$TMP/alg.log' 2>&1"
has "and says why" "$TMP/alg.log" 'TLS: no private key, or it is not the certificate'
done_testing
