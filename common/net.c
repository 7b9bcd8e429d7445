#include "common/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

msec_t net_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (msec_t)ts.tv_sec * 1000 + (msec_t)ts.tv_nsec / 1000000;
}

int addr_parse(struct addr *a, struct sv host, uint16_t port)
{
    struct addr made;
    char text[ADDR_STRLEN];

    if (host.n == 0 || host.n >= sizeof text || memchr(host.p, '\0', host.n))
        return -EINVAL;
    sv_copy(host, text, sizeof text);
    memset(&made, 0, sizeof made);
    if (inet_pton(AF_INET, text, &made.u.in4.sin_addr) == 1)
        made.u.in4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &made.u.in6.sin6_addr) == 1)
        made.u.in6.sin6_family = AF_INET6;
    else
        return -EINVAL;
    addr_set_port(&made, port);
    *a = made;
    return 0;
}

int addr_parse_hostport(struct addr *a, struct sv text, uint16_t def_port)
{
    struct sv host = text, port = SV_NONE;
    uint32_t number = def_port;

    if (text.n > 0 && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        size_t inner;

        if (!end)
            return -EINVAL;
        inner = (size_t)(end - text.p);
        host = (struct sv){text.p + 1, inner - 1};
        port = (struct sv){end + 1, text.n - inner - 1};
        if (!memchr(host.p, ':', host.n)) /* brackets are for IPv6 alone */
            return -EINVAL;
    } else {
        const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;

        /* more than one colon without brackets: an IPv6 address without a port */
        if (colon && !memchr(colon + 1, ':', (size_t)(text.p + text.n - colon - 1))) {
            host.n = (size_t)(colon - text.p);
            port = (struct sv){colon, text.n - host.n};
        }
    }
    if (port.n > 0) {
        if (port.p[0] != ':' || sv_u32((struct sv){port.p + 1, port.n - 1}, UINT16_MAX, &number))
            return -EINVAL;
    }
    return addr_parse(a, host, (uint16_t)number);
}

int addr_resolve(struct addr *a, const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *res = NULL;
    int err;

    if (addr_parse(a, sv_from(host), port) == 0)
        return 0;
    err = getaddrinfo(host, NULL, &hints, &res);
    if (err)
        return err == EAI_MEMORY ? -ENOMEM : err == EAI_AGAIN ? -EAGAIN : -ENOENT;
    memset(a, 0, sizeof *a);
    if (res->ai_addrlen <= sizeof a->u)
        memcpy(&a->u, res->ai_addr, res->ai_addrlen);
    addr_set_port(a, port);
    freeaddrinfo(res);
    return 0;
}

const char *addr_host(const struct addr *a, char out[ADDR_STRLEN])
{
    const void *bytes = addr_is_v6(a) ? (const void *)&a->u.in6.sin6_addr : &a->u.in4.sin_addr;

    if (!inet_ntop(addr_is_v6(a) ? AF_INET6 : AF_INET, bytes, out, ADDR_STRLEN))
        out[0] = '\0';
    return out;
}

const char *addr_str(const struct addr *a, char out[ADDR_STRLEN])
{
    char host[ADDR_STRLEN];

    addr_host(a, host);
    snprintf(out, ADDR_STRLEN, addr_is_v6(a) ? "[%.46s]:%u" : "%.46s:%u", host, addr_port(a));
    return out;
}

uint16_t addr_port(const struct addr *a)
{
    return ntohs(addr_is_v6(a) ? a->u.in6.sin6_port : a->u.in4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
    if (addr_is_v6(a))
        a->u.in6.sin6_port = htons(port);
    else
        a->u.in4.sin_port = htons(port);
}

bool addr_eq_host(const struct addr *a, const struct addr *b)
{
    if (a->u.sa.sa_family != b->u.sa.sa_family)
        return false;
    if (addr_is_v6(a))
        return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, 16) == 0;
    return a->u.in4.sin_addr.s_addr == b->u.in4.sin_addr.s_addr;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return addr_eq_host(a, b) && addr_port(a) == addr_port(b) && addr_conn(a) == addr_conn(b);
}

