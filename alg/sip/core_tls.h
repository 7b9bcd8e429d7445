/* TLS towards the core, in Sofia's transport: TLS 1.2 or 1.3, the peer's chain and name checked before anything is sent
 * (RFC 3261 26.3.1, RFC 5922 7: URI and DNS names of subjectAltName, CN only without them, no wildcards). Start-up only. */
#pragma once

#include "alg/sip/sip.h"

/* What a line of Sofia's log says of a handshake or certificate that failed, for nobody else does; NULL: nothing. */
const char *core_tls_failure(const char *line);
struct agent;
/* -EINVAL: certificate, key or CAs do not do; the log says why. -EADDRINUSE. -errno of state_dir. */
int core_tls_listen(struct agent *a, const char *url, const struct sip_tls_conf *conf);
