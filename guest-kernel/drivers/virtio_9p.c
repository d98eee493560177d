/* SPDX-License-Identifier: MIT */
/* See virtio_9p.h. */
#include "drivers/virtio_9p.h"
#include "drivers/virtio.h"
#include "kern/console/log.h"
#include "kern/fs/p9.h"
#include "kern/mm/kmalloc.h"

#define FEATURE_TAG 1u

struct share {
	struct p9 p9;
	struct virtio_device device;
	struct virtqueue queue;
};

static bool share_send(struct p9 *p9, struct p9_call *c)
{
	struct share *s = container_of(p9, struct share, p9);
	struct virtio_piece pieces[] = {
	    {.at = c->out.bytes, .len = c->out.at},
	    {.at = c->in.bytes, .len = P9_MESSAGE, .device_writes = true},
	};

	return virtqueue_add(&s->queue, pieces, ARRAY_SIZE(pieces), c);
}

static void share_interrupt(struct virtio_device *v)
{
	struct share *s = container_of(v, struct share, device);
	struct p9_call *c;
	uint32_t len;

	while ((c = virtqueue_take(&s->queue, &len)) && !IS_ERR(c))
		p9_done(c, len);
	if (!c)
		return;
	log_warn("virtio-9p: %s: the host answers what nobody asked; it is not asked again\n", s->p9.tag);
	virtio_give_up(v);
	p9_break(&s->p9);
}

static void read_tag(struct virtio_device *v, char tag[P9_TAG_MAX + 1])
{
	unsigned len = virtio_config(v, 0) | virtio_config(v, 1) << 8;

	for (unsigned i = 0; i < MIN(len, P9_TAG_MAX); i++)
		tag[i] = virtio_config(v, 2 + i);
}

static bool start(struct share *s, pci_function_t function)
{
	uint32_t features;

	if (!virtio_begin(&s->device, function, FEATURE_TAG, &features) || features != FEATURE_TAG)
		return false;
	read_tag(&s->device, s->p9.tag);
	s->device.interrupt = share_interrupt;
	s->p9.send = share_send;
	return virtqueue_init(&s->queue, &s->device, 0) && p9_add(&s->p9) && virtio_start(&s->device);
}

/* What cannot be started keeps its memory: the device may have got it already. */
void virtio_9p_found(pci_function_t function)
{
	struct share *s = kzalloc(sizeof(*s));

	if (s && start(s, function))
		log_print("virtio-9p: the host shares \"%s\"\n", s->p9.tag);
	else
		log_warn(
		    "virtio-9p: a shared folder cannot be used: no registers, interrupt or memory for it\n");
}
