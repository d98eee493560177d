/* SPDX-License-Identifier: MIT */
/* Debug keys: one character, one report in the log. Registered at boot, so the table needs no lock. */
#include "dev/console.h"
#include "cpu/panic.h"
#include "lib/printk.h"
#include "lib/tracepoint.h"

#define MAX_KEYS 16

static struct {
	char key;
	const char *what;
	void (*fn)(void);
} keys[MAX_KEYS];
static unsigned count;

void debug_key_register(char key, const char *what, void (*fn)(void))
{
	BUG_ON(count == MAX_KEYS);
	keys[count].key = key;
	keys[count].what = what;
	keys[count].fn = fn;
	count++;
}

static void help(void)
{
	printk("Debug keys:\n");
	for (unsigned i = 0; i < count; i++)
		printk("  %c  %s\n", keys[i].key, keys[i].what);
}

void debug_key(char key)
{
	for (unsigned i = 0; i < count; i++)
		if (keys[i].key == key) {
			printk("'%c': %s\n", key, keys[i].what);
			keys[i].fn();
			trace_point(TRACE_EXEMPT, 0);
			return;
		}
	help();
}
