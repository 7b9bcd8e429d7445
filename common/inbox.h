/* Many-producer queue into one thread, with a wake-up fd (eventfd). The only door between threads.
 * FIFO. Two bounds: data posts are refused when `limit` are queued (the caller drops and counts: SCTP sees ordinary
 * loss), control posts never are. The consumer owns what it takes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct inbox;

/* Embedded at the start of every message. */
struct inbox_item {
    struct inbox_item *next;
};

int inbox_new(struct inbox **inp, size_t limit);
void inbox_free(struct inbox *in, void (*drop)(struct inbox_item *)); /* what is left goes to drop */
int inbox_fd(const struct inbox *in);                  /* readable while items wait: for epoll or uv_poll */
void inbox_post(struct inbox *in, struct inbox_item *it);     /* any thread; ownership passes */
int inbox_post_data(struct inbox *in, struct inbox_item *it); /* -ENOBUFS when full: the caller keeps it */
/* Consumer only: everything queued so far, as a list in order (NULL: nothing); clears the wake-up. */
struct inbox_item *inbox_take(struct inbox *in);
