/* SPDX-License-Identifier: MIT */
/*
 * See why.h. Who called whom is told by the chain of frame pointers: each frame begins with the caller's frame pointer and the
 * return address. A kernel may keep none, and where an exception came in between, its frame has the address of the instruction, which
 * the chain leaves out. So every other word of the stack that is an address in the kernel's code is shown as well, with a question mark.
 */
#include "why.h"
#include "cfg.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "guest_abi.h"
#include "home.h"
#include "peek.h"
#include "record.h"
#include "symbols.h"
#include "xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_VCPUS   8
#define MAX_LINES   40 /* for each vCPU */
#define MAX_CALLERS 32
#define SCANNED     4096 /* bytes of a stack without frame pointers */
#define TEXT_MAX    (64 * 1024)

struct scene {
	FILE *out;
	const struct guest_abi *abi;
	struct symbols symbols; /* without text if there are none */
	struct peek peek;
	unsigned lines; /* on this vCPU */
};

struct chain {
	uint64_t slot[MAX_CALLERS], address[MAX_CALLERS]; /* where it is kept, and the return address */
	unsigned count;
};

static int digits(const struct guest_abi *abi)
{
	return 2 * abi->first->word;
}

/* @behind: the address is that behind a call, which may be another function's beginning. */
static void put(struct scene *s, const char *mark, uint64_t address, unsigned behind)
{
	char name[SYMBOL_NAME];
	uint64_t start;

	if (s->lines++ >= MAX_LINES)
		return;
	fprintf(s->out, "    %2s %0*llx", mark, digits(s->abi), (unsigned long long)address);
	if (symbols_find(&s->symbols, address - behind, name, &start))
		fprintf(s->out, " %s+%#llx", name, (unsigned long long)(address - start));
	fputc('\n', s->out);
}

/* Going up, addresses rise. */
static void follow(struct scene *s, uint64_t frame, struct chain *c)
{
	unsigned word = s->abi->first->word;
	uint64_t next, address;

	for (c->count = 0; c->count < MAX_CALLERS; frame = next) {
		if (!peek_word(&s->peek, frame, &next) || !peek_word(&s->peek, frame + word, &address) ||
		    !address || (s->symbols.texts && !symbols_in_text(&s->symbols, address)))
			return;
		c->slot[c->count] = frame + word;
		c->address[c->count++] = address;
		if (next <= frame)
			return;
	}
}

static void put_stack(struct scene *s, uint64_t sp, const struct chain *c)
{
	unsigned word = s->abi->first->word, i = 0;
	uint64_t start = sp & -(uint64_t)word, at = start, value;
	uint64_t last = c->count ? c->slot[c->count - 1] : start + SCANNED;

	for (; i < c->count && c->slot[i] < at; i++)
		put(s, "by", c->address[i], 1);
	for (; at <= last && at - start < 4 * SCANNED && peek_word(&s->peek, at, &value); at += word)
		if (i < c->count && c->slot[i] == at)
			put(s, "by", c->address[i++], 1);
		else if (symbols_in_text(&s->symbols, value))
			put(s, "?", value, 1);
	for (; i < c->count; i++)
		put(s, "by", c->address[i], 1);
}

/* The frame that CR3 names; a pv32's has the number's top bits in the low ones (xen-x86_32.h). */
static uint64_t root_of(const struct guest_abi *abi, uint64_t cr3)
{
	return abi == &abi_pv64 ? cr3 >> FRAME_SHIFT : (uint32_t)(cr3 >> FRAME_SHIFT | cr3 << 20);
}

static void put_context(struct scene *s, unsigned vcpu, const uint8_t *ctx)
{
	const struct guest_abi *abi = s->abi;
	uint64_t sp = abi_get(abi, ctx, abi->ctx.sp), ip = abi_get(abi, ctx, abi->ctx.ip);
	struct chain chain;

	s->lines = 0;
	if (!(abi_get(abi, ctx, abi->ctx.flags) & VGCF_in_kernel)) {
		fprintf(s->out, "  vCPU %u, in an application, at %llx\n", vcpu, (unsigned long long)ip);
		return;
	}
	fprintf(s->out, "  vCPU %u, in its kernel, stack pointer %0*llx\n", vcpu, digits(abi),
		(unsigned long long)sp);
	s->peek.root = root_of(abi, abi_get(abi, ctx, abi->ctx.cr3));
	put(s, "at", ip, 0);
	follow(s, abi_get(abi, ctx, abi->ctx.bp), &chain);
	put_stack(s, sp, &chain);
	peek_end(&s->peek);
	if (s->lines > MAX_LINES)
		fprintf(s->out, "       and %u more\n", s->lines - MAX_LINES);
}

