/* TLS towards the core, in Sofia's transport: TLS 1.2 or 1.3, the peer's chain and name checked before anything is sent
 * (RFC 3261 26.3.1, RFC 5922 7: URI and DNS names of subjectAltName, CN only without them, no wildcards). Main thread. */
#pragma once

#include "alg/sip/sip.h"

/* What a line of Sofia's log says of a handshake or certificate that failed, for nobody else does; NULL: nothing. */
const char *core_tls_failure(const char *line);
/* Sofia 1.12.11 shuts each connection's SSL object down and forgets it. They are known here by OpenSSL's own notice of every
 * new one, and freed when their socket is closed, which is the last thing that Sofia does. */
struct core_tls;
/* s->core is there before anybody connects. */
int core_tls_new(struct core_tls **tp, struct sip *s, const struct sip_tls_conf *conf);
/* Now and then. A connection that has no handshake after CORE_TLS_HANDSHAKE_MS is shut down, and told: hop 0 = it came to us.
 * t NULL is fine. */
void core_tls_tick(struct core_tls *t, msec_t now, void (*late)(void *arg, unsigned hop, const struct addr *peer), void *arg);
void core_tls_dial(struct core_tls *t, unsigned hop); /* what is sent next may open a connection for that one; t NULL is fine */
/* Whom that line is about; called with it. *hop 0: it connected to us. false: it was told already. */
bool core_tls_refused(struct core_tls *t, unsigned *hop, struct addr *peer);
void core_tls_free(struct core_tls *t); /* after Sofia's agent; NULL is fine */

struct agent;
/* Sofia sends over any connection to an address and port, whatever name it was checked for. Where hops of different names have
 * the same one, none is used twice. */
void core_tls_share(struct agent *a, bool share);
/* -EINVAL: certificate, key or CAs do not do; the log says why. -EADDRINUSE. -errno of state_dir. */
int core_tls_listen(struct core_tls *t, struct agent *a, const char *url, const struct sip_tls_conf *conf);
