/* Who may connect to the WebSocket server, before a word is read: how many connections an address and all together may begin
 * in a second, how many handshakes may be under way and for how long, how many descriptors stay free. When something is full
 * the oldest that has proved nothing makes room, so that whoever occupies places without using them keeps none.
 * Connections are known by their descriptor, since TLS goes before libwebsockets tells of them. Sans-IO: whoever has to go is
 * named, the caller ends it. Owner: struct ws. Main thread. */
#pragma once

#include "common/net.h"

struct ws_admit;

struct ws_admit_conf {
    unsigned conns;              /* connections open */
    unsigned shaking, shaking_per_addr; /* handshakes under way */
    unsigned rate, rate_per_addr;/* new connections a second; twice as many at once */
    unsigned handshake_ms;       /* from the connection to the whole request */
    int fd_max;                  /* a descriptor from here on is the reserve of others */
};

enum ws_admit_verdict { WS_ADMIT_OK, WS_ADMIT_RATE, WS_ADMIT_RATE_ADDR, WS_ADMIT_SHAKING,
                        WS_ADMIT_SHAKING_ADDR, WS_ADMIT_FDS, WS_ADMIT_NOMEM };

int ws_admit_new(struct ws_admit **ap, const struct ws_admit_conf *conf);
void ws_admit_free(struct ws_admit *a);
/* A connection was accepted. OK: it is a guest until ws_admit_left; else it is to be closed. *victim is the descriptor of one
 * that has to go to make room, -1: none. IPv6 addresses count by their /64: a host has all of it. */
enum ws_admit_verdict ws_admit_connect(struct ws_admit *a, int fd, const struct addr *peer, msec_t now, int *victim);
/* Its handshake is done. false: too many are open, and none of them may go. *victim as above. */
bool ws_admit_open(struct ws_admit *a, int fd, int *victim);
/* It registered: it does not have to go for others any more, and its address is not counted among those that have `rate`
 * together, for WS_USERS_MS. */
void ws_admit_known(struct ws_admit *a, int fd, msec_t now);
void ws_admit_left(struct ws_admit *a, int fd);
unsigned ws_admit_of_addr(const struct ws_admit *a, int fd); /* open connections of its address */
bool ws_admit_is_shaking(const struct ws_admit *a, int fd);
/* The next one whose handshake takes too long; -1: none. It is named once. */
int ws_admit_overdue(struct ws_admit *a, msec_t now);
void ws_admit_tick(struct ws_admit *a, msec_t now); /* every second or so: addresses that did nothing are forgotten */
const char *ws_admit_why(enum ws_admit_verdict v);
