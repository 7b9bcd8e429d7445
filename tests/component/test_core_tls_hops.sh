#!/usr/bin/env bash
# Several next hops over TLS, the first of which will not do: a certificate of another name, nobody there, a handshake that hangs.
# Requests go to the second, OPTIONS find out when the first is well again. Two names at one address are two next hops. By name
# (RFC 3263: dnsmasq with NAPTR and SRV of TLS), with a fall-back, and sips: without one.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need kamailio dnsmasq node curl openssl
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || skip_all "kamailio-tls-modules is not installed (scripts/deps test)"
inside_own_net "tests/component/${0##*/}" "$@"
lab 25400
ALG_TLS=$((BASE + 9)) P1=$((BASE + 10)) P2=$((BASE + 11)) P3=$((BASE + 12))
certs

kill_hop() { kill -KILL "$1" $(pgrep -P "$1") 2>/dev/null; wait "$1" 2>/dev/null; forget "$1"; }
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
resolv_conf: $TMP/resolv.conf
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
P2_PID=$PID

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
HANG=$PID
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
stop_pid "$ALG"

# --- by name: TLS before UDP (the domain is in the certificate, RFC 5922), with sips: nothing but TLS ---
echo "nameserver 127.0.0.1" >"$TMP/resolv.conf"
start dns dnsmasq -k -u root -x "$TMP/dns.pid" -C /dev/null -p 53 -a 127.0.0.1 -z --no-resolv --no-hosts --log-facility=- --host-record=p1.home.example.net,127.0.0.1 \
    --naptr-record=home.example.net,10,10,s,SIPS+D2T,,_sips._tcp.home.example.net --naptr-record=home.example.net,20,10,s,SIP+D2U,,_sip._udp.home.example.net \
    --srv-host=_sips._tcp.home.example.net,p1.home.example.net,"$P1",1,10 --srv-host=_sips._tcp.home.example.net,p1.home.example.net,"$P2",2,10 \
    --srv-host=_sip._udp.home.example.net,p1.home.example.net,"$P3",1,10 --local-ttl=60 --local=/example.net/
until_true 5 udp_bound 53 || give_up "dnsmasq listens"
stop_pid "$HANG"
stop_pid "$P2_PID"
tls_core p1 "$P1" core
HOP1=$PID
tls_core p2 "$P2" core
HOP2=$PID
core_start p3 "127.0.0.1:$P3" "127.0.0.1:$P3"
until_true 10 udp_bound "$P3" || give_up "p3 listens"
for scheme in sip sips; do
    run_alg "$scheme:home.example.net"
    again
    : >"$TMP/p3.log"
    up "$scheme: by NAPTR and SRV: $([ $scheme = sip ] && echo two of TLS, one of UDP || echo the two of TLS alone)" $([ $scheme = sip ] && echo 3 || echo 2)
    register
    took "$scheme: the best SRV record of TLS is taken" p1
    says "$scheme: registered" alice 'REGISTER 200'
    kill_hop "$HOP1"
    register
    took "$scheme: the next one when it is dead" p2 4
    kill_hop "$HOP2"
    register
    if [ $scheme = sip ]; then
        check "sip: then the worse NAPTR record, UDP" until_true 4 seen "$TMP/p3.log" 'p3 got REGISTER of alice over udp'
    else
        says "sips: then nobody: nothing goes in clear" alice 'REGISTER 503'
        is "sips: indeed" "$(grep -c 'p3 got REGISTER' "$TMP/p3.log")" 0
    fi
    stop_pid "$ALG"
    [ $scheme = sips ] && break
    tls_core p1 "$P1" core
    HOP1=$PID
    tls_core p2 "$P2" core
    HOP2=$PID
done
done_testing
