/* Configuration of agw: one table, printed by --help-conf. Text belongs to the struct
 * (agw_conf_free). Start-up only. */
#pragma once

#include "agw/media/worker.h"
#include "common/conf.h"
#include "common/net.h"
#include "common/reach.h"

#define AGW_CONF_ICE_TCP 7 /* ports: with one of `ports`, two families: CTL_ICE_TCP */

struct agw_realm_row {
    char *name, *interface, *address, *address6, *ports, *peer;
    struct conf_strs peers_allow, peers_deny;
    struct conf_strs ice_tcp; /* ports */
    char *ice_tcp_web;
    bool any_source, shared_port, ice_tcp_port;
};

struct agw_conf {
    char *mid, *listen, *profile, *encoding, *log, *ops, *srtp_engine, *raw_send, *receive_ring;
    struct conf_strs mgc, ops_hosts;
    struct conf_rows realms; /* struct agw_realm_row */
    int64_t profile_version, version, workers, gather;
    int64_t max_contexts, max_terminations, orphan_timeout, sctp_port, max_message_size;
    int64_t cert_renew_days, ice_timeout, dtls_timeout, tcp_timeout, sctp_timeout, queue_size;
    int64_t retransmit, retransmit_max, sends_max, request_timeout, long_timer, provisional,
        pending_limit;
    int64_t register_pause, register_pause_max, silence;
};

/* path NULL: defaults. 0, or -errno with the reason in err. Everything was checked: the readers
 * below cannot fail then. */
int agw_conf_load(struct agw_conf *c, const char *path, char *err, size_t errsize);
void agw_conf_free(struct agw_conf *c);
void agw_conf_help(struct buf *out);

/* Who may be a peer in the realm. */
void agw_conf_reach(const struct agw_realm_row *row, struct reach *out);
/* "16384-23999". 0, -EINVAL. */
int agw_conf_ports(const char *text, uint16_t *lo, uint16_t *hi);
enum worker_way agw_conf_way(const char *text); /* of raw_send and receive_ring */
unsigned agw_conf_workers(const struct agw_conf *c); /* 0 = cores - 1, at least 1 */
