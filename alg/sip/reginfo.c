#include "alg/sip/reginfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <expat.h>

#define NS "urn:ietf:params:xml:ns:reginfo|"

struct reading {
    struct reginfo *info;
    XML_Parser xml;
    unsigned depth;
    bool seen, bad, terminated; /* terminated: the registration we are in */
    char aor[256];
    struct reginfo_contact *contact; /* whose uri is read */
    bool in_uri;
    size_t n_uri;
};

static const char *attribute(const char **atts, const char *name)
{
    for (; *atts; atts += 2)
        if (!strcmp(atts[0], name))
            return atts[1];
    return NULL;
}

static bool is(const char *name, const char *local)
{
    return !strncmp(name, NS, sizeof NS - 1) && !strcmp(name + sizeof NS - 1, local);
}

static struct reginfo_contact *add(struct reading *g)
{
    struct reginfo_contact *c = g->info->n < REGINFO_CONTACTS_MAX ? &g->info->contacts[g->info->n++] : NULL;

    if (c) {
        memset(c, 0, sizeof *c);
        snprintf(c->aor, sizeof c->aor, "%s", g->aor);
    }
    return c;
}

static enum reginfo_event event_of(const char *text)
{
    static const char *const names[] = {"", "rejected", "deactivated", "probation", "unregistered", "expired", "shortened"};

    for (unsigned i = 1; text && i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(text, names[i]))
            return (enum reginfo_event)i;
    return REGINFO_OTHER;
}

static bool ends(const char **atts)
{
    const char *state = attribute(atts, "state");

    return state && !strcmp(state, "terminated");
}

static void on_registration(struct reading *g, const char **atts)
{
    const char *aor = attribute(atts, "aor");
    struct reginfo_contact *c;

    if (!aor || strlen(aor) >= sizeof g->aor) {
        g->bad = true;
        return;
    }
    snprintf(g->aor, sizeof g->aor, "%s", aor);
    g->terminated = ends(atts);
    c = g->terminated ? add(g) : NULL;
    if (c)
        c->terminated = true;
}

static void on_contact(struct reading *g, const char **atts)
{
    const char *expires = attribute(atts, "expires");

    g->contact = add(g);
    if (!g->contact)
        return;
    g->contact->terminated = ends(atts);
    g->contact->event = event_of(attribute(atts, "event"));
    if (expires && sv_u32(sv_trim(sv_from(expires)), UINT32_MAX, &g->contact->expires))
        g->bad = true;
    g->n_uri = 0;
}

static void on_start(void *arg, const char *name, const char **atts)
{
    struct reading *g = arg;
    const char *version, *state;

    if (g->bad || ++g->depth > REGINFO_DEPTH_MAX) {
        g->bad = true;
        XML_StopParser(g->xml, XML_FALSE);
    } else if (g->depth == 1) {
        version = attribute(atts, "version");
        state = attribute(atts, "state");
        g->seen = is(name, "reginfo") && version && state && !sv_u32(sv_from(version), UINT32_MAX, &g->info->version);
        g->info->full = g->seen && !strcmp(state, "full");
        g->bad = !g->seen;
    } else if (g->depth == 2 && is(name, "registration")) {
        on_registration(g, atts);
    } else if (g->depth == 3 && is(name, "contact")) {
        on_contact(g, atts);
    } else if (g->depth == 4 && g->contact && is(name, "uri")) {
        g->in_uri = true;
    }
}

static void on_end(void *arg, const char *name)
{
    struct reading *g = arg;

    (void)name;
    if (g->depth == 4)
        g->in_uri = false;
    if (g->depth == 3)
        g->contact = NULL;
    if (g->depth)
        g->depth--;
}

static void on_text(void *arg, const char *text, int n)
{
    struct reading *g = arg;

    if (!g->in_uri || !g->contact)
        return;
    for (int i = 0; i < n; i++) {
        if (strchr(" \t\r\n", text[i]))
            continue;
        if (g->n_uri + 1 >= sizeof g->contact->uri) {
            g->bad = true;
            return;
        }
        g->contact->uri[g->n_uri++] = text[i];
        g->contact->uri[g->n_uri] = 0;
    }
}

/* Entities come with a document type: none is needed, and they can make much of little. */
static void on_doctype(void *arg, const char *name, const char *sysid, const char *pubid, int internal)
{
    struct reading *g = arg;

    (void)name, (void)sysid, (void)pubid, (void)internal;
    g->bad = true;
    XML_StopParser(g->xml, XML_FALSE);
}

int reginfo_read(struct reginfo *info, struct sv body)
{
    struct reading g = {.info = info};
    bool ok;

    memset(info, 0, sizeof *info);
    if (!body.n || body.n > REGINFO_BODY_MAX)
        return -EBADMSG;
    g.xml = XML_ParserCreateNS(NULL, '|');
    if (!g.xml)
        return -ENOMEM;
    XML_SetUserData(g.xml, &g);
    XML_SetElementHandler(g.xml, on_start, on_end);
    XML_SetCharacterDataHandler(g.xml, on_text);
    XML_SetStartDoctypeDeclHandler(g.xml, on_doctype);
    ok = XML_Parse(g.xml, body.p, (int)body.n, 1) == XML_STATUS_OK && g.seen && !g.bad;
    XML_ParserFree(g.xml);
    return ok ? 0 : -EBADMSG;
}
