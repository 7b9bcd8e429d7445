#include "common/trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "common/buf.h"
#include "common/enc.h"

#define HEADERS_MAX 48     /* IPv6 40 + UDP 8 */
#define PAYLOAD_MAX 65507u /* of one UDP datagram over IPv4 */
#define TTL 64

struct trace {
    pthread_mutex_t lock;
    FILE *lines;
    pcap_t *pcap;
    pcap_dumper_t *dump;
};

static int lines_open(struct trace *t, const char *dir, const char *actor)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof path, "%s/%s.trace", dir, actor) >= sizeof path)
        return -ENAMETOOLONG;
    t->lines = fopen(path, "we");
    return t->lines ? 0 : -errno;
}

static int pcap_file_open(struct trace *t, const char *dir, const char *actor)
{
    char path[4096];
    FILE *f;

    if ((size_t)snprintf(path, sizeof path, "%s/%s.pcap", dir, actor) >= sizeof path)
        return -ENAMETOOLONG;
    t->pcap = pcap_open_dead(DLT_RAW, 65535 + HEADERS_MAX);
    if (!t->pcap)
        return -ENOMEM;
    f = fopen(path, "we");
    if (!f)
        return -errno;
    t->dump = pcap_dump_fopen(t->pcap, f); /* owns f from here on, and on failure too */
    return t->dump ? 0 : -EIO;
}

int trace_open(struct trace **tp, const char *dir, const char *actor)
{
    struct trace *t = calloc(1, sizeof *t);
    int err = 0;

    if (!t)
        return -ENOMEM;
    pthread_mutex_init(&t->lock, NULL);
    if (mkdir(dir, 0777) && errno != EEXIST)
        err = -errno;
    if (!err)
        err = lines_open(t, dir, actor);
    if (!err)
        err = pcap_file_open(t, dir, actor);
    if (err)
        trace_close(t);
    else
        *tp = t;
    return err;
}

