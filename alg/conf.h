/* Configuration of alg: one table, printed by --help-conf. Text belongs to the struct (alg_conf_free). Start-up only. */
#pragma once

#include "common/conf.h"
#include "common/net.h"

struct alg_gateway_row { /* for admit_mid, admit_from */
    char *mid, *from;
};

struct alg_domain_row { /* for struct reg_way */
    char *domain, *way, *login, *token_server, *pilot, *impi, *password_file, *contact, *expires;
};

struct alg_token_row { /* for struct jwt_key_conf */
    char *kid, *alg, *file, *issuer, *audience;
};

struct alg_conf {
    char *mid, *h248_listen, *h248_encoding, *profile;
    struct conf_strs sip_listen, sip_tls_listen, sip_peers, next_hop;
    char *sip_host, *home_domain, *access_info;
    char *sip_tls_cert, *sip_tls_key, *sip_tls_ca;
    bool sip_tls_verify, sip_tls_mutual;
    struct conf_strs sip_tls_peers;
    char *resolv_conf;
    int64_t hop_options, hop_options_lost, hop_silent;
    char *ws_cert, *ws_key, *state_dir;
    struct conf_strs ws_listen, wss_listen, ws_hosts, ops_hosts, origins, turn_servers;
    char *turn_secret_file, *turn_by;
    bool turn_clear;
    int64_t turn_ttl;
    struct conf_rows gateways; /* struct alg_gateway_row */
    struct conf_rows web_domains, token_keys; /* struct alg_domain_row, alg_token_row */
    char *users_db;
    bool reg_event, origin_missing, resolve_routes, dtls_active, ice_tcp, plain_rtp, msrp_tcp, early_media, preconditions;
    bool access_ipv6, core_ipv6;
    char *access_interface, *access_realm, *core_interface, *core_realm;
    char *web_profile, *ice, *core_audio, *core_video;
    struct conf_strs audio_codecs, video_codecs, emergency_numbers;
    int64_t media_inactivity;
    char *ops, *log;
    int64_t profile_version, version, heartbeat;
    int64_t retransmit, retransmit_max, sends_max, request_timeout, long_timer, provisional, pending_limit, release_tries;
    int64_t ws_handshake, ws_handshakes_per_address, ws_new, ws_new_per_address;
    int64_t ws_max_connections, ws_max_per_address, ws_max_message, ws_ping, ws_no_register;
    int64_t orphan, flow_recovery, reopen, max_calls, no_answer, hanging;
};

/* path NULL: defaults. 0, or -errno with the reason in err. Everything was checked: the readers below cannot fail then. */
int alg_conf_load(struct alg_conf *c, const char *path, char *err, size_t errsize);
void alg_conf_free(struct alg_conf *c);
void alg_conf_help(struct buf *out);
