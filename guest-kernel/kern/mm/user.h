/* SPDX-License-Identifier: MIT */
/* The way to user memory: every address a program passes goes through here. Results: 0 or -EFAULT. */
#ifndef KERN_MM_USER_H
#define KERN_MM_USER_H

#include "kern/lib/types.h"

int copy_from_user(void *to, const void *user_from, size_t n);
int copy_to_user(void *user_to, const void *from, size_t n);
int clear_user(void *user_to, size_t n);
/* Length of the string without its end, or -EFAULT, or -ENAMETOOLONG if it does not fit into size bytes. */
long strncpy_from_user(char *to, const char *user_from, size_t size);

#define put_user(value, user_ptr)                              \
	({                                                     \
		__typeof__(*(user_ptr)) put_ = (value);        \
		copy_to_user((user_ptr), &put_, sizeof(put_)); \
	})
#define get_user(var, user_ptr) copy_from_user(&(var), (user_ptr), sizeof(var))

#endif
