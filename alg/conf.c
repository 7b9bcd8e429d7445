/* alg's configuration keys. */
#include "alg/conf.h"
#include "alg/iq/admit.h"
#include "alg/sip/sip.h"
#include "common/conf_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- values --- */

/* Host names, and words that stand in SIP and SDP: nothing that could end a header. */
static int check_name(const char *value, char *why, size_t size)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

    if (n && !value[n])
        return 0;
    snprintf(why, size, "a name of letters, digits, '.', '-' and '_', for example alg1.example.net");
    return -EINVAL;
}

/* A header value that is not quoted: nothing that could end it. */
static int check_value(const char *value, char *why, size_t size)
{
    if (!strpbrk(value, "\r\n,<>"))
        return 0;
    snprintf(why, size, "one value, for example IEEE-802.11;i-wlan-node-id=0011aabbccdd");
    return -EINVAL;
}

static int check_host_or_none(const char *value, char *why, size_t size)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-[]:");

    if (!value[n])
        return 0;
    snprintf(why, size, "a host name or address, or \"\" for that of sip_listen");
    return -EINVAL;
}

static int check_host(const char *value, char *why, size_t size)
{
    if (!strcmp(value, "*") || (*value && check_host_or_none(value, why, size) == 0))
        return 0;
    snprintf(why, size, "a host name without a port, for example chat.example.net, or \"*\" for any");
    return -EINVAL;
}

static int check_hop(const char *value, char *why, size_t size)
{
    size_t n = !strncmp(value, "sips:", 5) ? 5 : !strncmp(value, "sip:", 4) ? 4 : 0;

    if (n && value[n] && !strpbrk(value, " <>\"\r\n"))
        return 0;
    snprintf(why, size, "sip:HOST:PORT;transport=udp, tcp or tls, for example sip:127.0.0.1:5070;transport=udp");
    return -EINVAL;
}

static int check_origin(const char *value, char *why, size_t size)
{
    const char *host = strstr(value, "://");

    if (!strcmp(value, "*") || (host && host > value && host[3] && !strpbrk(host + 3, "/ ")))
        return 0;
    snprintf(why, size, "SCHEME://HOST[:PORT] with no path, for example https://chat.example.net, or \"*\" for any");
    return -EINVAL;
}

static int check_gateway(const char *value, char *why, size_t size)
{
    struct admit a;

    if (admit_mid(&a, value) == 0)
        return 0;
    snprintf(why, size, "agw1.example.net, <agw1.example.net>:2946, [192.0.2.20]:2946, or \"*\" for any name");
    return -EINVAL;
}

static int check_web_profile(const char *value, char *why, size_t size)
{
    if (!strcmp(value, "3gpp-strict") || !strcmp(value, "browser"))
        return 0;
    snprintf(why, size, "3gpp-strict (a transport for each line) or browser (BUNDLE: one for all)");
    return -EINVAL;
}

static int check_ice(const char *value, char *why, size_t size)
{
    if (!strcmp(value, "lite") || !strcmp(value, "full"))
        return 0;
    snprintf(why, size, "lite (the gateway answers checks) or full (it makes its own, too)");
    return -EINVAL;
}

static int check_rtp(const char *value, char *why, size_t size)
{
    static const char *const all[] = {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"};

    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!strcmp(value, all[i]))
            return 0;
    }
    snprintf(why, size, "RTP/AVP, RTP/AVPF, RTP/SAVP or RTP/SAVPF (the last two: SDES)");
    return -EINVAL;
}

static int check_network(const char *value, char *why, size_t size)
{
    struct admit a;

    if (admit_from(&a, value) == 0)
        return 0;
    snprintf(why, size, "an address or network, for example 192.0.2.20 or 192.0.2.0/24, or \"*\" for any");
    return -EINVAL;
}

static int check_domain(const char *value, char *why, size_t size)
{
    return !strcmp(value, "*") ? 0 : check_name(value, why, size);
}

static int one_of(const char *value, const char *const *all, char *why, size_t size, const char *what)
{
    for (; *all; all++)
        if (!strcmp(value, *all))
            return 0;
    snprintf(why, size, "%s", what);
    return -EINVAL;
}

