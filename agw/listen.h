/* The ports on which the realms take ICE-TCP (RFC 6544; TS 33.203 W.3): one listening socket for each and address family, for
 * all calls. Start-up only; the control thread. */
#pragma once

#include "agw/conf.h"
#include "agw/ctl/ctl.h"
#include "agw/media/door.h"
#include "agw/media/media_limits.h"

struct listen_set {
    unsigned n;
    struct door_listener v[MEDIA_DOOR_LISTENERS];
};

/* Opens those of a realm and notes them in r->tcp, best first. A port that cannot be had is left out, with a line: its streams
 * have the other candidates. */
void listen_open(struct realm_conf *r, unsigned realm, const struct agw_realm_row *row, struct listen_set *set);
void listen_close(struct listen_set *set); /* what no door has taken */
/* The priority of a host candidate of TCP, passive, component 1 (RFC 6544 4.2); other: 0 to 8191. */
uint32_t listen_priority(unsigned other);
