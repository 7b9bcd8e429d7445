#include "common/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SIZE 1024u /* what a call keeps is often no more */
#define BLOCK_SIZE 4096u
#define PIECE_SIZE 2048u /* larger pieces get a block of their own size, and the one begun is gone on with */
#define ALIGN alignof(max_align_t)

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) uint8_t data[];
};

struct arena {
    size_t limit, handed;
    struct block *first; /* kept by arena_reset */
    struct block *last;  /* the one that pieces are taken from */
};

static struct block *block_new(size_t size)
{
    struct block *b = malloc(sizeof *b + size);

    if (b) {
        b->next = NULL;
        b->size = size;
        b->used = 0;
    }
    return b;
}

static void blocks_free(struct block *b)
{
    while (b) {
        struct block *next = b->next;

        free(b);
        b = next;
    }
}

struct arena *arena_new(size_t limit)
{
    struct arena *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->limit = limit;
    a->first = a->last = block_new(FIRST_SIZE);
    if (!a->first) {
        free(a);
        return NULL;
    }
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    blocks_free(a->first);
    free(a);
}

void arena_reset(struct arena *a)
{
    blocks_free(a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->last = a->first;
    a->handed = 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct block *b = a->last;
    size_t need;
    void *p;

    if (n > a->limit - a->handed)
        return NULL;
    need = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (need > a->limit - a->handed)
        return NULL;
    if (need > b->size - b->used) {
        b = block_new(need > PIECE_SIZE ? need : BLOCK_SIZE);
        if (!b)
            return NULL;
        b->next = a->last->next;
        a->last->next = b;
        if (need <= PIECE_SIZE)
            a->last = b;
    }
    p = b->data + b->used;
    b->used += need;
    a->handed += need;
    memset(p, 0, n);
    return p;
}

struct sv arena_sv(struct arena *a, struct sv v)
{
    char *p = v.n < SIZE_MAX ? arena_alloc(a, v.n + 1) : NULL;

    if (!p)
        return SV_NONE;
    if (v.n)
        memcpy(p, v.p, v.n);
    return (struct sv){p, v.n};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

size_t arena_used(const struct arena *a)
{
    return a->handed;
}
