/* Every limit of the SIP side in one table: what the network may make us spend. */
#pragma once

#define SIP_MSG_MAX (64 * 1024)       /* bytes of one SIP message, W2 and Mw */
#define SIP_LISTEN_MAX 4              /* addresses of ours towards the core: two families, with and without TLS */
#define HOPS_MAX 32                   /* next hops that names may resolve to, all together */
#define HOP_PEER_MS 40000             /* who was a next hop is listened to for so long at least: a transaction that it began */
#define HOP_TRIES_MAX 6               /* next hops that get one request before it is given up */
#define HOP_DATAGRAM_MAX 65000        /* octets that a UDP datagram to one holds: 65507, less what Sofia may add on the way */
#define HOP_BAR_MAX_S 600             /* longest Retry-After of a next hop that is honoured, seconds */
#define CORE_TLS_HANDSHAKE_MS 10000   /* from the connection to the whole handshake, whoever opened it */
#define CORE_TLS_SHAKING_MAX 256      /* that have none yet and came to us; over it the oldest go */
#define CORE_CONNS_PER_ADDRESS 256    /* connections that one address opens to us on the core's side */
#define CORE_CONNS_MAX 1024           /* ... and all that are no next hops, TCP and TLS each; fewer when descriptors are scarce */
#define CORE_FD_RESERVE 32            /* descriptors that these leave to gateways and operations */
#define CORE_MESSAGE_MS 32000         /* the first whole message on one has come by then (64 times T1), and later none trickles longer */
#define HOP_TTL_MIN_S 5               /* DNS: names are looked up again no sooner and no later than that, seconds */
#define HOP_TTL_MAX_S 3600
#define SIP_LINES_MAX 200             /* header lines of one message from a browser */
#define SIP_VALUE_MAX 4096            /* bytes of one header value that is kept beyond its message */
#define SIP_EARLY_MAX 8               /* early dialogs of one INVITE; answers of more forks are not taken */
#define SIP_REL_MAX 4                 /* reliable provisional answers of ours that wait for their PRACK */
#define SIP_FRAME_ROOM 512            /* what rewriting may add to a message */
#define WS_REQUEST_MAX 8192           /* bytes of the HTTP request of an upgrade */
#define WS_HANDSHAKE_S 10             /* default: from the connection to the whole HTTP request */
#define WS_SHAKING_MAX 2048           /* connections that have not sent it yet; over it, and over that of one address
                                         (ws_handshakes_per_address), the oldest goes ... */
#define WS_HANDSHAKE_SAFE_MS 1000     /* ... if it had so long: else it may be an honest one, and the new one is refused */
#define WS_USERS_MS 3600000            /* an address whose users registered so long ago at most comes in beside a flood (ws_new) */
#define WS_MESSAGE_S 30               /* a message that has begun is whole by then */
#define WS_FD_RESERVE 128             /* descriptors that WebSockets leave to the core, gateways, operations */
#define WS_SAY_MAX 10                 /* lines a second about refused and broken connections; the rest is one line with its number */
#define WS_OUT_HIGH (512 * 1024)      /* bytes queued towards a slow browser: stop reading from Sofia */
#define WS_OUT_LOW (64 * 1024)
#define WS_OUT_MAX (2 * WS_OUT_HIGH)  /* our own answers (400, pongs) are not held back: over it the connection is cut */
#define WS_IN_HIGH (512 * 1024)       /* bytes queued towards Sofia: stop reading from the browser */
#define RELAYS_PER_FLOW_MAX 16        /* REGISTERs and MESSAGEs of one browser that wait for the core; more: 503 */
#define REGC_PER_FLOW_MAX 4           /* REGISTERs of ours for one browser that wait for the core; more: 503 */
#define REG_BINDINGS_MAX 20000        /* bindings in all */
#define REG_PER_AOR_MAX 10            /* flows of one user */
#define REG_IMPUS_MAX 32              /* identities kept of one P-Associated-URI */
#define REG_INSTANCE_MAX 128          /* characters of an instance id (a URN, RFC 5626 4.1) that GRUUs are made of */
#define REG_EXPIRES_MAX 600000        /* seconds, TS 24.229 5.1.1.2 */
