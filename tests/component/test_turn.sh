#!/usr/bin/env bash
# TURN for browsers: the credential that alg gives (by header, by one-time key, by web token) is taken by coturn with the
# configuration of packaging/coturn, nobody else's is, and nothing but the gateway can be reached through it.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need turnserver sqlite3 node curl openssl /usr/bin/python3
lab 28100
TURN=$((BASE + 20)) TURN_TLS=$((BASE + 21)) TURN_80=$((BASE + 22)) ECHO=$((BASE + 30))
REALM=turn.example.net

# --- coturn: as shipped, but on loopback and other ports ---
mkdir -p "$TMP/state"
printf 'secret-one-7d1c\n' >"$TMP/secret"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 2 -subj /CN=turn 2>/dev/null
sed -E -e 's/203\.0\.113\.[23]0/127.0.0.1/' -e "s/^listening-port=.*/listening-port=$TURN/" -e "s/^(aux-server=.*):80$/\1:$TURN_80/" \
    -e "s/^tls-listening-port=.*/tls-listening-port=$TURN_TLS/" -e "s/^min-port=.*/min-port=$((BASE + 600))/" -e "s/^max-port=.*/max-port=$((BASE + 699))/" \
    -e "s#^cert=.*#cert=$TMP/cert.pem#" -e "s#^pkey=.*#pkey=$TMP/key.pem#" -e "s#^userdb=.*#userdb=$TMP/turn.db#" packaging/coturn/site.conf >"$TMP/turn.conf"
printf '%s\n' relay-ip=::1 "pidfile=$TMP/turn.pid" allow-loopback-peers | cat - packaging/coturn/policy.conf >>"$TMP/turn.conf"
packaging/coturn/turn-secrets "$TMP/turn.db" $REALM <"$TMP/secret" || give_up "turn-secrets"
start turn turnserver -c "$TMP/turn.conf"
start echo /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', $ECHO))
while True: d, a = s.recvfrom(2048); s.sendto(d, a)"
until_true 10 udp_bound "$TURN" || give_up "coturn listens"
client() { /usr/bin/python3 "$HERE/turn_client.py" "$@" >"$TMP/client.log" 2>&1; } # client TRANSPORT PORT NAME PASSWORD PEER...
allocates() { # allocates TEST TRANSPORT NAME PASSWORD CODE
    local port=$TURN
    [ "$2" = tls ] && port=$TURN_TLS
    [ "$2" = tcp ] && port=$TURN_80
    client "$2" 127.0.0.1 "$port" "$3" "$4"
    has "$1" "$TMP/client.log" "^allocate $5"
}
sign() { printf %s "$2" | openssl dgst -sha1 -hmac "$1" -binary | base64; } # sign SECRET NAME

# --- alg: gives them by both ways ---
openssl ecparam -name prime256v1 -genkey -noout -out "$TMP/web.key" 2>/dev/null
openssl pkey -in "$TMP/web.key" -pubout -out "$TMP/web.pub"
printf 'ims-dave-e81b\n' >"$TMP/dave"
"$B/alg-users" --db "$TMP/state/users.db" add dave@web.example.net --no-password --impu sip:dave@home.example.net \
    --impi dave@home.example.net --ims-password-file "$TMP/dave"
CONF="turn_servers: [\"turn:127.0.0.1:$TURN?transport=udp\", \"turns:127.0.0.1:$TURN_TLS?transport=tcp\"]
turn_secret_file: $TMP/secret
token_keys: [{kid: k1, alg: ES256, file: $TMP/web.pub}]
web_domains: [{domain: web.example.net, way: third-party, login: token}, {domain: home.example.net}]"
run_alg() { # run_alg [MORE CONFIGURATION]
    alg_conf "$CONF
${1:-}" >"$TMP/alg.yaml"
    start alg "$B/alg" -c "$TMP/alg.yaml" --trace "$TMP/trace"
    ALG=$PID
}
alg_up() { curl -sS -m 2 -o /dev/null "http://127.0.0.1:$ALG_OPS/metrics" 2>/dev/null; }
run_alg "turn_by: both"
start_far --domain home.example.net
until_true 10 alg_up || give_up "alg is up"
wic_start() { # wic_start PORT [VARIABLE=VALUE...]: registers, orders to fd 9, TURN lines in wic.log
    local port=$1
    shift
    rm -f "$TMP/wic.in"; mkfifo "$TMP/wic.in"; : >"$TMP/wic.log"
    env WS="$port" USER=alice PASSWORD=alice-secret "$@" node "$HERE/wic_reg.mjs" <"$TMP/wic.in" >>"$TMP/wic.log" 2>&1 &
    WIC=$!
    STARTED+=("$WIC")
    exec 9>"$TMP/wic.in"
    echo connect >&9
    until_true 10 seen "$TMP/wic.log" '^open' || give_up "a WIC connects"
    register_again
}
register_again() { : >"$TMP/wic.log"; echo "register ${1:-600}" >&9; until_true 8 seen "$TMP/wic.log" 'REGISTER 200'; sleep 0.1; }
key() { sed -n 's/^turn key=\([^ ]*\) .*/\1/p' "$TMP/wic.log" | tail -1; }
ask() { # ask BEARER [CURL OPTIONS]: body to json.log, head to head.log; the status
    local bearer=$1
    shift
    curl -sSk -m 5 -D "$TMP/head.log" -o "$TMP/json.log" -w '%{http_code}' ${bearer:+-H "Authorization: Bearer $bearer"} \
        -H 'Origin: http://127.0.0.1:8000' "$@" "https://127.0.0.1:$WSS/turn${QUERY:-?service=turn}"
}
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$TMP/json.log"; }