static int check_way(const char *value, char *why, size_t size)
{
    return one_of(value, (const char *const[]){"relay", "pbx", "third-party", "trusted-node", NULL}, why, size,
                  "relay, pbx, third-party or trusted-node");
}

static int check_login(const char *value, char *why, size_t size)
{
    return one_of(value, (const char *const[]){"password", "token", "both", NULL}, why, size, "password, token or both");
}

static int check_contact(const char *value, char *why, size_t size)
{
    return one_of(value, (const char *const[]){"bulk", "implicit", NULL}, why, size, "bulk or implicit");
}

static int check_alg(const char *value, char *why, size_t size)
{
    return one_of(value, (const char *const[]){"HS256", "RS256", "ES256", NULL}, why, size, "HS256, RS256 or ES256");
}

static int check_turn_by(const char *value, char *why, size_t size)
{
    return one_of(value, (const char *const[]){"endpoint", "header", "both", NULL}, why, size, "endpoint, header or both");
}

static int check_turn(const char *value, char *why, size_t size)
{
    const char *host = !strncmp(value, "turn:", 5) ? value + 5 : !strncmp(value, "turns:", 6) ? value + 6 : "";
    size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]");

    if (n && n < 200 && (!host[n] || !strcmp(host + n, "?transport=udp") || !strcmp(host + n, "?transport=tcp")))
        return 0;
    snprintf(why, size, "RFC 7065, for example turns:turn.example.net:443?transport=tcp or turn:192.0.2.30:3478?transport=udp");
    return -EINVAL;
}

static int check_pilot(const char *value, char *why, size_t size)
{
    if (!*value || (!strncmp(value, "sip:", 4) && strchr(value, '@') && !strpbrk(value, " <>\";\r\n")))
        return 0;
    snprintf(why, size, "sip:USER@DOMAIN, for example sip:pbx@home.example.net");
    return -EINVAL;
}

static int check_expires(const char *value, char *why, size_t size)
{
    uint32_t v;

    if (!sv_u32(sv_from(value), 600000, &v) && v >= 10)
        return 0;
    snprintf(why, size, "seconds, 10 to 600000");
    return -EINVAL;
}

/* --- table --- */

