#!/usr/bin/env bash
# Registration in its three ways (TR 23.701 6.1.2.1) with Kamailio as the registrar, digest over a database: the WIC itself, alg
# as an IP-PBX, alg in the WIC's name; over a restart of alg; and nothing of a password in what alg writes.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need kamailio kamcmd sqlite3 node curl openssl
lab 23500

HOME_NET=home.example.net
printf 'pbx-pass-7f3a\n' >"$TMP/pilot"
cat /usr/share/kamailio/db_sqlite/{standard,auth_db,presence}-create.sql | sqlite3 "$TMP/core.db"
sqlite3 "$TMP/core.db" "INSERT INTO subscriber (username, domain, password) VALUES ('alice', '$HOME_NET', 'ims-alice-19c2'), ('pbx', '$HOME_NET', 'pbx-pass-7f3a'),
  ('carol', '$HOME_NET', 'ims-carol-55d0'), ('dave', '$HOME_NET', 'ims-dave-e81b');"
start_core() { # start_core ALGORITHM
    start core kamailio -f "$HERE/kamailio/registrar.cfg" -DD -E -m 32 -M 4 -w "$TMP" -Y "$TMP" -A "PORT=$FAR_SIP" -A "DB=\"sqlite:///$TMP/core.db\"" \
        -A "ALGORITHM=\"$1\"" -A "DOMAIN=$HOME_NET" -A "CTL=\"unix:$TMP/ctl\"" -A "DOMAIN_TEXT=\"$HOME_NET\"" \
        -A "SELF=\"sip:127.0.0.1:$FAR_SIP\"" -A "SERVER=\"sip:reginfo@127.0.0.1:$FAR_SIP\""
    CORE=$PID
    until_true 10 udp_bound "$FAR_SIP" || give_up "Kamailio listens"
}
users() { "$B/alg-users" --db "$TMP/state/users.db" "$@"; }
wic_start() { # wic_start NAME [VARIABLE=VALUE...]: orders with tell, what it says in NAME.log
    local name=$1 fd
    shift
    mkfifo "$TMP/$name.in"
    env WS="$WS" "$@" node "$HERE/wic_reg.mjs" <"$TMP/$name.in" >>"$TMP/$name.log" 2>&1 &
    STARTED+=("$!")
    exec {fd}>"$TMP/$name.in"
    eval "FD_$name=$fd"
    tell "$name" connect
    until_true 10 seen "$TMP/$name.log" '^open' || give_up "$name connects"
}
tell() { local fd=FD_$1; shift; echo "$*" >&"${!fd}"; }
says() { check "$1" until_true "${4:-8}" seen "$TMP/$2.log" "$3"; } # says TEST NAME REGEX [SECONDS]
fresh() { : >"$TMP/$1.log"; }
core_saw() { check "$1" until_true "${3:-8}" seen "$TMP/core.log" "$2"; }
token() { # token CLAIMS KEY: ES256
    local head body sig
    head=$(printf '{"alg":"ES256","kid":"k1"}' | b64)
    body=$(printf '%s' "$1" | b64)
    sig=$(printf '%b' "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign "$2" | openssl asn1parse -inform DER |
        awk -F: '/INTEGER/ { v = $NF; while (length(v) < 64) v = "0" v; printf "%s", v }' | sed 's/../\\x&/g')" | b64)
    printf '%s.%s.%s' "$head" "$body" "$sig"
}
b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }

mkdir -p "$TMP/state"
openssl ecparam -name prime256v1 -genkey -noout -out "$TMP/web.key" 2>/dev/null
openssl pkey -in "$TMP/web.key" -pubout -out "$TMP/web.pub"
echo 'wic-bob-31aa' | users add bob@office.example.net --impu "sip:2001@$HOME_NET"
echo 'wic-eve-9d04' | users add eve@office.example.net --impu "sip:2002@$HOME_NET"
printf '{"user": "carol@web.example.net", "password": "wic-carol-77e1", "impu": "sip:carol@%s", "impi": "carol@%s", "ims_password": "ims-carol-55d0"}\n' \
    "$HOME_NET" "$HOME_NET" | users import - >/dev/null
printf 'ims-dave-e81b\n' >"$TMP/dave"
users add dave@web.example.net --no-password --impu "sip:dave@$HOME_NET" --impi "dave@$HOME_NET" --ims-password-file "$TMP/dave"
is "alg-users: four are in the store" "$(users list | wc -l)" 4
is "the store is its owner's alone" "$(stat -c %a "$TMP/state/users.db")" 600
is "no password is in the store" "$(cat "$TMP"/state/users.db* | grep -acE 'wic-|ims-')" 0

