/* Who may speak to the WebSocket server: Origin and Host of a request; how much is said about those who may not. */
#include <strings.h>

#include "alg/sip/sip_limits.h"
#include "alg/sip/ws_conn.h"

bool ws_origin_ok(const struct ws *w, const struct ws_request *r)
{
    if (!r->has_origin)
        return w->conf.origin_missing_ok;
    for (unsigned i = 0; i < w->conf.n_origins; i++)
        if (!strcmp(w->origins[i], "*") || sv_is(r->origin, w->origins[i]))
            return true;
    return false;
}

/* RFC 9110 7.2: uri-host [ ":" port ]. The port is not looked at: something in front may listen on another. */
static struct sv host_of(struct sv value)
{
    const char *end;

    if (value.n && value.p[0] == '[') {
        end = memchr(value.p, ']', value.n);
        return end ? (struct sv){value.p + 1, (size_t)(end - value.p) - 1} : SV_NONE;
    }
    value = sv_cut(&value, ':');
    if (value.n > 1 && value.p[value.n - 1] == '.')
        value.n--;
    return value;
}

/* The address that the connection came to; a socket of both families has IPv4 as a mapped one. */
static bool local_of(int fd, struct addr *out)
{
    socklen_t n = sizeof out->u;
    struct addr v4 = {.u.in4.sin_family = AF_INET};

    if (getsockname(fd, &out->u.sa, &n))
        return false;
    if (addr_is_v6(out) && IN6_IS_ADDR_V4MAPPED(&out->u.in6.sin6_addr)) {
        memcpy(&v4.u.in4.sin_addr, out->u.in6.sin6_addr.s6_addr + 12, 4);
        *out = v4;
    }
    return true;
}

static bool is_loopback(const struct addr *a)
{
    return addr_is_v6(a) ? IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr) : ntohl(a->u.in4.sin_addr.s_addr) >> 24 == 127;
}

bool ws_host_ok(const struct ws *w, int fd, struct sv value)
{
    const struct sv host = host_of(value);
    struct addr said, local;
    char text[256];

    for (unsigned i = 0; i < w->conf.n_hosts; i++)
        if (!strcmp(w->hosts[i], "*") || sv_iis(host, w->hosts[i]))
            return true;
    if (!host.n || host.n >= sizeof text || memchr(host.p, 0, host.n) || !local_of(fd, &local))
        return false;
    if (addr_parse(&said, host, 0) == 0 && addr_eq_host(&said, &local))
        return true;
    sv_copy(host, text, sizeof text);
    return (is_loopback(&local) && !strcasecmp(text, "localhost")) || (w->name && !strcasecmp(text, w->name)) ||
           ws_cert_is_for(w->leaf, text);
}

bool ws_may_say(struct ws *w)
{
    if (w->said < WS_SAY_MAX) {
        w->said++;
        return true;
    }
    w->unsaid++;
    return false;
}

void ws_end_fd(int fd)
{
    shutdown(fd, SHUT_RDWR);
}