void addr_set_conn(struct addr *a, uint32_t conn)
{
    memcpy(addr_is_v6(a) ? (void *)&a->u.in6.sin6_flowinfo : a->u.in4.sin_zero, &conn, sizeof conn);
}

bool addr_is_v6(const struct addr *a)
{
    return a->u.sa.sa_family == AF_INET6;
}

bool addr_is_any(const struct addr *a)
{
    if (addr_is_v6(a))
        return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
    return a->u.in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

socklen_t addr_len(const struct addr *a)
{
    return addr_is_v6(a) ? sizeof a->u.in6 : sizeof a->u.in4;
}

bool addr_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    const unsigned octets = bits / 8, left = bits % 8;

    return memcmp(a, b, octets) == 0 && (left == 0 || (a[octets] ^ b[octets]) >> (8 - left) == 0);
}

int addr_net_parse(struct addr_net *net, const char *text)
{
    struct sv rest = sv_from(text), host = sv_cut(&rest, '/');
    struct addr_net made;
    uint32_t bits;

    if (addr_parse(&made.addr, host, 0))
        return -EINVAL;
    made.bits = addr_is_v6(&made.addr) ? 128 : 32;
    if (rest.p) {
        if (sv_u32(rest, made.bits, &bits))
            return -EINVAL;
        made.bits = bits;
    }
    *net = made;
    return 0;
}

bool addr_in_net(const struct addr *a, const struct addr_net *net)
{
    if (a->u.sa.sa_family != net->addr.u.sa.sa_family)
        return false;
    if (addr_is_v6(a))
        return addr_same_bits(a->u.in6.sin6_addr.s6_addr, net->addr.u.in6.sin6_addr.s6_addr, net->bits);
    return addr_same_bits((const uint8_t *)&a->u.in4.sin_addr, (const uint8_t *)&net->addr.u.in4.sin_addr, net->bits);
}

static int socket_of(const struct addr *a, int type)
{
    int fd = socket(a->u.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int bind_to(int fd, struct addr *local)
{
    socklen_t n = sizeof local->u;
    const int one = 1;

    /* "::" must not swallow a port of "0.0.0.0" that another realm owns */
    if (addr_is_v6(local) && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one))
        return -errno;
    if (bind(fd, &local->u.sa, addr_len(local)))
        return -errno;
    if (getsockname(fd, &local->u.sa, &n))
        return -errno;
    return 0;
}

uint64_t net_files(uint64_t want)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r))
        return 0;
    if (r.rlim_cur < want && r.rlim_cur < r.rlim_max) {
        const rlim_t was = r.rlim_cur;

        r.rlim_cur = want < r.rlim_max ? want : r.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &r))
            r.rlim_cur = was;
    }
    return r.rlim_cur;
}

int net_udp(struct addr *local)
{
    int fd = socket_of(local, SOCK_DGRAM), err;

    if (fd < 0)
        return fd;
    err = bind_to(fd, local);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

int net_tcp_listen(struct addr *local, int backlog)
{
    const int one = 1;
    int fd = socket_of(local, SOCK_STREAM), err = 0;

    if (fd < 0)
        return fd;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
        err = -errno;
    if (!err)
        err = bind_to(fd, local);
    if (!err && listen(fd, backlog))
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

int net_tcp_connect(const struct addr *to, const struct addr *bind_addr)
{
    const int one = 1;
    int fd = socket_of(to, SOCK_STREAM), err = 0;

    if (fd < 0)
        return fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        err = -errno;
    if (!err && bind_addr) {
        /* a local address whose port was used a moment ago must be usable again */
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
            bind(fd, &bind_addr->u.sa, addr_len(bind_addr)))
            err = -errno;
    }
    if (!err && connect(fd, &to->u.sa, addr_len(to)) && errno != EINPROGRESS)
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}
