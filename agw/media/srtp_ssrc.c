#include "agw/media/srtp_ssrc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define SLOTS_FIRST 4
#define SEQ_HALF 0x8000

int srtp_window_guess(const struct srtp_window *w, uint16_t seq, uint64_t *index)
{
    const uint16_t s_l = (uint16_t)w->top;
    uint64_t roc = w->top >> 16;

    if (w->any && s_l < SEQ_HALF && seq - s_l > SEQ_HALF) {
        if (roc == 0)
            return -EALREADY;
        roc--;
    } else if (w->any && s_l >= SEQ_HALF && s_l - SEQ_HALF > seq) {
        roc++;
    }
    if (roc > UINT32_MAX)
        return -EOVERFLOW;
    *index = roc << 16 | seq;
    return 0;
}

int srtp_window_check(const struct srtp_window *w, uint64_t index)
{
    uint64_t back;

    if (!w->any || index > w->top)
        return 0;
    back = w->top - index;
    if (back >= SRTP_WINDOW || w->bits[back / 64] >> (back % 64) & 1)
        return -EALREADY;
    return 0;
}

static void slide(struct srtp_window *w, uint64_t by)
{
    if (by >= SRTP_WINDOW) {
        w->bits[0] = w->bits[1] = 0;
    } else if (by >= 64) {
        w->bits[1] = w->bits[0] << (by - 64);
        w->bits[0] = 0;
    } else if (by > 0) {
        w->bits[1] = w->bits[1] << by | w->bits[0] >> (64 - by);
        w->bits[0] <<= by;
    }
}

void srtp_window_mark(struct srtp_window *w, uint64_t index)
{
    uint64_t back = 0;

    if (w->any && index <= w->top) {
        back = w->top - index;
    } else {
        slide(w, w->any ? index - w->top : SRTP_WINDOW);
        w->top = index;
        w->any = true;
    }
    w->bits[back / 64] |= (uint64_t)1 << (back % 64);
}

/* A peer that picks colliding SSRCs makes itself at most MEDIA_SRTP_SSRC steps. */
static struct srtp_ssrc *slot_of(const struct srtp_ssrcs *t, uint32_t ssrc)
{
    const unsigned mask = t->size - 1;
    unsigned at = (ssrc * 2654435769u >> 16) & mask;

    while (t->slot[at].used && t->slot[at].ssrc != ssrc)
        at = (at + 1) & mask;
    return &t->slot[at];
}

struct srtp_ssrc *srtp_ssrc_find(struct srtp_ssrcs *t, uint32_t ssrc)
{
    struct srtp_ssrc *s;

    if (t->last && t->last->ssrc == ssrc)
        return t->last;
    if (t->size == 0)
        return NULL;
    s = slot_of(t, ssrc);
    if (!s->used)
        return NULL;
    t->last = s;
    return s;
}

static int grow(struct srtp_ssrcs *t)
{
    struct srtp_ssrcs wide = {.size = t->size ? t->size * 2 : SLOTS_FIRST, .n = t->n};

    wide.slot = calloc(wide.size, sizeof(*wide.slot));
    if (!wide.slot)
        return -ENOMEM;
    for (unsigned i = 0; i < t->size; i++)
        if (t->slot[i].used)
            *slot_of(&wide, t->slot[i].ssrc) = t->slot[i];
    free(t->slot);
    *t = wide;
    return 0;
}

int srtp_ssrc_add(struct srtp_ssrcs *t, uint32_t ssrc, struct srtp_ssrc **sp)
{
    struct srtp_ssrc *s;
    int err = (t->n + 1) * 2 > t->size ? grow(t) : 0;

    if (err)
        return err;
    s = slot_of(t, ssrc);
    s->ssrc = ssrc;
    s->used = true;
    t->n++;
    t->last = *sp = s;
    return 0;
}

void srtp_ssrcs_fini(struct srtp_ssrcs *t)
{
    free(t->slot);
    *t = (struct srtp_ssrcs){0};
}
