/* struct alg: everything of the one process, wired in main.c. Main thread only. */
#pragma once

#include <uv.h>

#include "alg/sip/reg.h"
#include "alg/sip/sip.h"

struct mgc;
struct calls;
struct ops;
struct trace;
struct state;
struct users;
struct jwt_keys;
struct turn;
struct alg_conf;

struct alg {
    struct alg_conf *conf;
    uv_loop_t loop;
    struct state *state; /* alg/users: what outlives a restart */
    struct users *users; /* NULL: every browser has its own IMS credentials */
    struct jwt_keys *tokens;
    struct turn *turn;   /* NULL: browsers get no TURN credentials */
    struct sip *sip;     /* alg/sip/sip.c: nta agent and WebSocket bridge */
    struct reg *reg;
    struct mgc *mgc;
    struct calls *calls; /* alg/call/call.c */
    struct ops *ops;
    struct trace *trace;
};
