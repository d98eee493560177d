/* SPDX-License-Identifier: MIT */
/* Frames of a vif: see vif.h. */
#include "files.h"
#include "vif.h"

#define EMPTY_MAX 16 /* events without anything to do, one after the other, before they are slowed down */
#define EMPTY_NS  2000000ull
#define POLL_NS   30000000ull   /* a front end that does not tell when it posts buffers is asked so often */
#define FORGET_NS 1000000000ull /* what waits for too long is looked for so often */

static bool send_frame(struct switch_port *p, struct frame *f, bool tagged)
{
	struct vif *v = port_vif(p);

	if (!netring_queue(&v->ring, f, tagged, now_ms()))
		return false;
	v->busy = true;
	return true;
}

const struct port_ops vif_ops = {.send = send_frame};

static void take(void *arg, struct frame *f)
{
	struct vif *v = arg;

	switch_input(&v->port, f, now_ms());
}

void vif_fired(struct vif *v)
{
	v->busy = v->masked = true;
}

static void unmask(struct vif *v)
{
	uint32_t ports[2] = {(uint32_t)v->tx_port, (uint32_t)v->rx_port};

	v->masked = false;
	evtchn_unmask(world.evtchn, ports, v->rx_port == v->tx_port ? 1 : 2);
}

static void tell(struct vif *v, const struct net_result *r)
{
	bool once = v->rx_port == v->tx_port;

	if (r->tell_tx || (once && r->tell_rx))
		evtchn_notify(world.evtchn, (unsigned)v->tx_port);
	if (r->tell_rx && !once)
		evtchn_notify(world.evtchn, (unsigned)v->rx_port);
}

/* When to come again without an event. */
static uint64_t next_turn(const struct vif *v, const struct net_result *r, uint64_t now)
{
	uint64_t at = r->wait_ns;

	if (v->ring.count) {
		uint64_t again = now + (v->ring.can.notifies ? FORGET_NS : POLL_NS);

		if (!at || again < at)
			at = again;
	}
	return at;
}

void vif_serve(struct vif *v)
{
	uint32_t before = v->ring.tx_cons + v->ring.rx_cons;
	struct net_result r = {0};
	uint64_t now = now_ns();

	if (v->tx_port < 0) {
		v->busy = false;
		return;
	}
	v->wake_ns = 0;
	netring_take(&v->ring, now, take, v, &r);
	netring_give(&v->ring, now / 1000000, &r);
	tell(v, &r);
	v->empty = v->ring.tx_cons + v->ring.rx_cons == before ? v->empty + 1 : 0;
	v->busy = r.more;
	if (r.more || v->ring.halted) /* one that is halted stays masked */
		return;
	v->wake_ns = next_turn(v, &r, now);
	if (!v->masked)
		return;
	v->slowed = v->empty > EMPTY_MAX && !v->slowed;
	if (v->slowed)
		v->wake_ns = now + EMPTY_NS;
	else
		unmask(v);
}

uint64_t vif_due(const struct vif *v)
{
	uint64_t at = v->wake_ns;

	if (v->retry_ms && (!at || v->retry_ms * 1000000 < at))
		at = v->retry_ms * 1000000;
	return at;
}
