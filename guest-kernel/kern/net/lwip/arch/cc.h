/* SPDX-License-Identifier: MIT */
/* What lwIP needs of the compiler and of this kernel. */
#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* ssize_t */

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_UNISTD_H   1
#define LWIP_NO_CTYPE_H    1
#define SSIZE_MAX          0x7fffffff

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

/* memory.c, stack.c */
void *net_malloc(size_t size);
void *net_calloc(size_t count, size_t size);
void net_free(void *p);
uint32_t net_random(void);
void net_assertion(const char *text);

#define LWIP_PLATFORM_DIAG(message) ((void)0)
#define LWIP_PLATFORM_ASSERT(text)  net_assertion(text)
#define LWIP_RAND()                 net_random()

#endif
