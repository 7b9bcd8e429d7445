/* agw's configuration keys. */
#include "agw/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/ctl/limits.h"
#include "common/conf_value.h"

/* --- values --- */

int agw_conf_ports(const char *text, uint16_t *lo, uint16_t *hi)
{
    struct sv rest = sv_from(text), first = sv_cut(&rest, '-');
    uint32_t a, b;

    if (sv_u32(sv_trim(first), UINT16_MAX - 1, &a) || sv_u32(sv_trim(rest), UINT16_MAX - 1, &b) ||
        a < 1024 || a > b)
        return -EINVAL;
    *lo = (uint16_t)a;
    *hi = (uint16_t)b;
    return 0;
}

static int check_address(const char *value, char *why, size_t size)
{
    struct addr a;

    if (addr_parse(&a, sv_from(value), 0) == 0 && !addr_is_any(&a))
        return 0;
    snprintf(why, size, "a numeric address of this host, for example 192.0.2.20");
    return -EINVAL;
}

static int check_address6(const char *value, char *why, size_t size)
{
    struct addr a;

    if (!*value || (addr_parse(&a, sv_from(value), 0) == 0 && addr_is_v6(&a) && !addr_is_any(&a)))
        return 0;
    snprintf(why, size, "a numeric IPv6 address of this host, or \"\" for none");
    return -EINVAL;
}

static int check_engine(const char *value, char *why, size_t size)
{
    if (strcmp(value, "openssl") == 0 || strcmp(value, "libsrtp") == 0)
        return 0;
    snprintf(why, size, "openssl or libsrtp");
    return -EINVAL;
}

static int check_auto(const char *value, char *why, size_t size)
{
    if (strcmp(value, "auto") == 0 || strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
        return 0;
    snprintf(why, size, "auto, on or off");
    return -EINVAL;
}

static int check_ports(const char *value, char *why, size_t size)
{
    uint16_t lo, hi;

    if (agw_conf_ports(value, &lo, &hi) == 0)
        return 0;
    snprintf(why, size, "LOW-HIGH from 1024 to 65534, for example 16384-23999");
    return -EINVAL;
}

/* A level of a TerminationID (H.248.1 annex B), lower case as those ids fold case. */
static int check_interface(const char *value, char *why, size_t size)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (n > 0 && n <= CTL_INTERFACE_LEN && !value[n])
        return 0;
    snprintf(why, size, "1 to %d of a-z 0-9 _, for example core", CTL_INTERFACE_LEN);
    return -EINVAL;
}

static int check_port(const char *value, char *why, size_t size)
{
    uint32_t port;

    if (sv_u32(sv_from(value), UINT16_MAX, &port) == 0 && port > 0)
        return 0;
    snprintf(why, size, "a port, for example 80");
    return -EINVAL;
}

static int check_name(const char *value, char *why, size_t size)
{
    size_t n = strlen(value);

    if (n > 0 && n < 64 && !strpbrk(value, " \t\"{}"))
        return 0;
    snprintf(why, size, "1 to 63 characters without blanks, quotes and braces");
    return -EINVAL;
}

static int check_net(const char *value, char *why, size_t size)
{
    struct addr_net net;

    if (addr_net_parse(&net, value) == 0)
        return 0;
    snprintf(why, size, "a network, for example 10.0.0.0/8 or 2001:db8::/32");
    return -EINVAL;
}

/* --- keys --- */

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x) /* a number of limits.h as YAML */
#define STR(k, f, d, c, h)                                                                         \
    {                                                                                              \
        .name = k, .type = CONF_STR, .offset = offsetof(struct agw_conf, f), .def = d, .check = c, \
        .help = h                                                                                  \
    }
#define INT(k, f, d, lo, hi, h)                                                                    \
    {                                                                                              \
        .name = k, .type = CONF_INT, .offset = offsetof(struct agw_conf, f), .def = d, .min = lo,  \
        .max = hi, .help = h                                                                       \
    }
