#include "common/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct inbox {
    pthread_mutex_t lock;
    struct inbox_item *first, *last;
    size_t queued, limit;
    int fd;
};

int inbox_new(struct inbox **inp, size_t limit)
{
    struct inbox *in = calloc(1, sizeof *in);

    if (!in)
        return -ENOMEM;
    in->limit = limit;
    in->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (in->fd < 0) {
        int err = -errno;

        free(in);
        return err;
    }
    pthread_mutex_init(&in->lock, NULL);
    *inp = in;
    return 0;
}

void inbox_free(struct inbox *in, void (*drop)(struct inbox_item *))
{
    struct inbox_item *it, *next;

    if (!in)
        return;
    for (it = in->first; it; it = next) {
        next = it->next;
        if (drop)
            drop(it);
    }
    close(in->fd);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

int inbox_fd(const struct inbox *in)
{
    return in->fd;
}

/* The eventfd is written only on the step from empty to not empty: one wake-up per batch. It cannot
 * fail to be readable then: the counter is far from its maximum and the fd is ours. */
static int post(struct inbox *in, struct inbox_item *it, size_t limit)
{
    const uint64_t one = 1;
    bool was_empty;
    ssize_t n = 0;

    pthread_mutex_lock(&in->lock);
    if (in->queued >= limit) {
        pthread_mutex_unlock(&in->lock);
        return -ENOBUFS;
    }
    it->next = NULL;
    was_empty = !in->first;
    if (was_empty)
        in->first = it;
    else
        in->last->next = it;
    in->last = it;
    in->queued++;
    if (was_empty)
        n = write(in->fd, &one, sizeof one);
    pthread_mutex_unlock(&in->lock);
    (void)n;
    return 0;
}

void inbox_post(struct inbox *in, struct inbox_item *it)
{
    (void)post(in, it, SIZE_MAX);
}

int inbox_post_data(struct inbox *in, struct inbox_item *it)
{
    return post(in, it, in->limit);
}

struct inbox_item *inbox_take(struct inbox *in)
{
    struct inbox_item *list;
    uint64_t count;
    ssize_t n;

    pthread_mutex_lock(&in->lock);
    list = in->first;
    in->first = in->last = NULL;
    in->queued = 0;
    n = read(in->fd, &count, sizeof count);
    pthread_mutex_unlock(&in->lock);
    (void)n;
    return list;
}
