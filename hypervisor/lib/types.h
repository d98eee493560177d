/* SPDX-License-Identifier: MIT */
/* The integer types every file uses, and the names of the four address spaces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t mfn_t;   /* machine frame number: a page of real memory */
typedef uint64_t pfn_t;   /* pseudo-physical frame number: a guest's own numbering */
typedef uint64_t gva_t;   /* guest virtual address (linear) */
typedef uint64_t paddr_t; /* machine physical address */
typedef uint16_t domid_t;
typedef uint32_t cpuset_t; /* processors (cpu/cpuset.h) */
typedef uint64_t ns_t;     /* nanoseconds since the hypervisor started (system time) */

#define INVALID_MFN (~(mfn_t)0)

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define ROUND_UP(x, n)                (((x) + (n)-1) & ~((uint64_t)(n)-1))
#define ROUND_DOWN(x, n)              ((x) & ~((uint64_t)(n)-1))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#define likely(x)    __builtin_expect(!!(x), 1)
#define unlikely(x)  __builtin_expect(!!(x), 0)
#define __packed     __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
/* A rare way that saves every register itself, so that the function which may take it need not. The compiler's
 * attribute needs code compiled without vector registers, and unit tests use them. */
#ifdef HOST_TEST
#define __rare __attribute__((cold, noinline))
#else
#define __rare __attribute__((cold, noinline, no_caller_saved_registers))
#endif
#define __cold              __attribute__((cold))
#define __noreturn          __attribute__((noreturn))
#define __printf_like(f, a) __attribute__((format(printf, f, a)))
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
