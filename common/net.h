/* Network addresses and sockets. Pure but for the net_* calls that make a socket. Any thread. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/sv.h"

/* Milliseconds of the monotonic clock; modules get it as `now`, only loops read it (net_now_ms). */
typedef uint64_t msec_t;
#define MSEC_NEVER UINT64_MAX
msec_t net_now_ms(void);

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } u;
};

#define ADDR_STRLEN 64 /* enough for addr_str and addr_host with NUL */

int addr_parse(struct addr *a, struct sv host, uint16_t port); /* numeric v4 or v6 only; -EINVAL */
int addr_parse_hostport(struct addr *a, struct sv text, uint16_t def_port); /* "1.2.3.4:5", "[::1]:5", no names */
int addr_resolve(struct addr *a, const char *host, uint16_t port); /* getaddrinfo, blocking: start-up only */
const char *addr_str(const struct addr *a, char out[ADDR_STRLEN]);  /* "1.2.3.4:5" or "[::1]:5" */
const char *addr_host(const struct addr *a, char out[ADDR_STRLEN]); /* without the port */
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_eq(const struct addr *a, const struct addr *b);      /* family, address, port and connection */
bool addr_eq_host(const struct addr *a, const struct addr *b); /* family and address */
bool addr_is_v6(const struct addr *a);
bool addr_is_any(const struct addr *a); /* the wildcard address */
socklen_t addr_len(const struct addr *a);

/* A peer on a TCP connection is another one than who sends datagrams from the same address and port: its address names the
 * connection, too. 0: none, datagrams. It stands in octets that the system leaves 0 (sin_zero, sin6_flowinfo). */
void addr_set_conn(struct addr *a, uint32_t conn);
static inline uint32_t addr_conn(const struct addr *a)
{
    uint32_t conn;

    memcpy(&conn, a->u.sa.sa_family == AF_INET6 ? (const void *)&a->u.in6.sin6_flowinfo : a->u.in4.sin_zero, sizeof conn);
    return conn;
}
bool addr_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits); /* of octets in network order */

struct addr_net { /* an address and how many of its leading bits count */
    struct addr addr;
    unsigned bits;
};

int addr_net_parse(struct addr_net *net, const char *text); /* "192.0.2.20", "192.0.2.0/24", "2001:db8::/32"; -EINVAL */
bool addr_in_net(const struct addr *a, const struct addr_net *net);

/* Raises the soft limit of descriptors towards `want`, as far as the hard one lets. What it is now. Start-up only. */
uint64_t net_files(uint64_t want);

/* A bound non-blocking, close-on-exec UDP socket, or a listening TCP socket. Returns the fd or -errno.
 * *local is updated with the port the kernel chose when it was 0. */
int net_udp(struct addr *local);
int net_tcp_listen(struct addr *local, int backlog);
/* Starts a non-blocking connect; bind is NULL or the local address. Returns the fd or -errno. */
int net_tcp_connect(const struct addr *to, const struct addr *bind);
