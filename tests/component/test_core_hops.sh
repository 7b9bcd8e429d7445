#!/usr/bin/env bash
# Next hops of the core found by name (RFC 3263: dnsmasq with NAPTR, SRV, A, AAAA), one that dies, one that is silent, one that wants
# to be left alone (503, Retry-After), none at all; OPTIONS bring them back; long requests go over TCP; IPv6. Peers: Kamailio.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
. tests/component/core.inc
need kamailio dnsmasq node curl pgrep
inside_own_net "tests/component/${0##*/}" "$@"
lab 24400
P1=127.0.0.11 P2=127.0.0.12 P3=127.0.0.13

moves_to() { echo "$1 moves.example.net" >"$TMP/hosts"; }
moves_to $P1
start dns dnsmasq -k -u root -x "$TMP/dns.pid" -C /dev/null -p 53 -a 127.0.0.1 -z --no-resolv --no-hosts --log-facility=- \
    --host-record=p1.home.example.net,$P1 --host-record=p2.home.example.net,$P2 --host-record=p3.home.example.net,$P3 \
    --naptr-record=home.example.net,20,10,s,SIP+D2U,,_sip._udp.home.example.net \
    --naptr-record=home.example.net,10,10,s,SIP+D2T,,_sip._tcp.home.example.net \
    --srv-host=_sip._tcp.home.example.net,p1.home.example.net,5060,1,10 --srv-host=_sip._tcp.home.example.net,p2.home.example.net,5060,2,10 \
    --srv-host=_sip._udp.home.example.net,p3.home.example.net,5060,1,0 --local-ttl=5 --local=/example.net/ \
    --address=/six.example.net/::1 --addn-hosts="$TMP/hosts"
DNS=$PID
echo "nameserver 127.0.0.1" >"$TMP/resolv.conf"
hop() { # hop NAME ADDRESS [RETRY]
    : >"$TMP/$1.log"
    core_start "$1" "$2:5060" "$2:5060;transport=tcp" ${3:+-A "RETRY=$3"}
    until_true 10 udp_open || give_up "$1 listens"
}
udp6_open() { ss -lunH 'sport = :5060' | grep -qF '[::1]'; }
udp_open() { ss -lunH "sport = :5060" | grep -q "$OPEN"; }
hop1() { OPEN=$P1; hop p1 $P1 "$@"; HOP1=$PID; }
hop2() { OPEN=$P2; hop p2 $P2 "$@"; HOP2=$PID; }
hop3() { OPEN=$P3; hop p3 $P3 "$@"; HOP3=$PID; }
group() { # group SIGNAL PID: Kamailio and its children
    kill "-$1" "$2" $(pgrep -P "$2") 2>/dev/null
}
kill_hop() { group KILL "$1"; wait "$1" 2>/dev/null; forget "$1"; }
run_alg() { # run_alg NEXT_HOP [LINES]
    alg_conf "home_domain: home.example.net
resolv_conf: $TMP/resolv.conf
hop_options: 1
hop_options_lost: 2
hop_silent: 800
${2:-}" | sed "s/^next_hop:.*/next_hop: $1/; ${2:+/^sip_listen: 127/d}" >"$TMP/alg.yaml"
    start alg "$B/alg" -c "$TMP/alg.yaml"
    ALG=$PID
    until_true 10 http_ok "$ALG_OPS/metrics" || give_up "alg is there"
}
took() { # took NAME HOP METHOD: that hop gets a METHOD of alice from now on
    check "$1" until_true "${4:-4}" seen "$TMP/$2.log" "$2 got $3 of alice"
}
answered() { [ "$(asks "$1")" = "SIP/2.0 200 OK" ]; }
udp_gone() { ! ss -lunH "sport = :5060" | grep -q "$P1"; }
register() { fresh alice; fresh p1; fresh p2; fresh p3; tell alice register; }
again() { # again [NAME]
    local who=${1:-alice}
    fresh "$who"
    tell "$who" connect
    until_true 5 seen "$TMP/$who.log" '^open' || give_up "$who connects again"
}
up() { check "$1" until_true 8 metric_is "$ALG_OPS" alg_core_hops_up "$2"; }

