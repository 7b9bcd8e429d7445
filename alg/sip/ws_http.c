#include "alg/sip/ws_http.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define KEY_LEN 24 /* base64 of 16 octets */

static bool lists(struct sv value, const char *token)
{
    while (value.n)
        if (sv_iis(sv_trim(sv_cut(&value, ',')), token))
            return true;
    return false;
}

long ws_http_length(struct sv text)
{
    static const char *const methods[] = {"GET ", "OPTIONS ", "HEAD ", "POST ", "PUT ", "DELETE ", "PATCH "}; /* a page may say which it takes */
    const char *end;
    bool known = false;

    for (unsigned i = 0; i < ARRAY_LEN(methods) && !known; i++)
        known = !memcmp(text.p, methods[i], text.n < strlen(methods[i]) ? text.n : strlen(methods[i]));
    if (!known)
        return -EBADMSG;
    end = memmem(text.p, text.n, "\r\n\r\n", 4);
    return end ? end + 4 - text.p : 0;
}

static void refuse(struct ws_request *r, unsigned status, const char *why)
{
    if (r->status)
        return;
    r->status = status;
    r->why = why;
}

static bool key_ok(struct sv key)
{
    unsigned char text[KEY_LEN + 1], octets[KEY_LEN];

    if (key.n != KEY_LEN || key.p[KEY_LEN - 1] != '=' || key.p[KEY_LEN - 2] != '=')
        return false;
    sv_copy(key, (char *)text, sizeof text);
    return EVP_DecodeBlock(octets, text, KEY_LEN) == 18; /* 16 and two of padding */
}

struct seen {
    bool upgrade, connection;
    unsigned version, host, key, protocol;
    struct sv version_is;
};

static void field(struct ws_request *r, struct seen *s, struct sv name, struct sv value)
{
    if (sv_iis(name, "Host"))
        s->host++, r->host = value;
    else if (sv_iis(name, "Origin"))
        r->has_origin++, r->origin = value;
    else if (sv_iis(name, "Authorization"))
        r->has_authorization++, r->authorization = value;
    else if (sv_iis(name, "Upgrade"))
        s->upgrade |= lists(value, "websocket");
    else if (sv_iis(name, "Connection"))
        s->connection |= lists(value, "upgrade");
    else if (sv_iis(name, "Sec-WebSocket-Key"))
        s->key++, r->key = value;
    else if (sv_iis(name, "Sec-WebSocket-Version"))
        s->version++, s->version_is = value;
    else if (sv_iis(name, "Sec-WebSocket-Protocol"))
        r->sip |= lists(value, "sip");
}

void ws_http_read(struct sv head, struct ws_request *out)
{
    struct seen s = {0};
    struct sv line = sv_line(&head);

    *out = (struct ws_request){0};
    out->method = sv_word(&line);
    out->target = sv_word(&line);
    if (!sv_is(line, "HTTP/1.1")) /* RFC 6455 4.2.1: or higher, but those have no Upgrade */
        refuse(out, 400, "not HTTP/1.1");
    while ((line = sv_line(&head)).n) {
        struct sv value = line, name = sv_cut(&value, ':');

        if (name.n == line.n || !name.n || name.p[name.n - 1] == ' ' || name.p[0] == ' ' || name.p[0] == '\t')
            refuse(out, 400, "malformed header field");
        field(out, &s, name, sv_trim(value));
    }
    if (s.host != 1 || out->has_origin > 1 || out->has_authorization > 1)
        refuse(out, 400, s.host != 1 ? "not one Host" : "more than one Origin or Authorization");
    if (!sv_is(out->method, "GET"))
        refuse(out, 404, "no GET");
    if (!s.upgrade || !s.connection)
        refuse(out, 404, "no WebSocket upgrade"); /* no pages here */
    if (s.version != 1 || !sv_is(s.version_is, "13"))
        refuse(out, 426, "version");
    if (s.key != 1 || !key_ok(out->key))
        refuse(out, 400, "key");
}

struct sv ws_http_welcome(struct sv key, char out[WS_ANSWER_MAX])
{
    char text[KEY_LEN + 40];
    unsigned char hash[SHA_DIGEST_LENGTH], accept[2 * SHA_DIGEST_LENGTH];
    int n = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", SV_ARG(key));

    SHA1((const unsigned char *)text, (size_t)n, hash);
    EVP_EncodeBlock(accept, hash, sizeof hash);
    n = snprintf(out, WS_ANSWER_MAX, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sip\r\n\r\n", accept);
    return (struct sv){out, (size_t)n};
}

struct sv ws_http_refusal(unsigned status, char out[WS_ANSWER_MAX])
{
    const char *phrase = status == 403 ? "Forbidden" : status == 404 ? "Not Found" : status == 421 ? "Misdirected Request" : status == 426 ? "Upgrade Required"
                         : status == 503 ? "Service Unavailable" : "Bad Request";
    /* RFC 6455 4.2.2: the answer to a version that is not ours names the one that is */
    int n = snprintf(out, WS_ANSWER_MAX, "HTTP/1.1 %u %s\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n", status, phrase,
                     status == 426 ? "Sec-WebSocket-Version: 13\r\n" : "");

    return (struct sv){out, (size_t)n};
}
