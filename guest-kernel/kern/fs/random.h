/* SPDX-License-Identifier: MIT */
/* Random numbers good enough for AT_RANDOM and a teaching kernel's /dev/urandom; not for secrets. */
#ifndef KERN_FS_RANDOM_H
#define KERN_FS_RANDOM_H

#include "kern/lib/types.h"

void random_bytes(void *to, size_t n);

long random_to_user(void *user, size_t n); /* n, or -EFAULT */

#endif