start_agw
hop1
hop2
hop3
run_alg sip:home.example.net
pair_ready || give_up "the pair is ready"
is "names: three addresses" "$(metric "$ALG_OPS" alg_core_hops)" 3
check "OPTIONS go to each" until_true 3 seen "$TMP/p3.log" 'p3 got OPTIONS of alg over udp'
wic_start alice INSTANCE=1
wic_start bob INSTANCE=2
register
took "the best NAPTR and SRV is taken: p1" p1 REGISTER
has "over TCP, and our URIs say so" "$TMP/p1.log" "REGISTER of alice over tcp via=SIP/2.0/TCP .*path=<sip:[^>]*;transport=tcp;lr;ob>"
tell bob register
says "bob, too" bob 'REGISTER 200'
tell alice invite sip:bob@home.example.net
says "a call through it" alice 'INVITE 200'

# --- p1 dies ---
tell alice bye
took "in the dialog: its own route, p1" p1 BYE
released "nothing is left of the call"
kill_hop "$HOP1"
register
took "p1 is dead: p2 gets the request" p2 REGISTER 3
says "and alice her answer" alice 'REGISTER 200'
check "alarm" until_true 3 seen "$TMP/alg.log" 'E core hop=127.0.0.11:5060 transport=tcp msg="next hop is down"'
up "two are left" 2
register
took "it is not asked any more" p2 REGISTER 1
hop1
up "it comes back by itself" 3
has "that is said" "$TMP/alg.log" 'hop=127.0.0.11:5060 transport=tcp msg="next hop answers again"'
register
took "and is taken again" p1 REGISTER

# --- p1 is silent ---
group STOP "$HOP1"
register
took "p1 is silent: p2 gets the request, too" p2 REGISTER 4
says "long before Timer F" alice 'REGISTER 200' 3
up "it goes down" 2
group CONT "$HOP1"
up "and up" 3

# --- p1 wants to be left alone ---
kill_hop "$HOP1"
hop1 4
up "it answers OPTIONS" 3
register
took "503: asked" p1 REGISTER
took "503: p2 gets it at once" p2 REGISTER 1
says "503: nothing of it is seen" alice 'REGISTER 200'
register
took "Retry-After: p2 again" p2 REGISTER
is "Retry-After: p1 is not asked meanwhile, not even by OPTIONS" "$(grep -cE 'got (REGISTER|OPTIONS)' "$TMP/p1.log")" 0
check "Retry-After: it is asked again then" until_true 8 seen "$TMP/p1.log" 'got OPTIONS'
register
took "Retry-After: with requests, too" p1 REGISTER

# --- nobody ---
kill_hop "$HOP2"
kill_hop "$HOP3"
until_true 8 metric_is "$ALG_OPS" alg_core_hops_up 1
register
says "all say 503: alice gets one of alg's own" alice 'REGISTER 503 .*retry=[0-9]+'
is "without p1's headers" "$(grep -c 'ms.example' "$TMP/alice.log")" 0
fresh alice
tell alice message sip:bob@home.example.net hello
says "MESSAGE, too" alice 'MESSAGE 503 .*retry=[0-9]+'
tell alice invite sip:bob@home.example.net
says "INVITE, too" alice 'INVITE 503 .*retry=[0-9]+'
kill_hop "$HOP1"
up "all are down" 0
is "health says so" "$(curl -s "http://127.0.0.1:$ALG_OPS/health")" "no next hop of the core answers"
register
says "and alice hears it at once" alice 'REGISTER 503 .*retry=[0-9]+' 2
hop2
up "one comes back" 1
register
took "and serves" p2 REGISTER
stop_pid "$ALG"

# --- long requests (RFC 3261 18.1.1) ---
hop3
run_alg "sip:$P3:5060;transport=udp"
again
register
took "UDP by its address" p3 REGISTER
has "over UDP" "$TMP/p3.log" 'got REGISTER of alice over udp'
tell alice message sip:bob@home.example.net "$(head -c 1800 /dev/zero | tr '\0' x)"
check "a MESSAGE of 1800 octets goes over TCP" until_true 4 seen "$TMP/p3.log" 'got MESSAGE of alice over tcp via=SIP/2.0/TCP'
stop_pid "$ALG"

