/* SPDX-License-Identifier: MIT */
/* What a domain may have, and the special names that are no paths. */
#include "store.h"

/* The numbers are those of Xen's store daemon, where it has one. */
const struct quota quota_guest = {
    .nodes = 1000,
    .bytes = 128 * 1024,
    .value = 2048,
    .path = 1024,
    .perms = 5,
    .watches = 128,
    .events = 256,
    .replies = 20,
    .transactions = 10,
    .steps = 1024,
    .log = 64 * 1024,
};
const struct quota quota_dom0 = {
    .nodes = SIZE_MAX,
    .bytes = SIZE_MAX,
    .value = XENSTORE_PAYLOAD_MAX,
    .path = XENSTORE_ABS_PATH_MAX,
    .perms = PERMS_MAX,
    .watches = SIZE_MAX,
    .events = 4096,
    .replies = 256,
    .transactions = SIZE_MAX,
    .steps = 65536,
    .log = SIZE_MAX,
};

const char *const special_names[SPECIALS] = {"@introduceDomain", "@releaseDomain"};
