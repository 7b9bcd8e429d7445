/* H.248 text: whatever decodes must encode in both styles, decode again, and be the same message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "h248/h248.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(struct arena *a, struct h248_msg *m, enum h248_style style)
{
    static char text[4 * H248_MSG_MAX];
    struct buf b = buf_over(text, sizeof(text));
    struct h248_cmp c = {.exact = true};
    struct h248_fault fault;
    struct h248_msg *again;
    int err = h248_encode(m, style, &b);

    if (err == -EMSGSIZE || b.len > H248_MSG_MAX)
        return; /* the long form of a long message need not fit */
    if (!err)
        err = h248_decode(a, buf_sv(&b), &again, &fault);
    if (err == -ENOMEM)
        return;
    if (err == -EBADMSG)
        fprintf(stderr, "%u:%u: %s\n", fault.line, fault.column, fault.why);
    if (err || !h248_compare(m, again, &c)) {
        fprintf(stderr, "style %d: %d %s\n%.*s\n", style, err, c.why, (int)b.len, text);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(2 * H248_ARENA_MAX);
    struct h248_fault fault;
    struct h248_msg *m = NULL;
    char title[100];

    if (a && !h248_decode(a, (struct sv){(const char *)data, size}, &m, &fault)) {
        m->version = 3; /* the decoder takes the union of the versions, the encoder does not */
        if (m->txns)
            h248_txn_title(m->txns, title, sizeof(title));
        same_again(a, m, H248_PRETTY);
        same_again(a, m, H248_COMPACT);
        same_again(a, m, H248_COMPACT | H248_BARE_SIGNALS);
    }
    arena_free(a);
    return 0;
}
