/* Ufrags of the streams that have TCP candidates, and whose they are: the current one of each, and the last
 * MEDIA_ICE_PAST before ICE restarts. Owner and thread: the door. */
#pragma once

#include "agw/bus.h"

struct names;
struct name { /* one ufrag */
    bus_id id;
    unsigned worker, realm;
};

int names_new(struct names **np);
void names_free(struct names *n);
int names_set(struct names *n, const struct bus_door *spec); /* 0; -ENOMEM: it stays as it was */
void names_forget(struct names *n, bus_id id);
const struct name *names_find(const struct names *n, struct sv ufrag, unsigned realm); /* NULL: nobody of that realm */
