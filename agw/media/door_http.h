/* HTTP on a port of ICE-TCP: a short 400, or octets to and from a local web server, with buffers that have an end. One
 * connection each; its two sockets belong to the caller's epoll. Owner and thread: the door. */
#pragma once

#include "agw/media/media_limits.h"
#include "common/net.h"

struct http_half { /* one direction */
    size_t n, at; /* octets in buf, and how many of them have left */
    bool heard;     /* something came from the source */
    bool end, told; /* it has no more; the sink knows */
    uint8_t buf[MEDIA_DOOR_HTTP_BUF];
};

struct http {
    int client, server;
    struct http_half up, down; /* to the server, to the client */
};

void http_refuse(int fd, const char *status); /* "400 Bad Request", and no more from us: read it until its end, then close */
/* 1: it begins with a method and a space; 0: it may yet; -EBADMSG: it is no HTTP. */
int http_begins(const uint8_t *p, size_t n);
int http_new(struct http **hp, int client, const struct addr *server); /* connects; the client's fd passes on success. -errno */
void http_free(struct http *h); /* closes both; client -1: taken back */
int http_move(struct http *h); /* whatever can be moved now. 1: something was; 0; -ECONNRESET: it is over */
unsigned http_events(const struct http *h, bool of_server); /* EPOLLIN, EPOLLOUT that it waits for */
