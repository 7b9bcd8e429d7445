#include "alg/sdp/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/sdp/limits.h"
#include "common/rnd.h"

static int print(const struct sdp_own *own, struct sdp *s, struct buf *out)
{
    char id[24], version[16];
    int err;

    snprintf(id, sizeof id, "%" PRIu64, own->id);
    snprintf(version, sizeof version, "%" PRIu32, own->version);
    s->origin.sess_id = sv_from(id);
    s->origin.version = sv_from(version);
    err = sdp_print(s, out);
    s->origin.sess_id = s->origin.version = SV_NONE;
    return err;
}

int sdp_own_print(struct sdp_own *own, struct sdp *s, struct sv addrtype, struct sv addr)
{
    struct buf out;
    char *text = malloc(SDP_BODY_MAX + 1), *kept;
    int err;

    if (!text)
        return -ENOMEM;
    if (own->id == 0) {
        own->id = rnd_u64() >> 2; /* fits the 63 bits that some parsers have */
        own->version = 0;
    }
    s->has_version = s->has_origin = s->has_name = s->has_time = true;
    s->origin.user = SV("alg");
    s->origin.nettype = SV("IN");
    s->origin.addrtype = addrtype;
    s->origin.addr = addr;
    s->name = SV("-");
    s->times = SV("0 0");
    out = buf_over(text, SDP_BODY_MAX);
    err = print(own, s, &out);
    if (err || (own->body && out.len == own->n && !memcmp(own->body, text, out.len)))
        goto out;
    own->version++;
    out = buf_over(text, SDP_BODY_MAX);
    err = print(own, s, &out);
    if (err)
        goto out;
    text[out.len] = '\0';
    kept = realloc(text, out.len + 1);
    if (own->before) {
        free(own->body);
    } else {
        own->before = own->body;
        own->n_before = own->n;
    }
    own->body = kept ? kept : text;
    own->n = out.len;
    return 0;
out:
    free(text);
    return err;
}

struct sv sdp_own_body(const struct sdp_own *own)
{
    return (struct sv){own->body, own->n};
}

void sdp_own_agree(struct sdp_own *own)
{
    free(own->before);
    own->before = NULL;
}

void sdp_own_undo(struct sdp_own *own)
{
    if (!own->before)
        return;
    free(own->body);
    own->body = own->before;
    own->n = own->n_before;
    own->before = NULL;
}

void sdp_own_fini(struct sdp_own *own)
{
    sdp_own_agree(own);
    free(own->body);
    own->body = NULL;
    own->n = 0;
}
