/* RTP streams: what the worker is told of each (a flow on a transport), and of two that are connected. Thread: control. */
#pragma once

#include "agw/ctl/stream.h"

/* What m asks beside a port: payload types, keys, gates. tp_local: where it is, or NULL. 0; -EBADMSG with fault 449 472 473. */
int rtp_check(const struct iq_stream *m, enum bus_sec sec, struct iq_fault *fault);
void rtp_open(struct stream *s);   /* its transport is open */
void rtp_change(struct stream *s); /* after Local, Remote or what is armed changed */
void rtp_gate(struct stream *s);
void rtp_join(struct stream *a, struct stream *b);
void rtp_close(struct stream *s);