# --- IPv6; a list ---
core_start p6 "[::1]:5060" "[::1]:5060"
until_true 10 udp6_open || give_up "p6 listens"
run_alg "[\"sip:127.0.0.99:5060\", \"sip:six.example.net;transport=udp\"]" "sip_listen: [\"127.0.0.1:$ALG_SIP\", \"[::1]:$ALG_SIP\"]"
again
register
check "the second of the list has an AAAA record alone" until_true 4 seen "$TMP/p6.log" 'p6 got REGISTER of alice over udp'
up "the first is down" 1
: >"$TMP/p6.log"
register
says "so it is asked first" alice 'REGISTER 200'
has "our URIs are of its family" "$TMP/p6.log" "via=SIP/2.0/UDP \[::1\]:$ALG_SIP.*path=<sip:[^>]*@\[::1\]:$ALG_SIP;lr;ob>"
stop_pid "$ALG"
run_alg "\"sip:[::1]:5060;transport=tcp\"" "sip_listen: [\"127.0.0.1:$ALG_SIP\", \"[::1]:$ALG_SIP\"]"
again
: >"$TMP/p6.log"
register
check "over TCP, too" until_true 4 seen "$TMP/p6.log" "p6 got REGISTER of alice over tcp via=SIP/2.0/TCP \[::1\]:$ALG_SIP.*path=<sip:[^>]*@\[::1\]:$ALG_SIP;transport=tcp;lr;ob>"
says "and answered" alice 'REGISTER 200'
stop_pid "$ALG"

# --- who may send: what a name resolves to, and did while a dialog lives ---
asks() { # asks ADDRESS [MS]: what alg says to OPTIONS from there
    node -e 'const s = require("dgram").createSocket("udp4"), [host, port, ms] = process.argv.slice(1);
        s.on("message", (m) => { console.log(String(m).split("\r\n")[0]); process.exit(); });
        s.bind(0, host, () => s.send(`OPTIONS sip:alg SIP/2.0\r\nVia: SIP/2.0/UDP ${host}:${s.address().port};branch=z9hG4bK${Math.random()}\r\nMax-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: ${Math.random()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`, port, "127.0.0.1"));
        setTimeout(() => { console.log("silence"); process.exit(); }, ms);' "$1" "$ALG_SIP" "${2:-700}"
}
until_true 3 udp_gone
hop1
run_alg "sip:moves.example.net:5060;transport=udp" "sip_listen: [\"127.0.0.1:$ALG_SIP\"]
sip_peers: [198.51.100.0/24]"
up "a name" 1
again
again bob
register
took "its address is asked" p1 REGISTER
tell bob register
is "that address may send" "$(asks $P1 5000)" "SIP/2.0 200 OK"
is "another one may not" "$(asks $P3)" silence
until_true 5 seen "$TMP/bob.log" 'REGISTER 200' || give_up "bob registers again"
pair_ready || give_up "the gateway is back at alg"
tell alice invite sip:bob@home.example.net
says "a call in by it" alice 'INVITE 200'
moves_to $P3
kill -HUP "$DNS"
check "its record changes: the other one may send, too" until_true 12 answered $P3
fresh bob
tell alice bye
says "so may the old one in the dialog that it set up" bob 'got BYE'
stop_pid "$ALG"

# --- a name that is not there ---
run_alg sip:nowhere.example.net
check "an unknown name: said once, with what to do" until_true 3 seen "$TMP/alg.log" 'next_hop=nowhere.example.net msg="no address found for it" do="check'
again
register
says "and alice hears 503" alice 'REGISTER 503' 2
stop_pid "$ALG"

# --- a resolver that says nothing: an address beside the name does not wait for it ---
kill -STOP "$DNS"
run_alg "[\"sip:nowhere.example.net\", \"sip:$P3:5060\"]"
check "a silent resolver: the address is there at once" until_true 3 metric_is "$ALG_OPS" alg_core_hops 1
again
register
took "and is asked" p3 REGISTER
says "and alice gets its answer" alice 'REGISTER 200' 3
kill -CONT "$DNS"
done_testing
