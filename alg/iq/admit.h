/* Which gateways may register here: the rows of the configuration's table `gateways` (H.248.1 11.2: an MG that the MGC does
 * not know is refused). Pure. Any thread. */
#pragma once

#include "common/net.h"
#include "h248/h248.h"

struct admit { /* a row; a message needs one of which both halves fit */
    bool any_mid, any_from;
    struct h248_mid mid; /* its name stands in `name` */
    char name[256];
    struct addr_net net;
};

/* Read a half of a row: "*", or "agw1.example.net", "<agw1.example.net>:2946", "[192.0.2.20]:2946"; without a port any port
 * fits. "*", or "192.0.2.20", "192.0.2.0/24", "2001:db8::/32". 0, -EINVAL. */
int admit_mid(struct admit *a, const char *text);
int admit_from(struct admit *a, const char *text);
bool admit_is_known(const struct admit *rows, unsigned n, const struct addr *from); /* some row has its address */
bool admit_is_allowed(const struct admit *rows, unsigned n, const struct addr *from, const struct h248_mid *mid);
