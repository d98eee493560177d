/* SPDX-License-Identifier: MIT */
/* The lines of rl list and rl vcpu-list, exactly in xl's columns: text from data, without hypercalls. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <xen/domctl.h>

/* "rbpscd", each letter or '-': running, blocked, paused, shut down, crashed, dying. */
void table_state(const struct xen_domctl_getdomaininfo *info, char state[7]);
void table_domain_head(char *line, size_t size);
void table_domain(char *line, size_t size, const char *name, const struct xen_domctl_getdomaininfo *info);

/* As table_domain, one JSON object. */
void table_domain_json(char *line, size_t size, const char *name,
		       const struct xen_domctl_getdomaininfo *info);

void table_vcpu_head(char *line, size_t size);
/* @affinity: bitmap of @nr_cpus CPUs. */
void table_vcpu(char *line, size_t size, const char *name, unsigned id,
		const struct xen_domctl_getvcpuinfo *info, uint64_t affinity, unsigned nr_cpus);
