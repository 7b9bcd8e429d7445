/* A played SIP actor: one dialog, text in and out. Puts what the chart leaves out (Via, tags, Call-ID, CSeq, Contact)
 * around what the chart says. Written apart from alg/sip: it is the other end. One thread. */
#pragma once

#include "tests/flow/chart.h"

#define UA_TEXT 32768
#define UA_DOMAIN "home.example.net"
#define UA_PENDING 8 /* requests received and not yet finally answered */

struct ua {
    char actor[16];
    char transport[8], host[96];        /* of our Via and Contact: "WS" "abc.invalid"; "UDP" "127.0.0.1:5070" */
    char local_uri[128], remote_uri[128], contact[192];
    char call_id[128], ltag[32], rtag[128], branch[64];
    char invite_branch[64], invite_uri[512]; /* its CANCEL and the ACK of a refusal repeat them (RFC 3261 9.1, 17.1.1.3) */
    int invite_status;                  /* final answer to our INVITE; 0: none */
    bool established;
    bool over;                          /* the dialog ended: the next INVITE begins another */
    char target[512], route[1024];      /* of the dialog; of an initial request (Path of the REGISTER) */
    unsigned cseq, invite_cseq;
    char pending[UA_PENDING][UA_TEXT];
    unsigned n_pending;
    char registered[256];               /* core: Contact URI of the WIC that registered */
    bool registrar;                     /* core: the chart answers REGISTER itself */
    bool notifier;                      /* core: the chart answers SUBSCRIBE itself; else 489 */
    char challenge[1024];               /* wic: WWW-Authenticate of the last 401 */
    char reg_call_id[32], reg_tag[16], instance[33];
    unsigned reg_cseq, sdp_version;
    char last_key[256], last_reply[UA_TEXT]; /* core over UDP: a repeated request gets the same answer again */
    void (*tx)(void *arg, struct sv text);
    void *arg;
};

enum ua_in { UA_IGNORED, UA_REQUEST, UA_RESPONSE };

/* Takes a message in: dialog state, REGISTER and OPTIONS answered, repeats answered again. UA_IGNORED: nothing to judge. */
enum ua_in ua_input(struct ua *u, struct sv text);
/* Sends what the step says, variables filled. */
int ua_send(struct ua *u, const struct chart_step *s, const struct vars *vs, char *why, size_t size);
/* wic: the preamble, or a step with header lines of its own; login: "NAME:PASSWORD" answers the last challenge. */
int ua_register(struct ua *u, struct sv lines, struct sv login);
void ua_ack(struct ua *u);                              /* ACK of the last final answer to our INVITE */
void ua_answer(struct ua *u, int status, const char *reason); /* the newest pending request, without a body */
struct sv ua_method(struct sv text);                    /* method of a request, or CSeq's of a response */
int ua_status(struct sv text);                          /* 0 = request */
struct sv ua_header(struct sv text, const char *name);
