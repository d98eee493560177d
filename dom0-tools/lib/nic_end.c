/* SPDX-License-Identifier: MIT */
/* Finding and ending network devices: see nic_store.h. */
#include "nic_store.h"
#include "files.h"
#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding ---- */

static void see(struct xs *xs, uint32_t tx, struct nic_seen *seen, unsigned id, const char *folder,
		long number)
{
	char *mac;

	*seen = (struct nic_seen){.id = id, .number = number};
	snprintf(seen->back, sizeof(seen->back), "%.50s/%ld", folder, number);
	snprintf(seen->front, sizeof(seen->front), "/local/domain/%u/device/vif/%ld", id, number);
	mac = device_node(xs, tx, seen->back, "mac");
	seen->has_mac = mac && nic_mac_read(mac, seen->mac);
	free(mac);
}

static int by_number(const void *a, const void *b)
{
	const struct nic_seen *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

size_t nics_of(struct xs *xs, uint32_t tx, unsigned id, struct nic_seen **out)
{
	char folder[64], *numbers;
	size_t len = 0, n = 0;

	*out = NULL;
	snprintf(folder, sizeof(folder), "/local/domain/0/backend/vif/%u", id);
	numbers = xs_directory(xs, tx, folder, &len);
	for (char *at = numbers; numbers && at < numbers + len; at += strlen(at) + 1) {
		struct nic_seen *grown = realloc(*out, (n + 1) * sizeof(*grown));

		if (!grown)
			break;
		*out = grown;
		see(xs, tx, &grown[n++], id, folder, strtol(at, NULL, 10));
	}
	free(numbers);
	if (n)
		qsort(*out, n, sizeof(**out), by_number);
	return n;
}

bool nic_find(struct xs *xs, uint32_t tx, unsigned dom, long id, const uint8_t mac[NIC_MAC_LEN],
	      struct nic_seen *out)
{
	struct nic_seen *list;
	size_t n = nics_of(xs, tx, dom, &list);
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		found = id >= 0 ? list[i].number == id
				: list[i].has_mac && !memcmp(list[i].mac, mac, NIC_MAC_LEN);
		if (found)
			*out = list[i];
	}
	free(list);
	return found;
}

/* ---- Ending ---- */

static struct device device_of(const struct nic_seen *n)
{
	return (struct device){n->id, n->front, n->back};
}

/* Is there somebody who will close it? */
static bool is_served(void)
{
	return device_has_driver("vif") || lock_holder("rl-netd") || lock_holder("rl-keeper");
}

/* When the back end has closed it. The script must find the directory. */
static int clear_away(struct xs *xs, const struct nic_seen *n, uint64_t until)
{
	struct device device = device_of(n);
	char ignored[NIC_WHY];

	device_await_closed(xs, &device, is_served() ? until : 0);
	if (device_has_driver("vif"))
		nic_script_run(xs, n, "offline", ignored);
	return device_remove(xs, &device);
}

int nic_detach(struct xs *xs, const struct nic_seen *n, char why[NIC_WHY])
{
	struct device device = device_of(n);
	uint64_t guest = now_ms() + device_limits.guest;

	if (device_ask_to_close(xs, &device))
		return nic_refuse(why, "cannot write into the store: %s", strerror(errno));
	if (!device_await_closed(xs, &device, is_served() ? guest : 0))
		device_take_front(xs, &device);
	if (clear_away(xs, n, now_ms() + device_limits.closed))
		return nic_refuse(why, "cannot remove it from the store: %s", strerror(errno));
	return 0;
}

void nics_remove(struct xs *xs, unsigned id)
{
	struct nic_seen *list;
	size_t n = nics_of(xs, 0, id, &list);
	uint64_t until = now_ms() + device_limits.closed;
	struct device device;

	for (size_t i = 0; i < n; i++) {
		device = device_of(&list[i]);
		if (!device_is_of_xl(xs, id, "vif", list[i].number))
			device_take_front(xs, &device);
	}
	for (size_t i = 0; i < n; i++)
		if (!device_is_of_xl(xs, id, "vif", list[i].number))
			clear_away(xs, &list[i], until);
	free(list);
}
