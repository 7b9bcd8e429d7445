#include "alg/iq/admit.h"

#include <errno.h>
#include <stdio.h>

#define MID_ARENA 2048

int admit_mid(struct admit *a, const char *text)
{
    struct h248_mid mid = {.kind = H248_MID_DOMAIN};
    char domain[sizeof a->name + 2];
    struct arena *arena;
    int err = 0;

    a->any_mid = strcmp(text, "*") == 0;
    if (a->any_mid)
        return 0;
    if (strlen(text) >= sizeof a->name)
        return -EINVAL;
    snprintf(domain, sizeof domain, *text == '<' || *text == '[' ? "%s" : "<%s>", text);
    arena = arena_new(MID_ARENA);
    if (!arena)
        return -ENOMEM;
    err = h248_mid_parse(arena, sv_from(domain), &mid);
    if (!err) {
        a->mid = mid;
        a->mid.name.n = sv_copy(mid.name, a->name, sizeof a->name);
    }
    arena_free(arena);
    return err;
}

int admit_from(struct admit *a, const char *text)
{
    a->any_from = strcmp(text, "*") == 0;
    return a->any_from ? 0 : addr_net_parse(&a->net, text);
}

static bool is_mid(const struct admit *a, const struct h248_mid *mid)
{
    struct h248_mid own = a->mid;

    own.name.p = a->name; /* rows may have been moved since they were read */
    return h248_mid_equal(&own, mid);
}

bool admit_is_allowed(const struct admit *rows, unsigned n, const struct addr *from, const struct h248_mid *mid)
{
    for (unsigned i = 0; i < n; i++) {
        if ((rows[i].any_from || addr_in_net(from, &rows[i].net)) && (rows[i].any_mid || is_mid(&rows[i], mid)))
            return true;
    }
    return false;
}

bool admit_is_known(const struct admit *rows, unsigned n, const struct addr *from)
{
    for (unsigned i = 0; i < n; i++) {
        if (rows[i].any_from || addr_in_net(from, &rows[i].net))
            return true;
    }
    return false;
}