#define ROW(k, d, c, h)                                                                            \
    {                                                                                              \
        .name = #k, .type = CONF_STR, .offset = offsetof(struct agw_realm_row, k), .def = d,       \
        .check = c, .help = h                                                                      \
    }

#define NETS(k, h)                                                                                 \
    {                                                                                              \
        .name = #k, .type = CONF_STRS, .offset = offsetof(struct agw_realm_row, k), .def = "[]",   \
        .check = check_net, .help = h                                                              \
    }

static const struct conf_key realm_keys[] = {
    ROW(name, "core.example.net", check_name, "IP realm, as the controller names it (ipdc/realm)"),
    ROW(interface, "core", check_interface, "third level of the TerminationIDs: ip/1/core/7"),
    ROW(address, "127.0.0.1", check_address, "local address of all endpoints of the realm"),
    ROW(address6, "\"\"", check_address6, "a second one of IPv6; empty: none"),
    ROW(ports, "24000-31999", check_ports, "local ports, UDP and TCP"),
    ROW(peer, "core", check_name, "name of the other side in traces"),
    NETS(peers_allow,
         "networks that may be peers besides public addresses and those of the realm's own kind (loopback, private): "
         "SDP, candidates, sources of ICE and latching"),
    NETS(peers_deny, "networks that may not, for example those of the operator's own servers"),
    {.name = "any_source",
     .type = CONF_BOOL,
     .offset = offsetof(struct agw_realm_row, any_source),
     .def = "false",
     .help = "take TCP connections from other addresses than the signalled one"},
    {.name = "shared_port",
     .type = CONF_BOOL,
     .offset = offsetof(struct agw_realm_row, shared_port),
     .def = "true",
     .help = "ICE streams of a worker share one UDP port; false: each has its own"},
    {.name = "ice_tcp",
     .type = CONF_STRS,
     .offset = offsetof(struct agw_realm_row, ice_tcp),
     .def = "[]",
     .check = check_port,
     .help = "ports that all ICE streams take TCP on, too, for browsers behind firewalls: [80], [443, 80]; at most 7"},
    {.name = "ice_tcp_port",
     .type = CONF_BOOL,
     .offset = offsetof(struct agw_realm_row, ice_tcp_port),
     .def = "false",
     .help = "and one of `ports`, tried by browsers before those"},
    ROW(ice_tcp_web, "\"\"", conf_check_hostport_or_none,
        "web server that HTTP requests on them are handed to, HOST:PORT; empty: they get a 400"),
    {.name = NULL},
};

