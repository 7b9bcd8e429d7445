#!/usr/bin/env bash
# Registration in its ways (TR 23.701 6.1.2.1, TS 24.371 6.1) with Kamailio as the registrar, digest over a database: the WIC itself,
# alg as an IP-PBX, alg in the WIC's name, alg as a trusted node; several pages of a user; over a restart of alg; ended by the core and
# by who keeps the users; and nothing of a password in what alg writes.
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
    REGISTRAR=$PID
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
# How each begins: {"alg": in base64. Three letters of it may stand in any nonce.
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
users add frank@trust.example.net --no-password --impu "sip:frank@$HOME_NET" --impi "frank@$HOME_NET"
is "alg-users: five are in the store" "$(users list | wc -l)" 5
is "the store is its owner's alone" "$(stat -c %a "$TMP/state/users.db")" 600
{ printf '{"user": "gina@web.example.net", "password": "wic-gina-0b5e"}\n'; echo '{"user": "wic-gina-0b5e"}'; } >"$TMP/half.jsonl"
check "alg-users: an import with a bad line fails" bash -c '! "$@" 2>"$0"' "$TMP/half.log" "$B/alg-users" --db "$TMP/state/users.db" import "$TMP/half.jsonl"
has "and names the line" "$TMP/half.log" 'line 2'
is "and says no word of it" "$(grep -c gina "$TMP/half.log")" 0
is "and nothing of it is in the store" "$(users list | grep -c gina)" 0
check "alg-users: who is not there cannot be removed" bash -c '! "$@" 2>/dev/null' - "$B/alg-users" --db "$TMP/state/users.db" remove nobody@web.example.net
is "alg-users: list tells no digest" "$(users list | grep -cE '[0-9a-f]{32}')" 0
is "no password is in the store" "$(cat "$TMP"/state/users.db* | grep -acE 'wic-|ims-')" 0