wic_start "$WSS" TLS=1
K=$(key)
is "the 200 to REGISTER has a one-time key" "${#K}" 32
has "and the servers with a credential" "$TMP/wic.log" "service=<turn:127.0.0.1:$TURN\?transport=udp>;username=\"[0-9]+:[a-z2-7]{16}\";credential=\"[^\"]+\";ttl=1200, <turns:127.0.0.1:$TURN_TLS\?transport=tcp>;"
NAME=$(sed -n 's/.*;username="\([^"]*\)".*/\1/p' "$TMP/wic.log" | tail -1)
PASSWORD=$(sed -n 's/.*;credential="\([^"]*\)".*/\1/p' "$TMP/wic.log" | tail -1)
is "it is what the shared secret makes of the name" "$PASSWORD" "$(sign secret-one-7d1c "$NAME")"
is "the key gets JSON" "$(ask "$K")" 200
has "for the page's origin alone" "$TMP/head.log" '^Access-Control-Allow-Origin: http://127.0.0.1:8000'
has "that is not stored" "$TMP/head.log" '^Cache-Control: no-store'
is "for twice the registration" "$(field ttl)" 1200
is "with the servers" "$(grep -c "\"uris\":\[\"turn:127.0.0.1:$TURN?transport=udp\",\"turns:127.0.0.1:$TURN_TLS?transport=tcp\"\]" "$TMP/json.log")" 1
NAME2=$(field username) PASSWORD2=$(field password)
is "the key is good once" "$(ask "$K")" 401

# --- who may ask ---
is "nobody without" "$(ask "")" 401
has "told how" "$TMP/head.log" '^WWW-Authenticate: Bearer'
is "another page is refused, whatever it brings" "$(ask "$K" -H 'Origin: https://evil.example')" 403
is "and gets no leave to read" "$(grep -c Access-Control-Allow-Origin "$TMP/head.log")" 0
is "a browser asks first" "$(ask "" -X OPTIONS -H 'Access-Control-Request-Method: GET' -H 'Access-Control-Request-Headers: authorization')" 204
has "and may" "$TMP/head.log" '^Access-Control-Allow-Headers: Authorization'
is "no other page is here" "$(curl -sSk -m 5 -o /dev/null -w '%{http_code}' "https://127.0.0.1:$WSS/turned")" 404
b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
jwt() { # jwt CLAIMS
    local head body sig
    head=$(printf '{"alg":"ES256","kid":"k1"}' | b64)
    body=$(printf '%s' "$1" | b64)
    sig=$(printf '%b' "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign "$TMP/web.key" | openssl asn1parse -inform DER |
        awk -F: '/INTEGER/ { v = $NF; while (length(v) < 64) v = "0" v; printf "%s", v }' | sed 's/../\\x&/g')" | b64)
    printf '%s.%s.%s' "$head" "$body" "$sig"
}
T=$(jwt "{\"sub\":\"dave\",\"aud\":\"web.example.net\",\"exp\":$(($(date +%s) + 900))}")
is "a web token will do" "$(ask "$T")" 200
check "for as long as the token" test "$(field ttl)" -gt 800 -a "$(field ttl)" -le 900
is "with its domain named" "$(QUERY='?service=turn&domain=web.example.net' ask "$T")" 200
is "not for a domain without tokens" "$(QUERY='?domain=home.example.net' ask "$T")" 401
is "an old token will not" "$(ask "$(jwt "{\"sub\":\"dave\",\"aud\":\"web.example.net\",\"exp\":$(($(date +%s) - 900))}")")" 401
is "nor one of nobody: a good token, no user" "$(ask "$(jwt "{\"sub\":\"mallory\",\"aud\":\"web.example.net\",\"exp\":$(($(date +%s) + 900))}")")" 403
is "POST: it takes GET" "$(ask "$T" -X POST)" 405
has "and says so" "$TMP/head.log" "^Allow: GET, OPTIONS"
is "HEAD: too" "$(ask "$T" --head)" 405
too_many() { # too_many COMMAND...: a code each time, until it is 429; not forever
    local n
    for ((n = 0; n < 30; n++)); do [ "$("$@")" = 429 ] && return; done
    return 1
}
guess() { ask 0123456789abcdef0123456789abcdef; }
check "who guesses has to wait" too_many guess
has "and is told how long" "$TMP/head.log" '^Retry-After: [0-9]+'
register_again
is "a good key behind the same address does not" "$(ask "$(key)")" 200
ask_again() { register_again; ask "$(key)"; }
check "a user gets ten a minute" too_many ask_again # a minute may begin meanwhile, and they are ten again

