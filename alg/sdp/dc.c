#include "alg/sdp/dc.h"

#include <errno.h>
#include <utlist.h>

void dc_take(struct dc_chan *ch, struct sdp_attr *attrs)
{
    const struct sdp_attr *setup = sdp_attr_find(attrs, "setup");
    const struct sdp_attr *path = sdp_attr_find(attrs, "path");

    ch->setup = setup ? sdp_setup_parse(setup->value) : SDP_SETUP_NONE;
    ch->path = path ? sv_trim(path->value) : SV_NONE;
    sdp_attr_del(&attrs, "setup");
    sdp_attr_del(&attrs, "path");
    ch->attrs = attrs;
}

int dc_take_line(struct arena *a, struct dc_chan *ch, const struct sdp_attr *attrs)
{
    struct sdp_attr *list = NULL;

    for (const struct sdp_attr *at = attrs; at; at = at->next) {
        struct sdp_attr *copy = ARENA_NEW(a, struct sdp_attr);

        if (!copy)
            return -ENOMEM;
        *copy = *at;
        copy->prev = copy->next = NULL;
        DL_APPEND(list, copy);
    }
    dc_take(ch, list);
    return 0;
}

/* The dcsa attributes of one stream id. -E2BIG: too many for one channel. */
static int read_attrs(struct arena *a, const struct sdp_media *m, uint16_t id,
                      struct sdp_attr **list)
{
    unsigned n = 0;

    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "dcsa"); at;
         at = sdp_attr_next(at, "dcsa")) {
        struct sdp_attr in, *copy;
        uint16_t of;

        if (sdp_dcsa_parse(at->value, &of, &in) || of != id)
            continue;
        if (n++ == DC_ATTR_MAX)
            return -E2BIG;
        copy = ARENA_NEW(a, struct sdp_attr);
        if (!copy)
            return -ENOMEM;
        *copy = in;
        copy->prev = copy->next = NULL;
        DL_APPEND(*list, copy);
    }
    return 0;
}

/* RFC 8873 4.2, 4.3: reliable and ordered, with a path; setup is read, its absence forgiven. */
static bool is_usable(const struct dc_chan *ch)
{
    return sv_iis(ch->map.subprotocol, "MSRP") && ch->map.ordered && !ch->map.has_max_retr &&
           !ch->map.has_max_time && ch->path.n > 0 && ch->setup != SDP_SETUP_BAD &&
           ch->setup != SDP_SETUP_HOLDCONN && ch->map.label.n <= DC_LABEL_MAX;
}

static bool is_known(const struct dc_chan *chans, unsigned n, uint16_t id)
{
    for (unsigned i = 0; i < n; i++) {
        if (chans[i].map.id == id)
            return true;
    }
    return false;
}

int dc_read(struct arena *a, const struct sdp_media *m, struct dc_chan out[DC_CHAN_MAX], unsigned *n,
            unsigned *left_out)
{
    unsigned k = 0, lost = 0;

    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "dcmap"); at;
         at = sdp_attr_next(at, "dcmap")) {
        struct dc_chan ch = {0};
        struct sdp_attr *attrs = NULL;
        int err;

        if (sdp_dcmap_parse(a, at->value, &ch.map)) {
            lost++;
            continue;
        }
        if (is_known(out, k, ch.map.id))
            return -EBADMSG;
        err = read_attrs(a, m, ch.map.id, &attrs);
        if (err == -ENOMEM)
            return err;
        dc_take(&ch, attrs);
        if (err || k == DC_CHAN_MAX || !is_usable(&ch))
            lost++;
        else
            out[k++] = ch;
    }
    *n = k;
    *left_out = lost;
    return 0;
}

static int put_dcsa(struct arena *a, struct sdp_attr **list, uint16_t id, struct sv name,
                    const struct sv *value)
{
    if (!value)
        return sdp_attr_addf(a, list, "dcsa", "%u %.*s", id, SV_ARG(name));
    return sdp_attr_addf(a, list, "dcsa", "%u %.*s:%.*s", id, SV_ARG(name), SV_ARG(*value));
}

int dc_write(struct arena *a, struct sdp_attr **list, const struct dc_chan *ch)
{
    struct sv setup = sv_from(sdp_setup_name(ch->setup));
    struct sdp_attr *kept = NULL;
    const struct sdp_attr *at;
    int err = sdp_dcmap_add(a, list, &ch->map);

    if (!err && setup.n > 0)
        err = put_dcsa(a, list, ch->map.id, SV("setup"), &setup);
    if (!err)
        err = rules_copy(a, ch->attrs, RULE_MSRP, RULE_TO_W2, &kept);
    DL_FOREACH(kept, at) {
        if (!err)
            err = put_dcsa(a, list, ch->map.id, at->name, at->flag ? NULL : &at->value);
    }
    if (!err && ch->path.n > 0)
        err = put_dcsa(a, list, ch->map.id, SV("path"), &ch->path);
    return err;
}

enum sdp_setup dc_answer_setup(enum sdp_setup offered, enum sdp_setup answered)
{
    if (offered == SDP_SETUP_NONE)
        offered = SDP_SETUP_ACTIVE; /* RFC 4145 4: the default of an offer; MSRP's offerer connects (RFC 4975 5.4) */
    if (answered == SDP_SETUP_NONE)
        answered = offered == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
    if (answered == SDP_SETUP_ACTIVE && offered != SDP_SETUP_ACTIVE)
        return answered;
    if (answered == SDP_SETUP_PASSIVE && offered != SDP_SETUP_PASSIVE)
        return answered;
    return SDP_SETUP_NONE;
}

bool dc_map_equal(const struct sdp_dcmap *a, const struct sdp_dcmap *b)
{
    return a->id == b->id && sv_eq(a->label, b->label) && sv_ieq(a->subprotocol, b->subprotocol);
}
