/* Values that both services' configurations have: readers, and checks for struct conf_key. Start-up only. */
#pragma once

#include "common/log.h"
#include "common/net.h"

int conf_udp(const char *text, struct addr *out); /* "udp:HOST:PORT" (a name is resolved). 0, -EINVAL, -errno of the resolver */
enum log_level conf_log_level(const char *word);  /* one of conf_check_log's words */

int conf_check_udp(const char *value, char *why, size_t size);
int conf_check_hostport(const char *value, char *why, size_t size);         /* numeric ADDRESS:PORT */
int conf_check_hostport_or_none(const char *value, char *why, size_t size); /* or "" */
int conf_check_log(const char *value, char *why, size_t size);              /* debug info warn error */
int conf_check_encoding(const char *value, char *why, size_t size);         /* pretty compact */
