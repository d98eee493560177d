/* SPDX-License-Identifier: MIT */
/* The store, by its ring: one question at a time, and nothing is watched. */
#include "liar.h"
#include "xen/io/xs_wire.h"

static volatile struct xenstore_domain_interface *ring;
static char answer[XENSTORE_PAYLOAD_MAX + 1];

unsigned text_length(const char *text)
{
	unsigned n = 0;

	while (text[n])
		n++;
	return n;
}

const char *joined(const char *a, const char *b)
{
	static char path[256];
	unsigned n = text_length(a), m = text_length(b);

	if (n + m >= sizeof(path))
		error("%s%s is too long", a, b);
	__builtin_memcpy(path, a, n);
	__builtin_memcpy(path + n, b, m + 1);
	return path;
}

void store_init(void)
{
	ring = mfn_to_va(start_info->store_mfn);
}

static void tell(void)
{
	struct evtchn_send send = {.port = start_info->store_evtchn};

	hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void put(const void *data, unsigned len)
{
	const char *from = data;

	while (len) {
		uint32_t prod = ring->req_prod;

		if (prod - ring->req_cons == XENSTORE_RING_SIZE) {
			tell();
			rest(1);
			continue;
		}
		ring->req[MASK_XENSTORE_IDX(prod)] = *from++;
		barrier();
		ring->req_prod = prod + 1;
		len--;
	}
}

static void get(void *data, unsigned len)
{
	char *to = data;

	while (len) {
		uint32_t cons = ring->rsp_cons;

		if (cons == ring->rsp_prod) {
			rest(1);
			continue;
		}
		*to++ = ring->rsp[MASK_XENSTORE_IDX(cons)];
		barrier();
		ring->rsp_cons = cons + 1;
		len--;
	}
}

/* @path with its zero byte, and @value without one. False: an error, whose name is the answer. */
static bool ask(uint32_t type, const char *path, const char *value)
{
	struct xsd_sockmsg head = {.type = type, .len = text_length(path) + 1 + text_length(value)};

	put(&head, sizeof(head));
	put(path, text_length(path) + 1);
	put(value, text_length(value));
	tell();
	get(&head, sizeof(head));
	if (head.len > XENSTORE_PAYLOAD_MAX)
		error("the store answers with %u bytes", head.len);
	get(answer, head.len);
	answer[head.len] = 0;
	tell();
	return head.type == type;
}

const char *store_read(const char *path)
{
	return ask(XS_READ, path, "") ? answer : NULL;
}

bool store_write(const char *path, const char *value)
{
	return ask(XS_WRITE, path, value);
}

bool store_write_number(const char *path, unsigned long value)
{
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = 0;
	do {
		*--p = '0' + value % 10;
		value /= 10;
	} while (value);
	return store_write(path, p);
}

void store_remove(const char *path)
{
	ask(XS_RM, path, "");
}
