/* A message as a JSON tree and back: exact inverses. Names and nesting are those of h248.h
 * (schema.c). What is no UTF-8 stands as {"hex": "..."}. Any thread. */
#pragma once

#include <jansson.h>

#include "h248/h248.h"

json_t *h248_to_json(const struct h248_msg *m); /* a new reference; NULL: no memory */
/* 0; -EINVAL with the place and the reason in err; -ENOMEM. */
int h248_from_json(struct arena *a, const json_t *tree, struct h248_msg **out, char *err,
                   size_t size);
