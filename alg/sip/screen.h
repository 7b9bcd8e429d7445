/* What comes from the core, looked at before Sofia's parser reads it (frame_mend): a message class of our own, which differs from
 * Sofia's in how a request line is read. What Sofia would drop in silence gets its 400.
 * STUN on the SIP port gets no answer. Owner: struct sip. Main thread. */
#pragma once

#include "alg/sip/agent.h"
#include "common/reach.h"

struct screen;

#define SCREEN_OTHER_VERSION "other-version-of-sip" /* scheme that stands for the Request-URI of a request to answer with 505 */

int screen_new(struct screen **sp);
void screen_free(struct screen *sc); /* behind the agent that uses it; NULL is fine */
/* Who may send requests over UDP and TCP; others get nothing, not even a refusal: it could be longer than what a forged source
 * sent, and an INVITE's would be repeated. NULL: everybody. Lives as long as sc. TLS has certificates. */
void screen_peers(struct screen *sc, const struct reach *peers);
struct hop_peers;
void screen_hops(struct screen *sc, const struct hop_peers *hops); /* and these may, too; NULL: none */
struct core_conns;
void screen_conns(struct screen *sc, struct core_conns *conns); /* is told of whole messages on connections; NULL: nobody */
unsigned screen_strangers(struct screen *sc); /* requests refused by it since it was asked last */
const msg_mclass_t *screen_mclass(const struct screen *sc);
unsigned screen_logged(struct screen *sc); /* malformed messages logged with their reason since it was asked last */
void screen_unmend(const sip_t *sip); /* the method of a request, as it came; in each callback for requests */
