/* What we are to the core: addresses that we listen at, the URIs and hosts that name them in Via, Contact and Path, and TLS
 * (RFC 3261 26.3, RFC 5922). Inside alg/sip only. Main thread. */
#pragma once

#include "alg/sip/sip.h"

enum self_proto { SELF_UDP, SELF_TCP, SELF_TLS };

struct self {
    char *host; /* as in a URI: a name, 192.0.2.1, [2001:db8::1] */
    struct addr at; /* with the port that it got */
    bool tls;
};

struct self_how { /* how the other side is reached: what we are called must lead back the same way */
    enum self_proto proto;
    bool v6;
};

struct agent;

/* The core's agent with all its listeners. -EADDRINUSE; -EINVAL: TLS files that do not do, said in the log. */
int self_open(struct sip *s, struct agent *a, const struct sip_conf *conf);
void self_close(struct sip *s); /* the texts only; the agent is its owner's */
const struct self *self_for(const struct sip *s, struct self_how how); /* never NULL after self_open */
/* "sip:USER@HOST:PORT;transport=tcp"; of udp without transport, as RFC 3261 19.1.1's default; user NULL: none. Returns out. */
#define SELF_URI_MAX 400
const char *self_uri(char out[SELF_URI_MAX], const struct sip *s, const char *user, struct self_how how);
/* Of the TCP or TLS listener behind a socket's own address; NULL: none of ours, though another listener, or a connection that we
 * opened, may have the same port at another address. */
const struct self *self_at(const struct sip *s, const struct addr *own);
const char *self_host(const struct sip *s); /* the first one's */
bool self_is(const struct sip *s, const char *host, const char *port); /* port NULL: any of ours */
