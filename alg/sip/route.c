#include "alg/sip/route.h"

#include "common/enc.h"
#include "common/rnd.h"

static const char *const from_wic[] = { /* TS 24.229 4.4; security agreement ends here */
    "P-Asserted-Identity", "P-Preferred-Service", "P-Asserted-Service", "P-Profile-Key", "P-Served-User", "P-Charging-Vector",
    "P-Charging-Function-Addresses", "P-Visited-Network-ID", "P-Called-Party-ID", "P-Private-Network-Indication",
    "Feature-Caps", "Resource-Priority", "Service-Route", "Path", "Security-Client", "Security-Verify", "Proxy-Require",
    "History-Info", "P-Associated-URI",
};
static const char *const to_wic[] = {
    "Service-Route", "Path", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User", "P-Profile-Key",
    "P-Visited-Network-ID", "P-Access-Network-Info", "Feature-Caps", "Accept-Contact", "Reject-Contact", "P-Called-Party-ID",
    "P-User-Database", "Server", "History-Info", "Turn-Key", "Turn-Service",
};

static void strip(msg_t *msg, sip_t *sip, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        msg_remove(msg, sip, names[i]);
}

void route_strip_from_wic(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, from_wic, ARRAY_LEN(from_wic));
}

void route_strip_to_wic(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, to_wic, ARRAY_LEN(to_wic));
}

char *route_charging(su_home_t *home, const char *host, const char *domain)
{
    unsigned char id[16];
    char hex[sizeof id * 3 + 1];

    rnd_bytes(id, sizeof id);
    enc_hex(id, sizeof id, 0, hex);
    return su_sprintf(home, "icid-value=\"%s\";icid-generated-at=%s;orig-ioi=\"Type 1%s\"", hex, host, domain);
}

void route_add(msg_t *msg, sip_t *sip, const char *name, const char *value)
{
    char *line = su_sprintf(msg_home(msg), "%s: %s", name, value);

    if (line)
        sip_add_make(msg, sip, sip_unknown_class, line);
}

void route_access(msg_t *msg, sip_t *sip, const char *ours)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *theirs = msg_value(home, sip, "P-Access-Network-Info");

    if (theirs && (strcasestr(theirs, "network-provided") || strlen(theirs) > SIP_VALUE_MAX))
        msg_remove(msg, sip, "P-Access-Network-Info");
    if (ours)
        route_add(msg, sip, "P-Access-Network-Info", su_sprintf(msg_home(msg), "%s;network-provided", ours));
    su_home_deinit(home);
}

void route_forward(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, (const char *const[]){"Via", "Route", "Record-Route"}, 3);
    if (sip->sip_max_forwards) {
        sip->sip_max_forwards->mf_count--;
        msg_fragment_clear(sip->sip_max_forwards->mf_common);
    }
}
