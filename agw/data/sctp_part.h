/* What sctp.c, sctp_event.c and nobody else know of an association. */
#pragma once

#include "agw/data/sctp.h"

struct socket; /* usrsctp's */

struct packet {
    struct packet *prev, *next;
    size_t n;
    uint8_t p[];
};

struct sctp_lib {
    struct sctp *ready; /* DL list by prev, next */
    uint8_t rx[SCTP_MSG_MAX];
};

struct sctp {
    struct sctp *prev, *next; /* lib->ready */
    struct sctp_lib *lib;
    struct socket *so;
    size_t slot;
    void *owner;
    size_t rx_max;
    uint16_t local_port;
    struct packet *out, *out_cur; /* to be pulled; the one handed out last */
    unsigned n_out;
    struct packet *early;         /* came before sctp_connect */
    uint8_t *part;                /* a message that comes in parts (RFC 6458 8.1.20) */
    size_t part_len, part_size;
    bool part_drop;
    uint16_t *resets;             /* of one notification, still to be reported */
    size_t n_resets;
    enum sctp_what reset_what;
    bool listed, paused, blocked, progress, connected, lost, lost_told, by_peer;
    const char *why;
};

/* Both under the lock. */
void sctp_lose(struct sctp *s, const char *why); /* the first reason counts */
bool sctp_event_take(struct sctp *s, struct sctp_ev *ev); /* what sctp_next returns */
