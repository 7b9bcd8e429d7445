/* Headers at the border between a browser and the core: what is stripped, what is added (TS 24.229 4.4, 4.5.2, 5.2;
 * RFC 3327, 3455, 3608). Inside alg/sip only. */
#pragma once

#include "alg/sip/agent.h"

void route_strip_from_wic(msg_t *msg, sip_t *sip); /* a browser may not claim what the trust domain says */
void route_strip_to_wic(msg_t *msg, sip_t *sip);   /* the core's own matters */
/* Of a message of the core, on its way to a browser: header fields that name the core's addresses, or those by which the core
 * knows us, go, known or not. `in` is what came, with its Vias and routes. */
void route_hide(const struct sip *s, const sip_t *in, msg_t *msg, sip_t *sip);
/* "icid-value=...": a new one for each request (TS 24.229 4.5.2). */
char *route_charging(su_home_t *home, const char *host, const char *domain);
void route_add(msg_t *msg, sip_t *sip, const char *name, const char *value); /* at the end */
/* What the WIC says of its access network stays, but not as the network's word; ours is added (RFC 7315 5.4). */
void route_access(msg_t *msg, sip_t *sip, const char *ours);
void route_private(msg_t *msg, sip_t *sip); /* Privacy: id ends an identity at the border (RFC 3325 7) */
void route_forward(msg_t *msg, sip_t *sip); /* Via, Route, Record-Route go; Max-Forwards - 1 */
