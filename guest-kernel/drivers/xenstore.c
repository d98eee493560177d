/* SPDX-License-Identifier: MIT */
/*
 * A client of the store with one task: to learn when Dom0 asks this domain to power off or reboot. It watches
 * control/shutdown; when the watch fires, it reads that node; if the answer is a request, it acknowledges the
 * request by writing the empty text, and has process 1 do it, as its own commands do: programs end, disks have all that was
 * written. A process 1 that does not listen to these signals would never do it: then the machine ends at once. The feature
 * nodes tell Dom0 beforehand that this kernel listens.
 */
#include "drivers/xenstore.h"
#include "drivers/xs_ring.h"
#include "kern/console/log.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/process.h"
#include "kern/proc/signal.h"
#include "machine.h"

static const char node[] = "control/shutdown";
static const char watch[] = "control/shutdown\0shutdown"; /* path and token */

static void ask(u32 type, const void *payload, size_t len);

static void obey(const char *request)
{
	bool off = !strcmp(request, "poweroff") || !strcmp(request, "halt");

	if (!off && strcmp(request, "reboot"))
		return;
	ask(XS_WRITE, node, sizeof(node));
	log_warn("store: Dom0 asks for %s\n", request);
	if (init_process && signal_is_heard(init_process, off ? SIGUSR2 : SIGTERM)) {
		signal_send(init_process, off ? SIGUSR2 : SIGTERM, NULL);
		return;
	}
	if (off)
		machine_poweroff();
	machine_reboot();
}

static void receive(struct xs_client *c, struct xs_message *m)
{
	if (m->head.type == XS_WATCH_EVENT)
		ask(XS_READ, node, sizeof(node));
	else if (m->head.type == XS_READ)
		obey(m->payload);
	kfree(m);
}

static void again(struct xs_client *c);

static struct xs_client client = {.receive = receive, .again = again};

static void ask(u32 type, const void *payload, size_t len)
{
	xs_send(&client, xs_message(type, 0, payload, len));
}

/* A value travels without its zero byte. */
static void announce(const char *feature)
{
	char text[48];
	int len = snprintf(text, sizeof(text), "control/feature-%s", feature);

	text[len + 1] = '1';
	ask(XS_WRITE, text, len + 2);
}

static void again(struct xs_client *c)
{
	ask(XS_WATCH, watch, sizeof(watch));
	announce("poweroff");
	announce("reboot");
}

void xenstore_init(void)
{
	xs_client_add(&client);
	again(&client);
}
