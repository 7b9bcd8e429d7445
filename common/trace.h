/* Trace: what passed, message by message, for people (ladder), for tests (charts) and for tools (pcap).
 * trace_open(DIR, "alg") writes DIR/alg.trace (one JSON object a line: t = µs of CLOCK_REALTIME, from, to, proto,
 * title, body, peer addresses) and DIR/alg.pcap (LINKTYPE_RAW: UDP datagrams rebuilt from the addresses).
 * Any thread; a NULL trace records nothing, so callers need no if. */
#pragma once

#include "common/net.h"

struct trace;

int trace_open(struct trace **tp, const char *dir, const char *actor); /* 0, -errno */
void trace_close(struct trace *t);

/* One message. from/to: actor names ("wic", "alg", "agw", "core"). proto: "sip" "h248" "ice" "dtls" "sctp" "msrp".
 * title: one line for the ladder ("INVITE sip:x", "ADD.req C=$", "ClientHello"). body: whole text, may be empty.
 * src/dst: addresses for the pcap, NULL = not written there. */
void trace_msg(struct trace *t, const char *from, const char *to, const char *proto, const char *title,
               struct sv body, const struct addr *src, const struct addr *dst);
