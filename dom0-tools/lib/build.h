/* SPDX-License-Identifier: MIT */
/*
 * Inside the builder: one construction, and what is common to all kinds of domains: steps (build_steps.c) and memory
 * (build_memory.c). pv_builder.c and fv_builder.c call them in order; nothing here knows a kind. Each returns 0, or -1
 * after its report.
 */
#pragma once

#include "builder.h"
#include "kernel.h"

#include "dom/first_memory.h"

struct build {
	struct hv *hv;
	const struct build_request *request;
	const struct domconf *conf; /* request's */
	struct build_result *result;
	unsigned id;
	struct kernel kernel;
	char *initrd;
	size_t initrd_size;
	struct first_memory plan; /* fv: only the places of kernel, initrd, store and console */
	uint64_t *p2m;            /* machine frame of each pfn */
	uint64_t shared_info;     /* its machine frame */
};

/* build_steps.c */
long build_domctl(struct build *b, struct xen_domctl *op);
int build_read_initrd(struct build *b);
/* A new domain of this kind, with these flags. */
int build_create(struct build *b, const char *kind, uint32_t flags);
/* Event channels of store and console. */
int build_ports(struct build *b);
/* Give back what a half-made domain has. */
void build_undo(struct build *b);

/* build_memory.c: plan.nr_pages frames; fills p2m. */
int build_memory(struct build *b);
/* Call @fill for pieces of the range, mapped one after another; @first is the piece's offset in frames. */
int build_fill(struct build *b, struct first_range range,
	       void (*fill)(struct build *b, uint8_t *at, uint64_t first, uint64_t count));
/* The part of [@from, @from + @size) that falls into the window [@start, @start + @len). */
void build_copy(uint8_t *window, uint64_t start, uint64_t len, uint64_t from, const uint8_t *data,
		uint64_t size);
/* Fillers: the initrd, and nothing. */
void build_initrd(struct build *b, uint8_t *at, uint64_t first, uint64_t count);
void build_zero(struct build *b, uint8_t *at, uint64_t first, uint64_t count);
/* Empty pages for the rings of store and console; tells the result where they are. */
int build_rings(struct build *b);

/* build_grants.c: what a new PV domain grants from the start. */
int build_grants(struct build *b);

/* A whole domain: pv_builder.c, fv_builder.c. */
int build_pv(struct build *b);
int build_fv(struct build *b);