static const struct conf_key keys[] = {
    STR("mid", mid, "agw1.example.net", check_name, "own message identifier: a domain name"),
    {.name = "mgc",
     .type = CONF_STRS,
     .offset = offsetof(struct agw_conf, mgc),
     .def = "[\"udp:127.0.0.1:2944\"]",
     .check = conf_check_udp,
     .help = "controllers (alg) in order of preference, at most 8: udp:HOST:PORT"},
    STR("listen", listen, "udp:127.0.0.1:2946", conf_check_udp, "own H.248 address: udp:HOST:PORT"),
    STR("profile", profile, "openiq", check_name, "profile name in ServiceChange"),
    INT("profile_version", profile_version, "1", 1, 99, "its version"),
    INT("version", version, "2", 1, 3, "H.248 protocol version offered"),
    STR("encoding", encoding, "pretty", conf_check_encoding,
        "long tokens and lines (pretty) or short tokens (compact)"),
    {.name = "realms",
     .type = CONF_TABLE,
     .offset = offsetof(struct agw_conf, realms),
     .def = "[{name: core.example.net, interface: core, address: 127.0.0.1, ports: 24000-31999, "
            "peer: core}, "
            "{name: access.example.net, interface: access, address: 127.0.0.1, ports: 16384-23999, "
            "peer: wic}]",
     .row = realm_keys,
     .row_size = sizeof(struct agw_realm_row),
     .help = "IP realms; the first is the default"},
    INT("workers", workers, "0", 0, CTL_WORKERS,
        "packet threads; 0 = number of cores - 1, at least 1"),
    STR("srtp_engine", srtp_engine, "openssl", check_engine,
        "who encrypts SRTP: openssl, or libsrtp (slower, see docs/media-path.md)"),
    STR("receive_ring", receive_ring, "auto", check_auto,
        "all sockets receive into one ring of memory (BPF): auto = with CAP_BPF"),
    STR("raw_send", raw_send, "auto", check_auto,
        "one raw socket sends for all streams with a port of their own: auto = with CAP_NET_RAW"),
    INT("gather", gather, "0", 0, 5000,
        "from 4000 packets/s on a packet may wait so long for others, microseconds; 0 = never"),
    INT("max_contexts", max_contexts, TEXT(CTL_CONTEXTS), 1, CTL_CONTEXTS_MAX,
        "contexts at a time; more: error 412"),
    INT("max_terminations", max_terminations, TEXT(CTL_TERMS), 1, CTL_TERMS_MAX,
        "terminations of a context; more: error 434"),
    INT("orphan_timeout", orphan_timeout, TEXT(CTL_ORPHAN_MS), 0, 86400000,
        "contexts are released after so long without a controller, ms; 0 = never"),
    INT("sctp_port", sctp_port, TEXT(CTL_SCTP_PORT), 1, 65535, "a=sctp-port of data channels"),
    INT("max_message_size", max_message_size, TEXT(CTL_MESSAGE_SIZE), 1024, CTL_MESSAGE_SIZE_MAX,
        "a=max-message-size, octets"),
    INT("cert_renew_days", cert_renew_days, "7", 1, 29,
        "the DTLS certificate is replaced so often; transports keep theirs"),
    INT("ice_timeout", ice_timeout, "30000", 1000, 600000,
        "a peer without ICE checks is lost after, ms"),
    INT("dtls_timeout", dtls_timeout, "30000", 1000, 600000,
        "a DTLS handshake is given up after, ms"),
    INT("sctp_timeout", sctp_timeout, "30000", 1000, 600000,
        "an SCTP association that is not up is given up after, ms"),
    INT("tcp_timeout", tcp_timeout, "10000", 500, 600000, "a TCP connect is given up after, ms"),
    INT("queue_size", queue_size, "262144", 65536, 16777216,
        "octets waiting for a slow side before its source is stopped"),
    INT("retransmit", retransmit, "500", 50, 10000, "first repeat of a request, ms (H.248.1 D.1)"),
    INT("retransmit_max", retransmit_max, "4000", 100, 60000, "longest pause between repeats, ms"),
    INT("sends_max", sends_max, "7", 1, 20, "a request is sent at most so often"),
    INT("request_timeout", request_timeout, "25000", 500, 120000,
        "a request without a reply is given up after, ms (T-MAX)"),
    INT("long_timer", long_timer, "30000", 1000, 300000,
        "replies are kept for repeats, ms (LONG-TIMER)"),
    INT("provisional", provisional, "2000", 100, 60000,
        "Pending is sent for a request unanswered for, ms"),
    INT("pending_limit", pending_limit, "5", 1, 100, "Pendings taken for one request"),
    INT("register_pause", register_pause, "500", 100, 60000,
        "first pause between registration rounds, ms"),
    INT("register_pause_max", register_pause_max, "10000", 100, 600000, "longest one, ms"),
    INT("silence", silence, "35000", 0, 3600000,
        "a controller that says nothing is lost after, ms; 0 = never"),
    STR("ops", ops, "127.0.0.1:9102", conf_check_hostport_or_none,
        "address of /health and /metrics; empty: none"),
    {.name = "ops_hosts",
     .type = CONF_STRS,
     .offset = offsetof(struct agw_conf, ops_hosts),
     .def = "[]",
     .check = check_name,
     .help = "names in Host of these besides addresses and localhost (against DNS rebinding)"},
    STR("log", log, "info", conf_check_log, "least level that is logged: debug, info, warn, error"),
    {.name = NULL},
};

/* --- rules across keys --- */

