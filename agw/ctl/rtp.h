/* RTP streams: what the worker is told of each (a flow on a transport), and of two that are
 * connected. Thread: control. */
#pragma once

#include "agw/ctl/stream.h"

/* What m asks beside a port: payload types, gates. 0; -EBADMSG with fault 449 472 510. */
int rtp_check(const struct iq_stream *m, struct iq_fault *fault);
/* Do both send the far end a payload type, so that it needs MID to tell them apart (RFC 9143 9.2)? */
bool rtp_same_pts(const struct iq_stream *a, const struct iq_stream *b);
bool rtp_can_tell_mid(const struct iq_stream *m); /* by a=mid and its a=extmap, in the one-byte form */
/* a=crypto of Local, whose `$` are filled, and of Remote. 0; -EBADMSG with fault 449 472 473. */
int rtp_keys_check(const struct iq_stream *m, struct iq_fault *fault);
void rtp_open(struct stream *s);   /* its transport is open */
void rtp_change(struct stream *s); /* after Local, Remote or what is armed changed */
bool rtp_is_stale(struct stream *s); /* what its bundle has become asks for rtp_change */
void rtp_gate(struct stream *s);
void rtp_join(struct stream *a, struct stream *b);
void rtp_close(struct stream *s);