CONF="log: debug
home_domain: $HOME_NET
flow_recovery: 60
ws_no_register: 300
access_info: IEEE-802.11
token_keys: [{kid: k1, alg: ES256, file: $TMP/web.pub}]
web_domains:
  - {domain: office.example.net, way: pbx, pilot: \"sip:pbx@$HOME_NET\", password_file: $TMP/pilot, expires: 600}
  - {domain: web.example.net, way: third-party, login: both}
  - {domain: trust.example.net, way: trusted-node}
  - {domain: $HOME_NET}"
run_alg() { # with its trace, so that it can be searched
    alg_conf "$CONF" >"$TMP/alg.yaml"
    start alg "$B/alg" -c "$TMP/alg.yaml" --trace "$TMP/trace"
    ALG=$PID
}
printf 'web_domains: [{way: trusted-node}]\n' >"$TMP/bad.yaml"
has "a node that is trusted without a key for tokens is no configuration" <("$B/alg" --check-conf "$TMP/bad.yaml" 2>&1) 'token_keys'
start_core MD5
run_alg
start_agw
pair_ready || give_up "the pair is ready"

# --- alg as an IP-PBX ---
core_saw "PBX: registered in bulk, its challenge answered" 'saved pbx as .*;bnc'
core_saw "PBX: with gin, Path and P-Visited-Network-ID" 'got REGISTER to pbx .*path=<sip:pbx@127.0.0.1:[0-9]+;lr> visited="home.example.net" require=path, gin'
wic_start bob USER=bob DOMAIN=office.example.net PASSWORD=wic-bob-31aa
tell bob register
says "PBX: a WIC logs in with MD5 and learns its identity" bob 'REGISTER 200 contact=<sip:bob-1@abc.invalid;transport=ws>.*expires=600 impu=<sip:2001@home'
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
core_saw "WIC: charging and access are alg's word" "got REGISTER to alice .*pani=IEEE-802.11;network-provided charging=icid-value=.*orig-ioi=\"Type 1$HOME_NET\""
fresh alice
tell alice register
says "WIC: and again" alice 'REGISTER 200'
core_saw "WIC: bound by now, so its answer is trusted more" 'got REGISTER to alice .*integrity=ip-assoc-yes'
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

# --- in a call, too ---
fresh dave
tell dave token "$GOOD"
tell dave invite "sip:alice@$HOME_NET"
says "token: a call is placed" dave 'INVITE 200'
fresh dave
tell dave token "$OLD"
tell dave reinvite
says "token: expired in the call, its re-INVITE gets 401" dave 'INVITE 401 .*Bearer realm="web.example.net", error="invalid_token"'
tell dave token
fresh dave
tell dave reinvite
says "token: without one, too" dave 'INVITE 401 .*Bearer realm="web.example.net"'
fresh alice
tell dave bye
says "token: but nobody is kept from ending it" dave 'BYE 200'
says "token: and the other end hears it" alice 'got BYE'
released "token: nothing is left of it"
is "token: the core never saw one in a call either" "$(grep -c 'bearer=Bearer' "$TMP/core.log")" 0

# --- alg as a node that the core trusts ---
wic_start frank USER=frank DOMAIN=trust.example.net INSTANCE=20 \
    TOKEN="$(token "{\"sub\": \"frank\", \"aud\": \"trust.example.net\", \"exp\": $((NOW + 120))}" "$TMP/web.key")"
tell frank register
says "trusted node: in with a token alone" frank 'REGISTER 200 .*impu=<sip:frank@home'
core_saw "trusted node: no challenge" 'got REGISTER to frank .*bearer=Digest integrity=auth-done'
wic_start guest USER=guest DOMAIN=trust.example.net INSTANCE=21 TOKEN="$(token "{\"sub\": \"guest\", \"aud\": \"trust.example.net\",
    \"exp\": $((NOW + 120)), \"impu\": \"sip:pool7@$HOME_NET\"}" "$TMP/web.key")"
tell guest register
says "trusted node: with an identity of the pool" guest 'REGISTER 200 .*impu=<sip:pool7@home'
tell frank message "sip:pool7@$HOME_NET" to the pool
says "trusted node: one reaches the other" guest 'got MESSAGE .* from <sip:frank@home.* saying to the pool'
tell frank register 0
tell guest register 0
says "trusted node: out again" guest 'REGISTER 200 contact= '
says "trusted node: both" frank 'REGISTER 200 contact= '

# --- several pages of one user, one of them with TLS ---
wic_start tab USER=alice PASSWORD=ims-alice-19c2 INSTANCE=8 WS="$WSS" TLS=1 RINGS=1
tell tab register
says "tabs: another page of alice" tab 'REGISTER 200'
core_saw "tabs: with TLS its answer is known by that" 'got REGISTER to alice .*integrity=tls-pending'
fresh tab
tell tab register
says "tabs: again" tab 'REGISTER 200'
core_saw "tabs: bound, with TLS" 'got REGISTER to alice .*integrity=tls-yes'
GRUU=$(sed -n 's/.*REGISTER 200.*pub-gruu="\([^"]*\)".*/\1/p' "$TMP/tab.log" | tail -1)
TEMP=$(sed -n 's/.*REGISTER 200.*temp-gruu="\([^"]*\)".*/\1/p' "$TMP/tab.log" | tail -1)
fresh alice
tell bob message "$GRUU" by gruu
says "tabs: its GRUU reaches it" tab 'got MESSAGE .* saying by gruu'
tell bob message "$TEMP" by temporary gruu
says "tabs: its temporary GRUU, too" tab 'got MESSAGE .* saying by temporary gruu'
is "tabs: and nobody else" "$(grep -c 'saying by' "$TMP/alice.log")" 0
wic_start tab2 USER=alice PASSWORD=ims-alice-19c2 INSTANCE=11 RINGS=1
tell tab2 register
says "tabs: a third" tab2 'REGISTER 200'
tell alice register 0
says "tabs: the first leaves" alice 'REGISTER 200 contact= '
fresh tab
fresh tab2
fresh bob
tell bob invite "sip:alice@$HOME_NET"
says "tabs: a call rings here" tab 'got INVITE'
says "tabs: and there (the core forks)" tab2 'got INVITE'
tell tab2 answer
says "tabs: one answers" bob 'INVITE 200'
says "tabs: the other stops ringing" tab 'got CANCEL'
tell bob bye
says "tabs: the call ends" tab2 'got BYE'
released "tabs: nothing is left of it"

# --- a WebSocket drops, and a registration runs out ---
fresh tab
HAD=$(metric "$ALG_OPS" alg_register_recovered_total)
tell tab drop
says "drop: the connection is gone" tab '^closed'
fresh bob
tell bob message "$GRUU" while it is away
says "drop: meanwhile it is temporarily unavailable" bob 'MESSAGE 480'
tell tab connect
until_true 8 seen "$TMP/tab.log" '^open' || give_up "the page connects again"
fresh tab
tell tab register
says "drop: it comes back" tab 'REGISTER 200'
is "drop: the binding is the same one" "$(metric "$ALG_OPS" alg_register_recovered_total)" $((HAD + 1))
tell bob message "$GRUU" you are back
says "drop: and is reached" tab 'got MESSAGE .* saying you are back'
HAD=$(metric "$ALG_OPS" alg_registrations)
fresh tab2
tell tab2 register 5
says "expiry: for 5 s" tab2 'REGISTER 200 .*expires=5 '
check "expiry: and then it is gone" until_true 9 metric_is "$ALG_OPS" alg_registrations $((HAD - 1))
tell tab register 0
says "tabs: the last leaves" tab 'REGISTER 200 contact= '
fresh alice
tell alice register
says "tabs: the first is back" alice 'REGISTER 200'

# --- the core ends a registration (RFC 3680) ---
wic_start ender USER=alice PASSWORD=ims-alice-19c2 INSTANCE=7
HAD=$(metric "$ALG_OPS" alg_registrations)
tell ender register
says "reg event: another tab of the user" ender 'REGISTER 200'
core_saw "reg event: subscribed to for all of them" 'got SUBSCRIBE to alice .*pai=<sip:alg@127'
is "reg event: only once" "$(grep -c 'got SUBSCRIBE to alice' "$TMP/core.log")" 1
core_saw "reg event: the pilot, too" 'got SUBSCRIBE to pbx'
core_saw "reg event: who left is let go" 'got SUBSCRIBE to frank .*expires=0 ' 15
kamcmd -s "unix:$TMP/ctl" ul.rm_contact location alice "sip:alice-7@abc.invalid;transport=ws" >/dev/null
says "reg event: the connection of what it removed is closed" ender '^close 10(00|12)'
check "reg event: that binding is gone" until_true 3 metric_is "$ALG_OPS" alg_registrations "$HAD"
is "reg event: the other stays" "$(grep -c '^close' "$TMP/alice.log")" 0

fresh carol
kamcmd -s "unix:$TMP/ctl" ul.rm location carol >/dev/null
says "reg event: who was registered by alg, too" carol '^close 10(00|12)'
tell carol connect
until_true 8 seen "$TMP/carol.log" '^open' || give_up "carol connects again"
fresh carol
tell carol register
says "reg event: and may come back" carol 'REGISTER 200'

# --- who keeps the users takes one away ---
wic_start eve2 USER=eve DOMAIN=office.example.net PASSWORD=wic-eve-9d04 INSTANCE=12
tell eve2 register
says "removed: she is in" eve2 'REGISTER 200 .*sip:eve-2@abc.*sip:eve-12@abc|REGISTER 200 .*sip:eve-12@abc.*sip:eve-2@abc'
users remove eve@office.example.net
says "removed: and out" eve2 '^close 1000'
says "removed: on each page" eve '^close 1000'
fresh bob
tell bob message "sip:2002@$HOME_NET" anybody
says "removed: nobody is there any more" bob 'MESSAGE 4(04|80)'
echo 'wic-eve-9d04' | users add eve@office.example.net --impu "sip:2002@$HOME_NET"
fresh eve
tell eve connect
until_true 8 seen "$TMP/eve.log" '^open' || give_up "eve connects again"
tell eve register
says "removed: put back, she is in again" eve 'REGISTER 200'

# --- alg is killed and comes back ---
ASKED=$(grep -c 'got SUBSCRIBE to carol' "$TMP/core.log")
kill -KILL "$ALG"
wait "$ALG" 2>/dev/null
forget "$ALG"
says "restart: the WICs lose their connection" alice '^closed'
is "restart: no password, token or answer in what is kept" \
    "$(cat "$TMP"/state/registrations.db* | grep -acE 'wic-|ims-|response=|Bearer|eyJhbGciOi')" 0
CONF=${CONF/expires: 600/expires: 30} # the pilot is refreshed while we look
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

asked_again() { [ "$(grep -c 'got SUBSCRIBE to carol' "$TMP/core.log")" -gt "$ASKED" ]; }
check "restart: subscribed again for who was there" until_true 8 asked_again

# --- the core speaks SHA-256 ---
stop_pid "$REGISTRAR"
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
wic_start near USER=stranger DOMAIN=office.example.net PASSWORD=wrong-guess-3 INSTANCE=13
wic_start far USER=stranger2 DOMAIN=office.example.net PASSWORD=wrong-guess-4 INSTANCE=14 LOCAL=127.0.0.2
wic_start away USER=bob DOMAIN=office.example.net PASSWORD=wic-bob-31aa INSTANCE=15 LOCAL=127.0.0.2
waits_long() { tell mallory register; sleep 0.3; tail -n 1 "$TMP/mallory.log" | grep -qE 'retry=([3-9]|[1-9][0-9])'; }
until_true 20 waits_long || give_up "the wait grows"
tell near register
tell far register
tell away register
says "per address: another name from there waits, too" near 'REGISTER 503 .*retry=[1-9]'
says "per address: from elsewhere it is looked at" far 'REGISTER 401'
says "per user: with the right password, but from where it never was, it waits" away 'REGISTER 503 .*retry=[1-9]'

stop_pid "$ALG"
is "nothing of a credential in logs" "$(grep -acE 'wic-(bob|eve|carol)|ims-(alice|carol|dave)|pbx-pass|wrong-guess|response="|eyJhbGciOi' "$TMP/alg.log")" 0
is "nothing of a credential in traces" "$(cat "$TMP"/trace/* | grep -acE 'wic-(bob|eve|carol)|ims-(alice|carol|dave)|pbx-pass|wrong-guess|response="|response=\\|eyJhbGciOi')" 0
has "the traces have the requests" "$TMP/trace/alg.trace" 'REGISTER'
done_testing