CONF="home_domain: $HOME_NET
flow_recovery: 20
reg_event: true
access_info: IEEE-802.11
token_keys: [{kid: k1, alg: ES256, file: $TMP/web.pub}]
web_domains:
  - {domain: office.example.net, way: pbx, pilot: \"sip:pbx@$HOME_NET\", password_file: $TMP/pilot, expires: 30}
  - {domain: web.example.net, way: third-party, login: both}
  - {domain: $HOME_NET}"
run_alg() { # with its trace, so that it can be searched
    alg_conf "$CONF" >"$TMP/alg.yaml"
    start alg "$B/alg" -c "$TMP/alg.yaml" --trace "$TMP/trace"
    ALG=$PID
}
start_core MD5
run_alg
start_agw
pair_ready || give_up "the pair is ready"

# --- alg as an IP-PBX ---
core_saw "PBX: registered in bulk, its challenge answered" 'saved pbx as .*;bnc'
core_saw "PBX: with gin, Path and P-Visited-Network-ID" 'got REGISTER to pbx .*path=<sip:pbx@127.0.0.1:[0-9]+;lr> visited="home.example.net" require=path, gin'
wic_start bob USER=bob DOMAIN=office.example.net PASSWORD=wic-bob-31aa
tell bob register
says "PBX: a WIC logs in with MD5 and learns its identity" bob 'REGISTER 200 contact=<sip:bob-1@abc.invalid;transport=ws>.*expires=30 impu=<sip:2001@home'
wic_start eve USER=eve DOMAIN=office.example.net PASSWORD=wic-eve-9d04 ALGORITHM=SHA-256 INSTANCE=2
tell eve register
says "PBX: another with SHA-256" eve 'REGISTER 200 .*impu=<sip:2002@home'
is "PBX: the core knows nothing of either" "$(grep -cE 'got REGISTER to (bob|eve)' "$TMP/core.log")" 0
tell bob message "sip:2002@$HOME_NET" hello eve
says "PBX: out by its Service-Route and in by the number" eve 'got MESSAGE sip:eve-2@abc.invalid;transport=ws from <sip:2001@home.example.net> saying hello eve'
core_saw "PBX: the identity asserted is the WIC's of the set" 'got MESSAGE to 2002 .*route=<sip:orig@127.0.0.1:[0-9]+;lr>.*pai=<sip:2001@home.example.net>'
tell bob invite "sip:2002@$HOME_NET"
says "PBX: a call comes in" eve 'got INVITE'
says "PBX: and is answered" bob 'INVITE 200'
tell bob bye
says "PBX: and ended" eve 'got BYE'
released "PBX: nothing is left of it"

# --- the WIC itself ---
wic_start alice USER=alice PASSWORD=ims-alice-19c2 INSTANCE=3
tell alice register
says "WIC: challenge and answer are passed on" alice 'REGISTER 200 contact=<sip:alice-3@abc.invalid;transport=ws>'
core_saw "WIC: a flow token in the Path" 'got REGISTER to alice .*path=<sip:[a-z2-7]{29}@127.0.0.1:[0-9]+;lr;ob>.*integrity=ip-assoc-pending'
tell bob message "sip:alice@$HOME_NET" hi
says "WIC: reached by its Path" alice 'got MESSAGE .* saying hi'

# --- alg in its name ---
wic_start carol USER=carol DOMAIN=web.example.net PASSWORD=wic-carol-77e1 INSTANCE=4
tell carol register
says "third party: in with the access password" carol 'REGISTER 200 contact=<sip:carol-4@abc.invalid;transport=ws>.*impu=<sip:carol@home'
core_saw "third party: the core was answered with the IMS credentials" 'saved carol'
tell carol message "sip:alice@$HOME_NET" from carol
says "third party: reaches others" alice 'got MESSAGE .* saying from carol'
tell alice message "sip:carol@$HOME_NET" back
says "third party: is reached by its identity" carol 'got MESSAGE .* saying back'

NOW=$(date +%s)
GOOD=$(token "{\"sub\": \"dave\", \"aud\": \"web.example.net\", \"exp\": $((NOW + 120)), \"nbf\": $((NOW - 5))}" "$TMP/web.key")
OLD=$(token "{\"sub\": \"dave\", \"aud\": \"web.example.net\", \"exp\": $((NOW - 120))}" "$TMP/web.key")
OTHER=$(token "{\"sub\": \"carol\", \"aud\": \"web.example.net\", \"exp\": $((NOW + 120))}" "$TMP/web.key")
wic_start dave USER=dave DOMAIN=web.example.net TOKEN="$GOOD" INSTANCE=5
tell dave register
says "token: in, for no longer than it is good" dave 'REGISTER 200 .*expires=1[0-9][0-9] impu=<sip:dave@home'
tell dave message "sip:alice@$HOME_NET" by token
says "token: reaches others" alice 'got MESSAGE .* saying by token'
is "token: the core never saw one" "$(grep -c 'bearer=Bearer' "$TMP/core.log")" 0
tell dave token "$OLD"
tell dave message "sip:alice@$HOME_NET" late
says "token: an old one gets 401 invalid_token" dave 'MESSAGE 401 .*Bearer realm="web.example.net", error="invalid_token"'
fresh dave
tell dave token "$OTHER"
tell dave message "sip:alice@$HOME_NET" not mine
says "token: somebody else's gets 403" dave 'MESSAGE 403'
wic_start dave2 USER=dave DOMAIN=web.example.net TOKEN="$GOOD" TOKEN_FORM=param INSTANCE=6
tell dave2 register
says "token: as access_token=\"...\", too" dave2 'REGISTER 200 .*impu=<sip:dave@home'
tell dave2 register 0
says "token: out again" dave2 'REGISTER 200 contact= '

# --- the core ends a registration (RFC 3680) ---
wic_start ender USER=alice PASSWORD=ims-alice-19c2 INSTANCE=7
HAD=$(metric "$ALG_OPS" alg_registrations)
tell ender register
says "reg event: another tab of the user" ender 'REGISTER 200'
core_saw "reg event: subscribed to once for its two" 'got SUBSCRIBE to alice'
is "reg event: only once" "$(grep -c 'got SUBSCRIBE to alice' "$TMP/core.log")" 1
kamcmd -s "unix:$TMP/ctl" ul.rm_contact location alice "sip:alice-7@abc.invalid;transport=ws" >/dev/null
says "reg event: the connection of what it removed is closed" ender '^close 10(00|12)'
check "reg event: that binding is gone" until_true 3 metric_is "$ALG_OPS" alg_registrations "$HAD"
is "reg event: the other stays" "$(grep -c '^close' "$TMP/alice.log")" 0

# --- alg is killed and comes back ---
kill -KILL "$ALG"
wait "$ALG" 2>/dev/null
forget "$ALG"
says "restart: the WICs lose their connection" alice '^closed'
is "restart: no password, token or answer in what is kept" \
    "$(cat "$TMP"/state/registrations.db* | grep -acE 'wic-|ims-|response=|Bearer|eyJ')" 0
run_alg
until_true 8 metric_is "$ALG_OPS" alg_registrations 5 || give_up "alg is there again"
is "restart: the bindings are known" "$(metric "$ALG_OPS" alg_registrations)" 5
for who in alice carol bob eve; do
    fresh $who
    tell $who connect
    until_true 8 seen "$TMP/$who.log" '^open' || give_up "$who connects again"
    tell $who register
    says "restart: $who registers again" $who 'REGISTER 200'
done
is "restart: they are the same bindings" "$(metric "$ALG_OPS" alg_registrations)" 5
tell alice message "sip:carol@$HOME_NET" again
says "restart: carol is reached" carol 'got MESSAGE .* saying again'
core_saw "restart: the pilot is registered again" 'saved pbx'
tell alice message sip:2001@$HOME_NET again
says "restart: bob is reached" bob 'got MESSAGE .* saying again'

# --- the core speaks SHA-256 ---
stop_pid "$CORE"
: >"$TMP/core.log"
start_core SHA-256
fresh carol
tell carol register
says "SHA-256: alg answers the core's challenge" carol 'REGISTER 200'
core_saw "SHA-256: the pilot comes by itself" 'saved pbx' 40

# --- out, and wrong passwords ---
tell carol register 0
says "third party: out again" carol 'REGISTER 200 contact= '
wic_start mallory USER=bob DOMAIN=office.example.net PASSWORD=wrong-guess-1 WSHOST=127.0.0.1 INSTANCE=9
wic_start nobody USER=nobody DOMAIN=office.example.net PASSWORD=wrong-guess-2 WSHOST=127.0.0.1 INSTANCE=10
tell mallory register
tell nobody register
says "wrong password: 401" mallory 'REGISTER 401'
says "unknown user: 401" nobody 'REGISTER 401'
is "unknown user: the very same answer" "$(grep -m1 'REGISTER 401' "$TMP/nobody.log")" "$(grep -m1 'REGISTER 401' "$TMP/mallory.log")"
for _ in 1 2 3 4; do tell mallory register; sleep 0.1; done
says "wrong passwords are slowed down" mallory 'REGISTER 503 .*retry=[1-9]'
check "and counted" test "$(metric "$ALG_OPS" alg_login_slowed_total)" -gt 0

stop_pid "$ALG"
is "nothing of a credential in logs" "$(grep -acE 'wic-(bob|eve|carol)|ims-(alice|carol|dave)|pbx-pass|wrong-guess|response="|eyJ' "$TMP/alg.log")" 0
is "nothing of a credential in traces" "$(cat "$TMP"/trace/* | grep -acE 'wic-(bob|eve|carol)|ims-(alice|carol|dave)|pbx-pass|wrong-guess|response="|response=\\|eyJ')" 0
has "the traces have the requests" "$TMP/trace/alg.trace" 'REGISTER'
done_testing
