/* Registration information (RFC 3680, application/reginfo+xml) as the core's NOTIFY brings it. Pure. Inside alg/sip only. */
#pragma once

#include "common/sv.h"

#define REGINFO_BODY_MAX (64 * 1024)
#define REGINFO_CONTACTS_MAX 128 /* of all registrations in one body; more are not read */
#define REGINFO_DEPTH_MAX 8

enum reginfo_event { REGINFO_OTHER, REGINFO_REJECTED, REGINFO_DEACTIVATED, REGINFO_PROBATION, REGINFO_UNREGISTERED, REGINFO_EXPIRED,
                     REGINFO_SHORTENED };

struct reginfo_contact {
    char aor[256], uri[512]; /* uri "" : the registration as a whole */
    bool terminated;
    enum reginfo_event event;
    uint32_t expires;        /* of shortened */
};

struct reginfo {
    uint32_t version;
    bool full;
    struct reginfo_contact contacts[REGINFO_CONTACTS_MAX];
    unsigned n;
};

/* 0, or -EBADMSG: no well-formed reginfo, a document type, too deep, too long. */
int reginfo_read(struct reginfo *info, struct sv body);