#define COLUMN(name, def, check, help) \
    {#name, CONF_STR, offsetof(struct alg_gateway_row, name), "\"" def "\"", 0, 0, help, NULL, 0, check}

static const struct conf_key gateway_keys[] = {
    COLUMN(mid, "*", check_gateway, "its message identifier, with or without a port; \"*\" = any"),
    COLUMN(from, "*", check_network, "address or network that it sends from; \"*\" = any"),
    {0},
};

#undef COLUMN
#define COLUMN(name, def, check, help) \
    {#name, CONF_STR, offsetof(struct alg_domain_row, name), def, 0, 0, help, NULL, 0, check}

static const struct conf_key domain_keys[] = {
    COLUMN(domain, "*", check_domain, "host of the browser's own address (To of REGISTER); \"*\" = any"),
    COLUMN(way, "relay", check_way,
           "relay: the browser has IMS credentials; pbx: alg registers once for all; third-party: alg for each; "
           "trusted-node: the same"
           " without credentials, for a core that believes alg (auth-done), by web token only"),
    COLUMN(login, "password", check_login, "pbx, third-party: password (digest), token (JWT) or both"),
    COLUMN(token_server, "", check_value, "where a browser gets its token, told in the challenge"),
    COLUMN(pilot, "", check_pilot, "pbx: public identity that alg registers, sip:pbx@home.example.net"),
    COLUMN(impi, "", check_value, "pbx: its private identity; \"\" = the pilot without sip:"),
    COLUMN(password_file, "", NULL, "pbx: file with its password, first line"),
    COLUMN(contact, "bulk", check_contact, "pbx: bulk (RFC 6140) or implicit (the implicit set of the pilot)"),
    COLUMN(expires, "3600", check_expires, "pbx: seconds asked for, of the pilot and at most of a browser"),
    {0},
};

#undef COLUMN
#define COLUMN(name, def, check, help) \
    {#name, CONF_STR, offsetof(struct alg_token_row, name), def, 0, 0, help, NULL, 0, check}

static const struct conf_key token_rows[] = {
    COLUMN(kid, "", check_value, "key id in the token's header; \"\" = any"),
    COLUMN(alg, "ES256", check_alg, "HS256, RS256 or ES256"),
    COLUMN(file, "", NULL, "PEM public key; HS256: the secret, 32 bytes or more"),
    COLUMN(issuer, "", NULL, "iss has to be this; \"\" = any"),
    COLUMN(audience, "", NULL, "aud has to have this; \"\" = the browser's domain"),
    {0},
};

#define AT(field) offsetof(struct alg_conf, field)
#define TEXT(name, field, def, check, help) {name, CONF_STR, AT(field), "\"" def "\"", 0, 0, help, NULL, 0, check}
#define LIST(name, field, def, check, help) {name, CONF_STRS, AT(field), def, 0, 0, help, NULL, 0, check}
#define LIST1(name, field, def, check, help) {name, CONF_STRS, AT(field), def, 0, CONF_OR_ONE, help, NULL, 0, check}
#define NUMBER(name, field, def, min, max, help) {name, CONF_INT, AT(field), #def, min, max, help, NULL, 0, NULL}
#define YES_NO(name, field, def, help) {name, CONF_BOOL, AT(field), #def, 0, 0, help, NULL, 0, NULL}

static const struct conf_key keys[] = {
    TEXT("mid", mid, "alg1.example.net", check_name, "name in H.248 headers, and the host browsers see in SIP"),
    TEXT("home_domain", home_domain, "home.example.net", check_name, "IMS home domain: P-Visited-Network-ID, charging"),
    TEXT("access_info", access_info, "", check_value,
         "P-Access-Network-Info towards the core, as the network's word; \"\" = none"),
    TEXT("h248_listen", h248_listen, "udp:127.0.0.1:2944", conf_check_udp, "where gateways register"),
    {"gateways", CONF_TABLE, AT(gateways), "[{from: 127.0.0.0/8}, {from: \"::1\"}]", 0, 0,
     "gateways that may register: a row has to fit; others get error 402", gateway_keys, sizeof(struct alg_gateway_row), NULL},
    {"web_domains", CONF_TABLE, AT(web_domains), "[{domain: \"*\", way: relay}]", 0, 0,
     "who registers the browsers of a domain at the core: the first row that fits; none: 403", domain_keys,
     sizeof(struct alg_domain_row), NULL},
    {"token_keys", CONF_TABLE, AT(token_keys), "[]", 0, 0, "keys that web tokens are signed with", token_rows,
     sizeof(struct alg_token_row), NULL},
    TEXT("users_db", users_db, "", NULL,
         "names and digests of pbx and third-party domains (alg-users); \"\" = users.db in state_dir"),
    LIST1("sip_listen", sip_listen, "[\"127.0.0.1:5060\"]", conf_check_hostport,
          "SIP towards the core, UDP and TCP: an address, or one of each family"),
    LIST("sip_peers", sip_peers, "[]", check_network,
         "networks that may send requests by UDP and TCP, besides the next hops and what their names resolve to; \"*\" = any. "
         "[] = those of sip_listen's kind (loopback, private); none if that is public"),
    TEXT("sip_host", sip_host, "", check_host_or_none,
         "host in Via, Contact and Path towards the core; \"\" = that of sip_listen"),
    LIST1("sip_tls_listen", sip_tls_listen, "[]", conf_check_hostport,
          "SIP over TLS 1.2 or 1.3 towards the core: an address, or one of each family"),
    TEXT("sip_tls_cert", sip_tls_cert, "", NULL, "its certificate chain, PEM"),
    TEXT("sip_tls_key", sip_tls_key, "", NULL, "its private key, PEM"),
    TEXT("sip_tls_ca", sip_tls_ca, "", NULL, "PEM file of the CAs that the core's certificates come from"),
    YES_NO("sip_tls_verify", sip_tls_verify, true,
           "the next hop's certificate has to be of that CA and for its name (RFC 5922)"),
    YES_NO("sip_tls_mutual", sip_tls_mutual, true, "who connects has to show a certificate of that CA"),
    LIST("sip_tls_peers", sip_tls_peers, "[]", check_host_or_none,
         "names, one of which that certificate has to have; [] = any"),
    LIST1("next_hop", next_hop, "[\"sip:127.0.0.1:5070;transport=udp\"]", check_hop,
          "registrar and first proxy of the core, in order of preference; names without port: NAPTR and SRV"),
    YES_NO("reg_event", reg_event, true,
           "subscribe to the core's registration state (RFC 3680, TS 24.229 5.2.3): what it ends, ends here"),
    NUMBER("hop_options", hop_options, 30, 0, 3600,
           "seconds between OPTIONS to each next hop: any answer and it lives; 0 = none"),
    NUMBER("hop_options_lost", hop_options_lost, 3, 1, 100,
           "in a row without an answer: that next hop is down until it answers"),
    NUMBER("hop_silent", hop_silent, 4000, 100, 32000,
           "ms without any answer until a request goes to another next hop that is well"),
    TEXT("resolv_conf", resolv_conf, "/etc/resolv.conf", NULL, "whom to ask for the names in next_hop"),
    YES_NO("resolve_routes", resolve_routes, false, "look up Routes given by name instead of sending to next_hop"),
    LIST("ws_listen", ws_listen, "[\"127.0.0.1:8080\"]", conf_check_hostport,
         "WebSocket without TLS (laboratory); [] = none"),
    LIST("wss_listen", wss_listen, "[\"127.0.0.1:8443\"]", conf_check_hostport, "WebSocket with TLS; [] = none"),
    TEXT("ws_cert", ws_cert, "", NULL, "certificate chain, PEM; \"\" = a self-signed pair made in state_dir"),
    TEXT("ws_key", ws_key, "", NULL, "its private key, PEM"),
    TEXT("state_dir", state_dir, "openiq-state", NULL, "directory for what alg keeps, made at first start"),
    LIST("turn_servers", turn_servers, "[]", check_turn, "TURN servers that browsers are told of, up to 8; [] = none"),
    TEXT("turn_secret_file", turn_secret_file, "", NULL,
         "secrets shared with them, one a line: the first makes the credentials"),
    TEXT("turn_by", turn_by, "endpoint", check_turn_by,
         "endpoint: GET /turn on the WebSocket's port; header: in the 200 to REGISTER; both"),
    NUMBER("turn_ttl", turn_ttl, 86400, 60, 86400,
           "seconds that a TURN credential is good at most; else twice the registration"),
    YES_NO("turn_clear", turn_clear, false, "give them over WebSockets without TLS, too, that are not on loopback"),
    LIST("origins", origins,
         "[\"http://127.0.0.1:8000\", \"http://localhost:8000\", \"https://127.0.0.1:8443\", \"https://localhost:8443\", "
         "\"http://127.0.0.1:8080\", \"http://localhost:8080\"]",
         check_origin, "web pages that may connect, compared exactly; \"*\" = any"),
    LIST("ws_hosts", ws_hosts, "[]", check_host,
         "names in Host besides own addresses, mid and the names in ws_cert (against DNS rebinding); \"*\" = any"),
    YES_NO("origin_missing", origin_missing, false, "take clients that send no Origin (not browsers)"),
    NUMBER("ws_max_connections", ws_max_connections, 10000, 1, 1000000, "WebSocket connections in all"),
    NUMBER("ws_max_per_address", ws_max_per_address, 1000, 1, 1000000, "WebSocket connections of one address"),
    NUMBER("ws_handshake", ws_handshake, 10, 1, 120, "seconds from a connection to its whole request"),
    NUMBER("ws_handshakes_per_address", ws_handshakes_per_address, 500, 1, 2048,
           "handshakes under way of one address; the oldest goes"),
    NUMBER("ws_new", ws_new, 1000, 1, 100000,
           "new connections a second of all addresses without users, twice as many at once"),
    NUMBER("ws_new_per_address", ws_new_per_address, 200, 1, 100000,
           "new connections a second of one address (IPv6: of a /64)"),
    NUMBER("ws_max_message", ws_max_message, 65536, 1024, 65536, "longest SIP message from a browser, bytes"),
    NUMBER("ws_ping", ws_ping, 25, 1, 3600, "seconds between pings; two without an answer close"),
    NUMBER("ws_no_register", ws_no_register, 30, 0, 3600,
           "seconds until a connection without registration is closed; 0 = never"),
    NUMBER("orphan", orphan, 32, 0, 3600, "seconds the calls of a browser outlive its lost connection"),
    NUMBER("flow_recovery", flow_recovery, 0, 0, 86400,
           "seconds its registration does, also over a restart of alg; 0 = as orphan"),
    NUMBER("reopen", reopen, 30, 1, 3600,
           "seconds a call waits for a lost MSRP connection of the core to be opened again"),
    TEXT("access_interface", access_interface, "access", check_name, "interface name of browser-side terminations"),
    TEXT("access_realm", access_realm, "access.example.net", check_name, "IP realm towards browsers (ipdc/realm)"),
    TEXT("core_interface", core_interface, "core", check_name, "interface name of core-side terminations"),
    TEXT("core_realm", core_realm, "core.example.net", check_name, "IP realm towards the core (ipdc/realm)"),
    YES_NO("dtls_active", dtls_active, true, "answer a=setup:actpass with active"),
    TEXT("web_profile", web_profile, "3gpp-strict", check_web_profile,
         "3gpp-strict: each line its own transport; browser: BUNDLE"),
    TEXT("ice", ice, "lite", check_ice,
         "lite: gateways answer browsers' checks; full: they check, too, where they can (ostuncc)"),
    YES_NO("ice_tcp", ice_tcp, true,
           "ask gateways for TCP candidates (agw: ice_tcp of a realm), after UDP, for browsers behind firewalls"),
    YES_NO("plain_rtp", plain_rtp, false,
           "take RTP without encryption, with ICE, from clients that are no browsers, and offer it to those that "
           "register +sip.message"),
    YES_NO("msrp_tcp", msrp_tcp, false,
           "take m=message over ICE-TCP from such clients, and offer it to those that register +sip.message"),
    LIST("audio_codecs", audio_codecs, "[opus, G722, PCMU, PCMA, AMR, AMR-WB]", check_name,
         "audio that passes between browser and core"),
    LIST("video_codecs", video_codecs, "[H264, VP8, VP9]", check_name, "video that does"),
    TEXT("core_audio", core_audio, "RTP/AVP", check_rtp, "how audio is offered to the core"),
    TEXT("core_video", core_video, "RTP/AVPF", check_rtp, "how video is"),
    NUMBER("media_inactivity", media_inactivity, 60, 0, 3600,
           "seconds without RTP from the core that end a call; 0 = never"),
    YES_NO("access_ipv6", access_ipv6, false, "offer IPv6 to browsers; an answer takes the family of the offer"),
    YES_NO("core_ipv6", core_ipv6, false, "offer IPv6 to the core; agw's realms need address6"),
    YES_NO("early_media", early_media, true, "pass provisional answers of the core to the browser"),
    YES_NO("preconditions", preconditions, false,
           "offer preconditions (RFC 3312) to the core; no: only when it asks by 421"),
    LIST("emergency_numbers", emergency_numbers, "[\"112\", \"911\"]", check_name,
         "beside urn:service:sos: 380, they are not carried"),
    NUMBER("max_calls", max_calls, 1000, 1, 1000000, "calls at once; over it 503"),
    NUMBER("no_answer", no_answer, 180, 1, 3600, "seconds until an unanswered call is given up"),
    NUMBER("hanging", hanging, 3600, 0, 86400, "hanging termination detection at the gateway, seconds; 0 = off"),
    TEXT("profile", profile, "openiq", check_name, "H.248 profile name that gateways must offer"),
    NUMBER("profile_version", profile_version, 1, 1, 99, "its version"),
    NUMBER("version", version, 3, 1, 3, "highest H.248 protocol version taken"),
    TEXT("h248_encoding", h248_encoding, "pretty", conf_check_encoding, "pretty or compact"),
    NUMBER("heartbeat", heartbeat, 10000, 0, 600000, "ms of silence until a gateway is audited; 0 = never"),
    NUMBER("retransmit", retransmit, 500, 50, 10000, "first H.248 repetition, ms"),
    NUMBER("retransmit_max", retransmit_max, 4000, 50, 60000, "longest pause between repetitions, ms"),
    NUMBER("sends_max", sends_max, 7, 1, 20, "times one H.248 request is sent"),
    NUMBER("request_timeout", request_timeout, 25000, 500, 120000, "whole time for one H.248 request, ms"),
    NUMBER("long_timer", long_timer, 30000, 1000, 300000, "replies are kept for repeats, ms"),
    NUMBER("provisional", provisional, 2000, 100, 30000, "an unanswered request gets Pending after, ms"),
    NUMBER("pending_limit", pending_limit, 5, 1, 50, "Pendings for one request before error 506"),
    NUMBER("release_tries", release_tries, 3, 1, 10, "times a release that timed out is tried again"),
    TEXT("ops", ops, "127.0.0.1:9101", conf_check_hostport_or_none, "GET /health and /metrics; \"\" = none"),
    LIST("ops_hosts", ops_hosts, "[]", check_name,
         "names in Host of these besides addresses and localhost (against DNS rebinding)"),
    TEXT("log", log, "info", conf_check_log, "debug, info, warn or error"),
    {0},
};

/* Addresses and next hops of the core's side. */
static const char *check_core(const struct alg_conf *c)
{
    if (!c->sip_listen.n || c->sip_listen.n > 2 || c->sip_tls_listen.n > 2)
        return "sip_listen: one address, or two of different families, here and in sip_tls_listen";
    if (!c->next_hop.n || c->next_hop.n > SIP_NEXT_MAX)
        return "next_hop: 1 to 8 of them; write sip:HOST";
    if (c->sip_peers.n > REACH_NETS)
        return "sip_peers: more than 32 networks; write fewer, wider ones";
    if (c->sip_tls_listen.n && (!*c->sip_tls_cert || !*c->sip_tls_key || !*c->sip_tls_ca))
        return "sip_tls_cert: TLS towards the core needs three files; write sip_tls_cert, sip_tls_key and sip_tls_ca";
    for (unsigned i = 0; i < c->next_hop.n; i++)
        if (!c->sip_tls_listen.n && (!strncmp(c->next_hop.v[i], "sips:", 5) || strcasestr(c->next_hop.v[i], ";transport=tls")))
            return "sip_tls_listen: next_hop is TLS; write the address that alg uses for it";
    return NULL;
}

/* What no single key can say. */
static int check_whole(const struct alg_conf *c, const char *path, char *err, size_t errsize)
{
    const char *why = NULL;

    if (c->gateways.n == 0)
        why = "gateways: no gateway may register; write a row, - from: ADDRESS";
    else if (c->ws_listen.n + c->wss_listen.n == 0)
        why = "ws_listen: no listener at all; write an address into ws_listen or wss_listen";
    else if (c->ws_listen.n + c->wss_listen.n > 4)
        why = "wss_listen: more than 4 listeners; write fewer into ws_listen and wss_listen";
    else
        why = check_core(c);
    if (!why && !*c->ws_cert != !*c->ws_key)
        why = "ws_key: certificate and key go together; write both or neither";
    if (!why && c->turn_servers.n > 8)
        why = "turn_servers: more than 8; write fewer";
    else if (!why && c->turn_servers.n && !*c->turn_secret_file)
        why = "turn_secret_file: turn_servers want the secret that is shared with them; write the name of its file";
    for (unsigned i = 0; i < c->web_domains.n && !why; i++) {
        const struct alg_domain_row *row = (const struct alg_domain_row *)c->web_domains.v + i;

        if (!strcmp(row->way, "pbx") && (!*row->pilot || !*row->password_file))
            why = "web_domains: way pbx needs pilot and password_file; write both";
        else if (strcmp(row->way, "relay") && (strcmp(row->login, "password") || !strcmp(row->way, "trusted-node")) &&
                 !c->token_keys.n)
            why = "web_domains: login by token needs a key; write a row into token_keys";
    }
    if (c->web_domains.n > 16 || c->token_keys.n > 16)
        why = "web_domains: more than 16 rows here or in token_keys; write fewer";
    if (!why)
        return 0;
    snprintf(err, errsize, "%s:1: %s", path ? path : "(defaults)", why);
    return -EINVAL;
}

int alg_conf_load(struct alg_conf *c, const char *path, char *err, size_t errsize)
{
    int e;

    memset(c, 0, sizeof *c);
    e = conf_load(keys, path, c, err, errsize);
    if (!e)
        e = check_whole(c, path, err, errsize);
    if (e)
        alg_conf_free(c);
    return e;
}

void alg_conf_free(struct alg_conf *c)
{
    conf_free(keys, c);
}

void alg_conf_help(struct buf *out)
{
    conf_help(keys, out);
}
