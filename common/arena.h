/* Arena: the memory of one message, freed whole. Owner: whoever handles the message. One thread at a time.
 * Allocation fails (NULL) when the limit given to arena_new is reached: input cannot make us grow without bound. */
#pragma once

#include "common/sv.h"

struct arena;

struct arena *arena_new(size_t limit);         /* limit: most bytes it will ever hand out; NULL: no memory */
void arena_free(struct arena *a);              /* NULL is fine */
void arena_reset(struct arena *a);             /* forget everything, keep the first block */
void *arena_alloc(struct arena *a, size_t n);  /* zeroed, aligned for any type; NULL on no memory or limit */
struct sv arena_sv(struct arena *a, struct sv v); /* a copy (NUL-terminated behind the view); p NULL on failure */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);      /* bytes handed out */

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
