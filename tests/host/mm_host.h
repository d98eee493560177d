/* SPDX-License-Identifier: MIT */
/* What mm/ needs around it to run on the build machine: a small machine memory, processors that are not
 * there, domains of both kinds. Used by test_frame.c, test_page.c. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dom/domain.h"
#include "guest/kind.h"
#include "mm/mm.h"
#include "mm/page.h"

#define HOST_FRAMES 8192 /* 32 MiB of machine memory */

/* Fresh memory with a map like a PC's: a hole below 1 MiB, an image, reserved space at the end; allocator,
 * frame table, M2P and hypervisor tables stand. Once per program. */
void host_init(void);
/* A new empty domain of a kind; max_pages frames at most. */
struct domain *host_domain(const struct guest_kind *kind, uint64_t max_pages);
void host_domain_free(struct domain *d);
/* A random number below @n; the same sequence each time. */
uint32_t host_random(uint32_t n);
void host_random_seed(uint64_t seed); /* another sequence; not 0 */

extern const struct guest_kind host_pv64, host_pv32;
extern unsigned host_flushes;        /* calls of tlb_flush_cpus so far */
extern uint32_t host_stale_asked;    /* among which CPUs those were looked for that are to be flushed */
extern int host_allowance;           /* what pt_begin gives (mm/pt.h) */
extern unsigned host_looks;          /* calls of hypercall_preempt_check so far */
extern int host_work;                /* is there other work then? 0 no, 1 yes, -1 at random */
extern void (*host_meanwhile)(void); /* what another CPU does while this one waits for it */
