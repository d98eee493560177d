/* SPDX-License-Identifier: MIT */
/*
 * Where a domain's kernel is, for one that crashed or hangs: each vCPU's instruction, and who called it, by the names in the
 * kernel's file. rl-domd keeps the report on a crash (record.h), before the domain is destroyed.
 */
#pragma once

#include "hv.h"

/* The report on a domain that exists. @kernel: the file with its symbols; NULL: the one in its record. malloc()ed; NULL: out
 * of memory. Whatever cannot be found out is said in it. */
char *why_text(struct hv *hv, const struct xen_domctl_getdomaininfo *info, const char *kernel);
/* Keep it, and print it to standard error; nothing, if one is kept already. */
void why_keep(struct hv *hv, const struct xen_domctl_getdomaininfo *info);
/* The one that is kept of domain @id, malloc()ed; NULL: none is. */
char *why_kept(unsigned id);
