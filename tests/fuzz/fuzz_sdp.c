/* Whatever parses prints, and what was printed parses to the same: both ways of reading. */
#include <stdlib.h>

#include "common/sdp.h"

#define TEXT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_attrs(struct arena *a, const struct sdp *s)
{
    struct sdp_candidate candidate;
    struct sdp_fingerprint print;
    struct sdp_dcmap map;
    struct sdp_attr inner;
    uint16_t id;

    for (const struct sdp_media *m = s->media; m; m = m->next) {
        for (const struct sdp_attr *at = m->attrs; at; at = at->next) {
            (void)sdp_candidate_parse(at->value, &candidate);
            (void)sdp_fingerprint_parse(at->value, &print);
            (void)sdp_dcsa_parse(at->value, &id, &inner);
            (void)sdp_dcmap_parse(a, at->value, &map);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum sdp_strict modes[] = {SDP_SIP, SDP_H248};

    for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
        struct arena *a = arena_new(16 * TEXT_MAX);
        struct buf out = buf_over(malloc(TEXT_MAX), TEXT_MAX);
        struct sdp *first, *second, *copy;
        struct sdp_err err;

        if (a && out.p &&
            sdp_parse(a, (struct sv){(const char *)data, size}, modes[i], &first, &err) == 0) {
            try_attrs(a, first);
            copy = sdp_copy(a, first);
            if (!copy || sdp_print(copy, &out) ||
                sdp_parse(a, buf_sv(&out), modes[i], &second, &err) || !sdp_equal(first, second))
                abort();
        }
        free(out.p);
        arena_free(a);
    }
    return 0;
}
