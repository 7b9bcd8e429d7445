#include "agw/media/raw.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "agw/media/media_limits.h"

#define TTL 64

int raw_open(void)
{
    const int size = MEDIA_SOCKBUF_SHARED, fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return fd;
}

/* RFC 1071: the sum of 16-bit words as they stand in memory, in wider steps. */
static uint64_t add(uint64_t sum, const uint8_t *p, size_t n)
{
    uint32_t four[4], word = 0;
    uint64_t other = 0;

    for (; n >= sizeof(four); n -= sizeof(four), p += sizeof(four)) {
        memcpy(four, p, sizeof(four));
        sum += (uint64_t)four[0] + four[1];
        other += (uint64_t)four[2] + four[3];
    }
    sum += other;
    for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        sum += word;
    }
    word = 0;
    memcpy(&word, p, n); /* the last octets, padded with zeros */
    return sum + word;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum & 0xffff;
    return sum ? (uint16_t)sum : 0xffff; /* RFC 768: 0 says that there is none */
}

void raw_head(uint8_t head[RAW_HEAD], const struct addr *from, const struct addr *to, uint8_t tos, const void *p, size_t n)
{
    struct udphdr udp = {.source = from->u.in4.sin_port, .dest = to->u.in4.sin_port, .len = htons((uint16_t)(n + sizeof(udp)))};
    /* the kernel fills in identification, total length and checksum */
    const struct iphdr ip = {.version = 4, .ihl = sizeof(ip) / 4, .tos = tos, .frag_off = htons(IP_DF), .ttl = TTL,
                             .protocol = IPPROTO_UDP, .saddr = from->u.in4.sin_addr.s_addr, .daddr = to->u.in4.sin_addr.s_addr};
    /* the pseudo header: addresses, protocol, length */
    uint64_t sum = (uint64_t)ip.saddr + ip.daddr + htons(IPPROTO_UDP) + udp.len;

    sum = add(sum, (const uint8_t *)&udp, sizeof(udp));
    udp.check = fold(add(sum, p, n));
    memcpy(head, &ip, sizeof(ip));
    memcpy(head + sizeof(ip), &udp, sizeof(udp));
}
