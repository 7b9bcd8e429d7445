/* Every bound of the control thread, in one place. Those named "default" have a key in agw/conf.c.
 */
#pragma once

#define CTL_CONTEXTS     10000   /* default: contexts; more: error 412 */
#define CTL_TERMS        8       /* default: terminations of a context; more: error 434 */
#define CTL_CONTEXTS_MAX 1000000 /* highest that may be configured */
#define CTL_TERMS_MAX    64
#define CTL_REALMS       16 /* realms */
#define CTL_WORKERS      64 /* packet workers */
#define CTL_TOTALS       13 /* rows of the totals of RTP (stats.c) */
#define CTL_INTERFACE_LEN                                                                          \
    24 /* octets of an interface name: a TerminationID has 64 (H.248.1 annex B) */
#define CTL_NOTIFY           4096 /* NOTIFY requests without a reply; more are dropped and counted */
#define CTL_TERM_BYTES       (96u << 10) /* octets that the description of one termination may take */
#define CTL_PORT_TRIES       64 /* ports tried for one endpoint when others hold them; then error 510 */
#define CTL_PORT_REST        64 /* single ports that rest before they are used again; till then pairs are broken */
#define CTL_ICE_TCP          16 /* addresses of a realm that take ICE-TCP: ports times families */
#define CTL_TCP_BACKLOG      64     /* an endpoint takes one connection; so many strangers before its peer is known */
#define CTL_MESSAGE_SIZE     262144 /* default: a=max-message-size that we answer */
#define CTL_MESSAGE_SIZE_MAX (16u << 20)
#define CTL_SCTP_PORT        5000   /* default: a=sctp-port that we answer */
#define CTL_ORPHAN_MS        120000 /* default: contexts of a silent controller are kept that long */
#define CTL_HEARTBEAT_MAX    604800 /* seconds of hangterm/thb: one week */
#define CTL_INACTIVITY_MAX   86400  /* seconds of adid/ipstop that are counted; more means a day */
#define CTL_PEER_REFUSED     449    /* error for a Remote address that the realm does not allow */
#define CTL_TICK_MS          500    /* pace of heartbeats and supervision */