void trace_close(struct trace *t)
{
    if (!t)
        return;
    if (t->lines)
        fclose(t->lines);
    if (t->dump)
        pcap_dump_close(t->dump);
    if (t->pcap)
        pcap_close(t->pcap);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* RFC 1071; the sum may be carried on over several pieces, all but the last of even length. */
static uint32_t sum_up(uint32_t sum, const void *p, size_t n)
{
    const uint8_t *b = p;

    for (; n > 1; n -= 2, b += 2) {
        sum += (uint32_t)(b[0] << 8 | b[1]);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if (n)
        sum += (uint32_t)(b[0] << 8);
    return (sum & 0xffff) + (sum >> 16);
}

static uint16_t checksum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* IPv4 or IPv6 header and UDP header for the payload; how many bytes. */
static size_t put_headers(uint8_t *out, const struct addr *src, const struct addr *dst,
                          struct sv payload)
{
    uint16_t udp_len = (uint16_t)(sizeof(struct udphdr) + payload.n);
    struct udphdr udp = {.uh_sport = htons(addr_port(src)),
                         .uh_dport = htons(addr_port(dst)),
                         .uh_ulen = htons(udp_len)};
    uint32_t sum = IPPROTO_UDP + udp_len; /* the pseudo header's numbers */
    size_t n;

    if (addr_is_v6(src)) {
        struct ip6_hdr ip = {0};

        ip.ip6_flow = htonl(6u << 28);
        ip.ip6_plen = htons(udp_len);
        ip.ip6_nxt = IPPROTO_UDP;
        ip.ip6_hlim = TTL;
        ip.ip6_src = src->u.in6.sin6_addr;
        ip.ip6_dst = dst->u.in6.sin6_addr;
        n = sizeof ip;
        memcpy(out, &ip, n);
        sum = sum_up(sum, &ip.ip6_src, 32);
    } else {
        struct iphdr ip = {.version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_UDP};

        ip.tot_len = htons((uint16_t)(sizeof ip + udp_len));
        ip.saddr = src->u.in4.sin_addr.s_addr;
        ip.daddr = dst->u.in4.sin_addr.s_addr;
        ip.check = checksum(sum_up(0, &ip, sizeof ip));
        n = sizeof ip;
        memcpy(out, &ip, n);
        sum = sum_up(sum, &ip.saddr, 8);
    }
    sum = sum_up(sum, &udp, sizeof udp);
    udp.uh_sum = checksum(sum_up(sum, payload.p, payload.n));
    if (udp.uh_sum == 0)
        udp.uh_sum = 0xffff; /* RFC 768: zero would say that there is none */
    memcpy(out + n, &udp, sizeof udp);
    return n + sizeof udp;
}

static void write_packet(struct trace *t, const struct timespec *now, struct sv body,
                         const struct addr *src, const struct addr *dst)
{
    uint8_t *packet = malloc(HEADERS_MAX + body.n);
    struct pcap_pkthdr head = {0};
    size_t n;

    if (!packet)
        return;
    n = put_headers(packet, src, dst, body);
    memcpy(packet + n, body.p, body.n);
    head.ts.tv_sec = now->tv_sec;
    head.ts.tv_usec = now->tv_nsec / 1000;
    head.caplen = head.len = (bpf_u_int32)(n + body.n);
    pcap_dump((u_char *)t->dump, &head, packet);
    pcap_dump_flush(t->dump);
    free(packet);
}

/* Bodies are text; one that is not UTF-8 is shown as hex under a name of its own. */
static void set_body(json_t *line, struct sv body)
{
    char *hex;

    if (enc_is_utf8(body.p, body.n)) {
        json_object_set_new(line, "body", json_stringn(body.p ? body.p : "", body.n));
        return;
    }
    hex = malloc(3 * body.n + 1);
    if (hex) {
        enc_hex(body.p, body.n, 0, hex);
        json_object_set_new(line, "hex", json_string(hex));
        free(hex);
    }
}

static void set_text(json_t *line, const char *key, const char *text)
{
    if (enc_is_utf8(text, strlen(text)))
        json_object_set_new(line, key, json_string(text));
    else
        json_object_set_new(line, key, json_string("?"));
}

static char *line_of(const struct timespec *now, const char *const named[][2], unsigned n_named,
                     struct sv body, const struct addr *src, const struct addr *dst)
{
    json_t *line = json_object();
    char text[ADDR_STRLEN], *out;

    if (!line)
        return NULL;
    json_object_set_new(line, "t",
                        json_integer((json_int_t)now->tv_sec * 1000000 + now->tv_nsec / 1000));
    for (unsigned i = 0; i < n_named; i++)
        set_text(line, named[i][0], named[i][1]);
    if (src)
        set_text(line, "src", addr_str(src, text));
    if (dst)
        set_text(line, "dst", addr_str(dst, text));
    set_body(line, body);
    out = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    return out;
}

void trace_msg(struct trace *t, const char *from, const char *to, const char *proto,
               const char *title, struct sv body, const struct addr *src, const struct addr *dst)
{
    const char *const named[][2] = {
        {"from", from}, {"to", to}, {"proto", proto}, {"title", title}};
    struct timespec now;
    char *line;

    if (!t)
        return;
    pthread_mutex_lock(&t->lock); /* before the clock: lines stand in the order of their times */
    clock_gettime(CLOCK_REALTIME, &now);
    line = line_of(&now, named, ARRAY_LEN(named), body, src, dst);
    if (line) {
        fprintf(t->lines, "%s\n", line);
        fflush(t->lines);
        free(line);
    }
    if (src && dst && addr_is_v6(src) == addr_is_v6(dst) && body.n > 0 && body.n <= PAYLOAD_MAX)
        write_packet(t, &now, body, src, dst);
    pthread_mutex_unlock(&t->lock);
}
