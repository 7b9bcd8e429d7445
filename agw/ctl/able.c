#include "agw/ctl/able.h"

#include <utlist.h>

#include "h248/pkg.h"

static const struct row {
    const char *pkg, *item; /* item "*": all of the kind */
    enum pkg_kind kind;
} rows[] = {
    {"g", "cause", PKG_EVENT},
    {"root", "*", PKG_PROPERTY}, /* audited; ROOT is provisioned (534) */
    {"hangterm", "thb", PKG_EVENT},
    {"it", "ito", PKG_EVENT},
    {"ipnapt", "latch", PKG_SIGNAL},
    {"gm", "*", PKG_PROPERTY},
    {"tman", "*", PKG_PROPERTY},
    {"rtcph", "rsb", PKG_PROPERTY},
    {"adid", "ipstop", PKG_EVENT},
    {"ipdc", "realm", PKG_PROPERTY},
    {"ds", "dscp", PKG_PROPERTY},
    {"ds", "tb", PKG_PROPERTY},
    {"tlsbsc", "EstBNC", PKG_SIGNAL},
    {"tlsbsc", "RelBNC", PKG_SIGNAL},
    {"tlsbsc", "BNCChange", PKG_EVENT},
    {"tcpbcc", "EstBNC", PKG_SIGNAL},
    {"tcpbcc", "BNCChange", PKG_EVENT},
    {"mgastuns", "astuns", PKG_SIGNAL},
    {"ostuncc", "scc", PKG_SIGNAL},
    {"ostuncc", "ccr", PKG_EVENT},
    {"ostuncc", "nprc", PKG_EVENT},
    {"stnconfres", "test", PKG_SIGNAL},
    {"stnconfres", "lost", PKG_EVENT},
    {"mgroup", "groupse", PKG_PROPERTY},
    {"mgroup", "strdeagg", PKG_PROPERTY},
    {"sctpbcc", "sctpid", PKG_PROPERTY},
    {"sctpbcc", "BNCChange", PKG_EVENT},
    {"sctpreset", "reset", PKG_SIGNAL},
    {"sctpreset", "done", PKG_EVENT},
    {"nt", "*", PKG_STATISTIC},
    {"rtp", "*", PKG_STATISTIC},
    {"xmos", "*", PKG_STATISTIC},
};

bool able_has(const char *package)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].pkg, package) == 0)
            return true;
    }
    return false;
}

static bool can(const struct pkg *pkg, const struct pkg_item *item)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].pkg, pkg->name) == 0 && rows[i].kind == item->kind &&
            (rows[i].item[0] == '*' || strcmp(rows[i].item, item->name) == 0))
            return true;
    }
    return false;
}

static unsigned judge(struct sv name, enum pkg_kind kind, bool is_off)
{
    static const unsigned codes[] = {
        [PKG_PROPERTY] = 445, [PKG_EVENT] = 512, [PKG_SIGNAL] = 513, [PKG_STATISTIC] = 453};
    const struct pkg_item *item;
    const struct pkg *pkg;

    if (pkg_lookup(name, kind, &pkg, &item)) /* iq_get says what is wrong with the name */
        return 0;
    if (can(pkg, item))
        return 0;
    if (!able_has(pkg->name))
        return 440;
    return is_off && item->def.type == PKG_BOOL ? 0 : codes[kind];
}

static int props(const struct h248_parm *list, struct iq_fault *fault)
{
    const struct h248_parm *p;

    DL_FOREACH(list, p)
    {
        unsigned code =
            judge(p->name, PKG_PROPERTY, p->values && sv_iis(p->values->text, "OFF"));

        if (code)
            return iq_refuse(fault, code, "%.*s", SV_ARG(p->name));
    }
    return 0;
}

static int media(const struct h248_media *m, struct iq_fault *fault)
{
    const struct h248_stream *s;
    int err = props(m->state.props, fault);

    DL_FOREACH(m->streams, s)
    {
        if (!err)
            err = props(s->control.props, fault);
    }
    return err;
}

static int events(const struct h248_event *list, struct iq_fault *fault)
{
    const struct h248_event *ev;

    DL_FOREACH(list, ev)
    {
        unsigned code = judge(ev->name, PKG_EVENT, false);

        if (code)
            return iq_refuse(fault, code, "%.*s", SV_ARG(ev->name));
    }
    return 0;
}

static int signals(const struct h248_signal *list, struct iq_fault *fault)
{
    const struct h248_signal *sig;

    DL_FOREACH(list, sig)
    {
        unsigned code = sig->is_list ? 0 : judge(sig->name, PKG_SIGNAL, false);

        if (code)
            return iq_refuse(fault, code, "%.*s", SV_ARG(sig->name));
    }
    return 0;
}

int able_check(const struct h248_cmd *cmd, struct iq_fault *fault)
{
    const struct h248_desc *d;
    int err = 0;

    DL_FOREACH(cmd->descs, d)
    {
        if (err)
            break;
        if (d->kind == H248_D_MEDIA)
            err = media(&d->u.media, fault);
        else if (d->kind == H248_D_EVENTS)
            err = events(d->u.events.events, fault);
        else if (d->kind == H248_D_SIGNALS)
            err = signals(d->u.signals, fault);
    }
    return err;
}
