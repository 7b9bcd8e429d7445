# Sourced by scripts/run: the ways to register (docs/registration.md) and the ways of media (ICE-TCP, docs/turn.md) of the phone
# page. ways_start DIR writes DIR/alg.yaml, DIR/agw.yaml and DIR/page.json, makes users, starts coturn; sets WAYS_*.
WAYS_PIDS=()
WAYS_TCP='' WAYS_TURN=''

ways_port() { # ways_port PORT...: the first that nobody has on 127.0.0.1
    local port
    for port; do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    return 1
}
ways_b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
ways_token() { # ways_token SUBJECT SECRET-FILE: a web token for a day
    local head body
    head=$(printf '{"alg":"HS256","typ":"JWT"}' | ways_b64)
    body=$(printf '{"sub":"%s","aud":"web.example.net","exp":%s}' "$1" $(($(date +%s) + 86400)) | ways_b64)
    printf '%s.%s.%s' "$head" "$body" "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -hmac "$(cat "$2")" -binary | ways_b64)"
}

ways_users() { # the lab's far end takes any user with the password USER-secret
    local dir=$1 name
    local users=("$BUILD"/alg-users --db "$dir/state/users.db" add)
    (umask 077; mkdir -p "$dir/state"; echo pbx-secret >"$dir/pilot"; for name in carol dave; do echo "$name-secret" >"$dir/$name.ims"; done
        openssl rand -hex 32 | tr -d '\n' >"$dir/token.key"; openssl rand -base64 32 >"$dir/turn.secret")
    echo bob-web | "${users[@]}" bob@office.example.net --impu sip:2001@home.example.net &&
        echo carol-web | "${users[@]}" carol@web.example.net --impu sip:carol@home.example.net --impi carol@home.example.net --ims-password-file "$dir/carol.ims" &&
        "${users[@]}" dave@web.example.net --no-password --impu sip:dave@home.example.net --impi dave@home.example.net --ims-password-file "$dir/dave.ims"
}

ways_turn() { # coturn with the policy that is shipped, to reach agw on loopback; over TCP alone, as behind a firewall
    local dir=$1
    command -v turnserver >/dev/null && WAYS_TURN=$(ways_port 3478 3479 3480) || return 0
    (umask 077
        cat - packaging/coturn/policy.conf >"$dir/turnserver.conf" <<EOF
listening-ip=127.0.0.1
relay-ip=127.0.0.1
listening-port=$WAYS_TURN
no-udp
no-tls
min-port=49152
max-port=49999
realm=turn.example.net
static-auth-secret=$(cat "$dir/turn.secret")
userdb=$dir/turn.db
pidfile=$dir/turn.pid
allowed-peer-ip=127.0.0.1
allow-loopback-peers
EOF
    )
    turnserver -c "$dir/turnserver.conf" >"$dir/turn.log" 2>&1 &
    WAYS_PIDS+=("$!")
}

ways_start() {
    local dir=$1
    WAYS_TCP=$(ways_port 8880 8881 8882) # not 80: wants privileges, and Chromium goes there on public addresses alone
    ways_users "$dir" >"$dir/users.log" 2>&1 || { cat "$dir/users.log" >&2; return 1; }
    ways_turn "$dir"
    cat >"$dir/alg.yaml" <<EOF
state_dir: $dir/state
token_keys: [{alg: HS256, file: $dir/token.key}]
web_domains:
  - {domain: office.example.net, way: pbx, pilot: "sip:pbx@home.example.net", password_file: $dir/pilot, contact: implicit}
  - {domain: web.example.net, way: third-party, login: both}
  - {domain: "*"}
turn_servers: [${WAYS_TURN:+\"turn:127.0.0.1:$WAYS_TURN?transport=tcp\"}]
turn_secret_file: $dir/turn.secret
EOF
    cat >"$dir/agw.yaml" <<EOF
realms:
  - {name: core.example.net, interface: core, address: 127.0.0.1, ports: 24000-31999, peer: core}
  - {name: access.example.net, interface: access, address: 127.0.0.1, ports: 16384-23999, peer: wic, ice_tcp: [$WAYS_TCP]}
EOF
    cat >"$dir/page.json" <<EOF
{"ws": "ws://127.0.0.1:8080", "domain": "home.example.net", "tcp": "$WAYS_TCP", "turn": "$WAYS_TURN", "ways": [
  {"name": "the user's own IMS credentials", "user": "alice", "password": "alice-secret", "domain": "home.example.net"},
  {"name": "a user of the PBX, by password", "user": "bob", "password": "bob-web", "domain": "office.example.net"},
  {"name": "a user of the web, by password", "user": "carol", "password": "carol-web", "domain": "web.example.net"},
  {"name": "a user of the web, by token", "user": "dave", "token": "$(ways_token dave "$dir/token.key")", "domain": "web.example.net"}]}
EOF
}

ways_say() { # for a person before the page
    echo "  \"As\": how it registers. \"Media by\": UDP, TCP to port ${WAYS_TCP:-(none is free)} of agw, TURN${WAYS_TURN:+ on port $WAYS_TURN}."
    echo "  (A real one has 80: here that wants privileges, and browsers do not take it on loopback.)"
    [ -n "$WAYS_TURN" ] || echo "  (No TURN: coturn is not installed, scripts/deps page; or its ports are taken.)"
}
ways_watch() { # the pair of each call, as it is selected
    local dir=$1 seen=0 now
    seen=$(grep -c '"title":"pair ' "$dir/trace/agw.trace")
    while sleep 1; do
        now=$(grep -c '"title":"pair ' "$dir/trace/agw.trace")
        [ "$now" -gt "$seen" ] && "$BUILD"/iq-replay --pairs --trace "$dir/trace" | tail -n +$((seen + 1)) | sed 's/^/  media by /'
        seen=$now
    done
}
ways_stop() {
    local pid
    for pid in "${WAYS_PIDS[@]}"; do
        kill -TERM "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    WAYS_PIDS=()
}