static int check_realm_pair(const struct agw_realm_row *a, const struct agw_realm_row *b, char *err,
                            size_t size)
{
    uint16_t alo, ahi, blo, bhi;

    if (strcmp(a->interface, b->interface) == 0 || strcasecmp(a->name, b->name) == 0) {
        snprintf(err, size, "realms: %s stands twice; write another name and interface", a->name);
        return -EINVAL;
    }
    agw_conf_ports(a->ports, &alo, &ahi);
    agw_conf_ports(b->ports, &blo, &bhi);
    if (alo <= bhi && blo <= ahi &&
        (strcmp(a->address, b->address) == 0 ||
         (*a->address6 && strcmp(a->address6, b->address6) == 0))) {
        snprintf(err, size, "realms: %s and %s share ports of %s; write ranges that do not overlap",
                 a->name, b->name, a->address);
        return -EINVAL;
    }
    return 0;
}

static int check_all(const struct agw_conf *c, char *err, size_t size)
{
    const struct agw_realm_row *r = c->realms.v;

    if (c->mgc.n == 0 || c->mgc.n > 8) {
        snprintf(err, size, "mgc: %u controllers; write 1 to 8", c->mgc.n);
        return -EINVAL;
    }
    if (c->realms.n == 0 || c->realms.n > CTL_REALMS) {
        snprintf(err, size, "realms: %u rows; write 1 to %d", c->realms.n, CTL_REALMS);
        return -EINVAL;
    }
    for (unsigned i = 0; i < c->realms.n; i++) {
        if (r[i].peers_allow.n > REACH_NETS || r[i].peers_deny.n > REACH_NETS) {
            snprintf(err, size, "realms: %s has more than %d networks in peers_allow or peers_deny; write fewer, wider ones",
                     r[i].name, REACH_NETS);
            return -EINVAL;
        }
        if (r[i].ice_tcp.n > AGW_CONF_ICE_TCP) {
            snprintf(err, size, "realms: %s has %u ports in ice_tcp; write at most %d", r[i].name, r[i].ice_tcp.n,
                     AGW_CONF_ICE_TCP);
            return -EINVAL;
        }
        for (unsigned k = 0; k < i; k++) {
            int bad = check_realm_pair(&r[k], &r[i], err, size);

            if (bad)
                return bad;
        }
    }
    return 0;
}

int agw_conf_load(struct agw_conf *c, const char *path, char *err, size_t errsize)
{
    int bad;

    memset(c, 0, sizeof *c);
    bad = conf_load(keys, path, c, err, errsize);
    if (bad)
        return bad;
    bad = check_all(c, err, errsize);
    if (bad)
        agw_conf_free(c);
    return bad;
}

void agw_conf_free(struct agw_conf *c)
{
    conf_free(keys, c);
    memset(c, 0, sizeof *c);
}

void agw_conf_help(struct buf *out)
{
    conf_help(keys, out);
}

void agw_conf_reach(const struct agw_realm_row *row, struct reach *out)
{
    struct addr own;

    memset(out, 0, sizeof *out);
    if (addr_parse(&own, sv_from(row->address), 0) == 0)
        reach_own(out, &own);
    if (*row->address6 && addr_parse(&own, sv_from(row->address6), 0) == 0)
        reach_own(out, &own);
    for (unsigned i = 0; i < row->peers_allow.n; i++)
        (void)reach_allow(out, row->peers_allow.v[i]); /* checked when it was loaded */
    for (unsigned i = 0; i < row->peers_deny.n; i++)
        (void)reach_deny(out, row->peers_deny.v[i]);
}

enum worker_way agw_conf_way(const char *text)
{
    if (strcmp(text, "off") == 0)
        return WORKER_OFF;
    return strcmp(text, "on") == 0 ? WORKER_ON : WORKER_AUTO;
}

unsigned agw_conf_workers(const struct agw_conf *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->workers)
        return (unsigned)c->workers;
    if (cores <= 2)
        return 1;
    return cores - 1 > CTL_WORKERS ? CTL_WORKERS : (unsigned)(cores - 1);
}
