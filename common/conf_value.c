#include "common/conf_value.h"

#include <errno.h>
#include <stdio.h>

#include "common/buf.h"

static const char *const levels[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

int conf_udp(const char *text, struct addr *out)
{
    struct sv rest = sv_from(text);
    char name[256], *colon;
    uint32_t port;

    if (!sv_istarts(rest, "udp:"))
        return -EINVAL;
    rest.p += 4;
    rest.n -= 4;
    if (addr_parse_hostport(out, rest, 0) == 0)
        return addr_port(out) ? 0 : -EINVAL;
    if (sv_copy(rest, name, sizeof name) >= sizeof name || !(colon = strrchr(name, ':')) || colon == name)
        return -EINVAL;
    *colon = '\0';
    if (sv_u32(sv_from(colon + 1), UINT16_MAX, &port) || port == 0)
        return -EINVAL;
    return addr_resolve(out, name, (uint16_t)port);
}

enum log_level conf_log_level(const char *word)
{
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(word, levels[i]) == 0)
            return (enum log_level)i;
    }
    return LOG_INFO;
}

int conf_check_udp(const char *value, char *why, size_t size)
{
    struct addr a;

    if (conf_udp(value, &a) == 0)
        return 0;
    snprintf(why, size, "udp:HOST:PORT, for example udp:127.0.0.1:2944");
    return -EINVAL;
}

int conf_check_hostport(const char *value, char *why, size_t size)
{
    struct addr a;

    if (addr_parse_hostport(&a, sv_from(value), 0) == 0 && addr_port(&a))
        return 0;
    snprintf(why, size, "ADDRESS:PORT, for example 127.0.0.1:5060");
    return -EINVAL;
}

int conf_check_hostport_or_none(const char *value, char *why, size_t size)
{
    if (!*value || conf_check_hostport(value, why, size) == 0)
        return 0;
    snprintf(why, size, "ADDRESS:PORT, for example 127.0.0.1:9101, or \"\" for none");
    return -EINVAL;
}

static int check_word(const char *value, const char *const *words, unsigned n, char *why, size_t size)
{
    struct buf b = buf_over(why, size - 1);

    for (unsigned i = 0; i < n; i++) {
        if (strcmp(value, words[i]) == 0)
            return 0;
        buf_printf(&b, "%s%s", i ? " or " : "", words[i]);
    }
    why[b.len] = '\0';
    return -EINVAL;
}

int conf_check_log(const char *value, char *why, size_t size)
{
    return check_word(value, levels, ARRAY_LEN(levels), why, size);
}

int conf_check_encoding(const char *value, char *why, size_t size)
{
    static const char *const words[] = {"pretty", "compact"};

    return check_word(value, words, ARRAY_LEN(words), why, size);
}