static void put_vcpu(struct scene *s, unsigned vcpu)
{
	struct hv *hv = s->peek.hv;
	struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpucontext, .domain = s->peek.domain};
	size_t mark = hv->used;
	uint8_t *ctx = hv_buf(hv, s->abi->ctx.size);
	long rc;

	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)ctx);
	rc = ctx ? hv_domctl(hv, &op) : -ENOMEM;
	if (rc >= 0)
		put_context(s, vcpu, ctx);
	else if (rc != -ENODATA && rc != -ESRCH) /* it never ran, or there is none */
		fprintf(s->out, "  vCPU %u: the hypervisor does not tell: %s\n", vcpu, strerror(-rc));
	hv_release(hv, mark);
}

/* NULL: it has no kernel of the kinds known here. */
static const struct guest_abi *abi_of(struct hv *hv, const struct xen_domctl_getdomaininfo *info,
				      const char *kind)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_get_address_size, .domain = info->domain};

	if (!strcmp(kind, "fv") || info->flags & XEN_DOMINF_hvm_guest || hv_domctl(hv, &op) < 0)
		return NULL;
	return op.u.address_size.size == 32 ? &abi_pv32 : op.u.address_size.size == 64 ? &abi_pv64 : NULL;
}

/* The kernel that xl wrote into the store, malloc()ed; NULL: xl has not made this domain. */
static char *kernel_in_store(unsigned id)
{
	struct xs *xs = xs_shared();
	char *vm = xs ? home_read(xs, id, "vm") : NULL, *kernel;
	char path[128];

	snprintf(path, sizeof(path), "%s/image/kernel", vm ? vm : "");
	kernel = vm ? xs_read(xs, 0, path, NULL) : NULL;
	free(vm);
	return kernel;
}

/* The kernel that its configuration names, malloc()ed; NULL: it is not known. */
static char *kernel_of(unsigned id)
{
	const char *path = record_path(id, "config"), *kernel = NULL;
	struct cfg cfg = {0};
	char *copy = NULL;

	if (!access(path, R_OK) && !cfg_load(&cfg, path) && !cfg_text(&cfg, "kernel", &kernel) && kernel)
		copy = strdup(kernel);
	cfg_free(&cfg);
	return copy ? copy : kernel_in_store(id);
}

static void load_symbols(struct scene *s, unsigned id, const char *kernel)
{
	char *known = kernel ? NULL : kernel_of(id);
	const char *path = kernel ? kernel : known, *wrong;

	wrong = path ? symbols_load(&s->symbols, path) : NULL;
	if (!path)
		fprintf(s->out, "  The file of its kernel is not known: addresses only.\n");
	else if (wrong)
		fprintf(s->out, "  Addresses only. %s: %s\n", path, wrong);
	else
		fprintf(s->out, "  Names are those of %s.\n", path);
	free(known);
}

static void put_head(FILE *out, const struct xen_domctl_getdomaininfo *info, const char *kind)
{
	const char *reason = shutdown_reason(info);

	fprintf(out, "domain %u \"%s\" (%s) ", info->domain, domain_name(info->domain), kind);
	if (!*reason)
		fprintf(out, "runs; it was here just now:\n");
	else if (!strcmp(reason, "crash"))
		fprintf(out, "crashed; the reason is in `rl dmesg`, or the last on its console:\n");
	else
		fprintf(out, "shut down (%s):\n", reason);
}

char *why_text(struct hv *hv, const struct xen_domctl_getdomaininfo *info, const char *kernel)
{
	struct scene s = {.peek = {.hv = hv, .domain = info->domain}};
	struct record r;
	char *text = NULL;
	size_t size;

	record_load(info->domain, &r);
	s.out = open_memstream(&text, &size);
	if (!s.out)
		return NULL;
	s.abi = abi_of(hv, info, r.kind);
	put_head(s.out, info, s.abi ? s.abi->kind : *r.kind ? r.kind : "?");
	if (!s.abi) {
		fprintf(s.out, "  Only of pv64 and pv32 kernels more is known here.\n");
	} else {
		s.peek.word = s.abi->first->word;
		load_symbols(&s, info->domain, kernel);
		for (unsigned v = 0; v <= info->max_vcpu_id && v < MAX_VCPUS; v++)
			put_vcpu(&s, v);
		if (info->max_vcpu_id >= MAX_VCPUS)
			fprintf(s.out, "  and %u vCPUs more\n", info->max_vcpu_id + 1 - MAX_VCPUS);
	}
	symbols_free(&s.symbols);
	if (!fclose(s.out))
		return text;
	free(text);
	return NULL;
}

void why_keep(struct hv *hv, const struct xen_domctl_getdomaininfo *info)
{
	char *text = access(record_path(info->domain, "crash"), F_OK) ? why_text(hv, info, NULL) : NULL;

	if (!text)
		return;
	fputs(text, stderr);
	if (file_write(record_path(info->domain, "crash"), text))
		warn("%s: cannot write", record_path(info->domain, "crash"));
	free(text);
}

char *why_kept(unsigned id)
{
	size_t len;

	return file_read_quiet(record_path(id, "crash"), TEXT_MAX, &len);
}
