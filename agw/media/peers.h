/* Who is who on a shared socket: by the ufrag in a check's USERNAME (RFC 8445 7.3: ours is the part before the colon), then
 * by the address that passed a check. Only an authenticated check writes here, so strangers cannot fill it. Sans-IO.
 * Owner and thread: the worker. A look-up by address allocates nothing and compares octets. */
#pragma once

#include "agw/media/media_limits.h"
#include "common/net.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define PEERS_UFRAG 16

struct peers;
struct peers_entry;

struct peers_name {
    char ufrag[PEERS_UFRAG];
    struct peers_member *member;
    UT_hash_handle hh;
};

struct peers_member { /* embedded in whoever has a ufrag here; zeroed before peers_join */
    struct peers_name name[1 + MEDIA_ICE_PAST]; /* [0] the current one, then those before ICE restarts, newest first */
    struct addr addr[MEDIA_ICE_VALID];
    unsigned n_addrs;
};

int peers_new(struct peers **pp);
void peers_free(struct peers *p); /* all members have left */
/* A member, or its new ufrag: the last MEDIA_ICE_PAST before it count on. -EINVAL, -EEXIST, -ENOMEM. */
int peers_join(struct peers *p, struct peers_member *m, const char *ufrag);
void peers_leave(struct peers *p, struct peers_member *m);
struct peers_member *peers_by_name(const struct peers *p, struct sv ufrag);
void peers_warm(const struct peers *p, const struct addr *a); /* agw/media/warm.h */
struct peers_member *peers_by_addr(const struct peers *p, const struct addr *a);
/* The address passed a check of this member. -EBUSY: it is another's, whose check it passed within MEDIA_PEER_HOLD_MS;
 * -ENOMEM. Beyond MEDIA_ICE_VALID addresses the oldest is forgotten, but for `keep` (NULL: none). */
int peers_learn(struct peers *p, struct peers_member *m, const struct addr *a, const struct addr *keep, msec_t now);
