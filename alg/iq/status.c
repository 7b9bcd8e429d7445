/* H.248 error code -> SIP status: the one table (TS 23.334 leaves it to the IMS-ALG). */
#include "alg/iq/mgc.h"

struct row {
    unsigned first, last; /* codes, both inclusive */
    int initial;          /* INVITE that opens the call */
    int inside;           /* re-INVITE, UPDATE */
    unsigned retry_after; /* seconds, for `initial` 503 */
};

static const struct row rows[] = {
    {400, 405, 500, 500, 0},  {406, 406, 503, 500, 0},  {410, 410, 500, 500, 0},
    {411, 411, 500, 481, 0},  {412, 412, 503, 500, 5},  {413, 422, 500, 500, 0},
    {430, 431, 500, 481, 0},  {432, 432, 503, 500, 5},  {433, 433, 500, 481, 0},
    {434, 434, 503, 500, 5},  {435, 435, 500, 481, 0},  {440, 440, 488, 488, 0},
    {441, 444, 500, 500, 0},  {445, 446, 488, 488, 0},  {447, 448, 500, 500, 0},
    {449, 454, 488, 488, 0},  {455, 457, 500, 500, 0},  {458, 459, 488, 488, 0},
    {471, 474, 488, 488, 0},  {488, 489, 488, 488, 0},  {500, 500, 503, 500, 0},
    {501, 501, 488, 488, 0},  {502, 503, 503, 500, 5},  {504, 504, 503, 500, 0},
    {505, 505, 503, 500, 5},  {506, 506, 503, 500, 0},  {510, 511, 503, 488, 10},
    {512, 517, 488, 488, 0},  {518, 522, 500, 500, 0},  {526, 526, 503, 488, 10},
    {529, 531, 503, 500, 0},  {532, 543, 500, 500, 0},
};

int iq_sip_status(const struct iq_result *r, bool reinvite, unsigned *retry_after)
{
    *retry_after = 0;
    if (r->timeout)
        return reinvite ? 500 : 503;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (r->code < rows[i].first || r->code > rows[i].last)
            continue;
        if (!reinvite)
            *retry_after = rows[i].retry_after;
        return reinvite ? rows[i].inside : rows[i].initial;
    }
    return 500;
}
