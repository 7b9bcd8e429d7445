#include "alg/sip/mask.h"

#include <string.h>

#include "alg/sip/frame.h"

static void cover(struct sv text, char *copy, struct sv part)
{
    if (part.n)
        memset(copy + (part.p - text.p), '*', part.n);
}

/* "Digest realm="x", ik="00", ck="11"": commas may stand in quotes, but in no key. */
static void cover_keys(struct sv text, char *copy, struct sv value)
{
    while (value.n) {
        struct sv param = sv_trim(sv_cut(&value, ',')), name;

        if (sv_istarts(param, "Digest ")) /* the first stands behind the scheme */
            sv_word(&param);
        name = sv_trim(sv_cut(&param, '='));
        if (sv_iis(name, "ik") || sv_iis(name, "ck"))
            cover(text, copy, param);
    }
}

void mask_credentials(struct sv text, char *copy)
{
    static const char *const whole[] = {"Authorization", "Proxy-Authorization", "Turn-Key", "Turn-Service"};
    struct sv rest = text;
    struct frame_line h;

    sv_line(&rest);
    while (frame_next(&rest, &h)) {
        for (unsigned i = 0; i < sizeof whole / sizeof whole[0]; i++)
            if (frame_is(&h, whole[i], 0))
                cover(text, copy, h.value);
        if (frame_is(&h, "WWW-Authenticate", 0) || frame_is(&h, "Proxy-Authenticate", 0))
            cover_keys(text, copy, h.value);
    }
}