# --- what coturn makes of them ---
allocates "the header's credential allocates over UDP" udp "$NAME" "$PASSWORD" 200
allocates "over TCP, at the port for firewalls" tcp "$NAME" "$PASSWORD" 200
allocates "over TLS" tls "$NAME" "$PASSWORD" 200
allocates "the endpoint's, too" tls "$NAME2" "$PASSWORD2" 200
allocates "a wrong password does not" udp "$NAME" wrong 401
N="$(($(date +%s) + 600)):nobody"
allocates "nor one of another secret" udp "$N" "$(sign secret-two-55aa "$N")" 401
N="$(($(date +%s) - 1)):late"
allocates "nor one that has expired" udp "$N" "$(sign secret-one-7d1c "$N")" 401
client udp 127.0.0.1 "$TURN" "$NAME" "$PASSWORD" 127.0.0.1/$ECHO 127.0.0.2 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 0.0.0.0 8.8.8.8 224.0.0.5 255.255.255.255
has "the gateway is reached through it" "$TMP/client.log" '^echo 127.0.0.1 yes'
is "nobody else: loopback, private, link-local, any, public, multicast, broadcast" "$(grep -cE '^(permission|channel) .* 403$' "$TMP/client.log")" 18
client udp/6 127.0.0.1 "$TURN" "$NAME" "$PASSWORD" ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 fd00::1 fe80::1 2001:db8::1 ff02::1 ::
has "with IPv6" "$TMP/client.log" '^allocate 200 IPv6'
is "nobody at all: loopback, mapped, local, public, multicast, any" "$(grep -cE '^(permission|channel) .* 403$' "$TMP/client.log")" 16

# --- another secret, without a restart of either ---
printf 'secret-one-7d1c\nsecret-two-55aa\n' | packaging/coturn/turn-secrets "$TMP/turn.db" $REALM
printf 'secret-two-55aa\nsecret-one-7d1c\n' >"$TMP/secret.new" && mv "$TMP/secret.new" "$TMP/secret"
QUERY='?service=turn' ask "$T" >/dev/null
is "alg signs with the new first line" "$(field password)" "$(sign secret-two-55aa "$(field username)")"
allocates "which coturn takes" udp "$(field username)" "$(field password)" 200
allocates "and the old one still" udp "$NAME" "$PASSWORD" 200
printf 'secret-two-55aa\n' | packaging/coturn/turn-secrets "$TMP/turn.db" $REALM
allocates "until it is taken out" udp "$NAME" "$PASSWORD" 401
check "turn-secrets without one changes nothing" bash -c '! packaging/coturn/turn-secrets "$1" "$2" </dev/null 2>/dev/null' - "$TMP/turn.db" $REALM

# --- without TLS, and nothing of it in a log ---
stop_pid "$WIC"
is "not a word of credentials and keys in logs and traces" "$(cat "$TMP"/alg.log "$TMP/trace/alg.trace" "$TMP"/turn.log | grep -cF -e "$PASSWORD" -e "$PASSWORD2" -e "$K" -e secret-one -e secret-two -e "${T##*.}")" 0
has "alg says who got one" "$TMP/alg.log" 'msg="credential given" peer=127.0.0.1 impu=sip:alice@home.example.net ttl=1200'
is "the counters tell" "$(metric "$ALG_OPS" alg_turn_limited_total | grep -c '^[1-9]')" 1
stop_pid "$ALG"
run_alg
until_true 10 alg_up || give_up "alg is up again"
wic_start "$WS"
is "turn_by endpoint: a key, no header" "$(grep -cE '^turn key=[A-Za-z0-9]{32} service=$' "$TMP/wic.log")" 1
is "loopback needs no TLS" "$(curl -sS -m 5 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(key)" "http://127.0.0.1:$WS/turn")" 200
stop_pid "$WIC"
stop_pid "$ALG"
done_testing
