/* One direction of an MSRP session between two byte streams (ICE-TCP and TCP): chunks pass as they come, addresses and paths
 * untouched (CEMA, RFC 6714), whatever their length. Nothing passes that is no MSRP framing, and what one side loses in the
 * middle of a chunk never reaches the other as the middle of another: a chunk whose end will not come is ended with '+', one
 * whose beginning is lost is swallowed. Sans-IO. Owner: the join in the data thread. */
#pragma once

#include "common/buf.h"
#include "common/trace.h"

struct pass;

struct pass_conf {
    struct trace *trace;
    const char *from, *to; /* actor names; outlive the pass */
};

int pass_new(struct pass **pp, const struct pass_conf *conf);
void pass_free(struct pass *p);
/* Room for octets of the source, then how many came. 0 octets of room: stop reading. */
size_t pass_room(struct pass *p, void **to);
void pass_got(struct pass *p, size_t n);
/* Octets for the destination. 1: *v is some; 0: none yet; -EPROTO: the source sends no MSRP, nothing more is taken of it. */
int pass_next(struct pass *p, struct sv *v);
bool pass_wrote(struct pass *p, size_t n); /* of pass_next's; true: a chunk is complete by it */
/* The source is another from here on: what it has begun is ended with '+' (RFC 4975 5.1: more may follow, under the same
 * Message-ID). */
void pass_source_lost(struct pass *p);
/* The destination is another from here on: the rest of the chunk that it had a part of is swallowed. */
void pass_target_lost(struct pass *p);
bool pass_is_between(const struct pass *p); /* the destination has whole chunks: another may stand here */
bool pass_is_empty(const struct pass *p);   /* ... and the source, too: of neither a part is here */
bool pass_refusal(const struct pass *p, struct buf *out); /* after -EPROTO: what the source is answered; false: nothing */
