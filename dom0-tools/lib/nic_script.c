/* SPDX-License-Identifier: MIT */
/*
 * Xen's hotplug scripts for Linux's netback (tools/hotplug/Linux/vif-common.sh): "online" joins the port in Dom0 to its
 * bridge and says by hotplug-status how that went, "offline" takes it out. They find what they need in the store.
 */
#include "nic_store.h"
#include "files.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *nic_scripts = "/etc/xen/scripts";
const char *nic_script_log = "/var/log/xen/xen-hotplug.log";
unsigned nic_script_ms = 40000; /* as libxl */

void nic_script_path(const char *script, char out[256])
{
	if (!script || !*script)
		script = "vif-bridge";
	if (*script == '/')
		snprintf(out, 256, "%s", script);
	else
		snprintf(out, 256, "%.100s/%.150s", nic_scripts, script);
}

static void become(const struct nic_seen *n, const char *script, const char *what, const char *gatewaydev)
{
	int log = open(nic_script_log, O_WRONLY | O_CREAT | O_APPEND, 0644), none = open("/dev/null", O_RDWR);
	char path[64], vif[32];

	snprintf(path, sizeof(path), "backend/vif/%u/%ld", n->id, n->number);
	snprintf(vif, sizeof(vif), "vif%u.%ld", n->id, n->number);
	setenv("script", script, 1);
	setenv("XENBUS_TYPE", "vif", 1);
	setenv("XENBUS_PATH", path, 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	setenv("vif", vif, 1);
	if (gatewaydev) {
		setenv("netdev", gatewaydev, 1);
		setenv("gatewaydev", gatewaydev, 1);
	}
	setsid();
	dup2(none, STDIN_FILENO);
	dup2(log < 0 ? none : log, STDOUT_FILENO);
	dup2(log < 0 ? none : log, STDERR_FILENO);
	execl(script, script, what, "type_if=vif", (char *)NULL);
	_exit(127);
}

/* Its status, as wait() has it; -1: it took too long and was ended, with all that it had started. */
static int wait_for(pid_t child)
{
	uint64_t until = now_ms() + nic_script_ms;
	int status = -1;

	while (!waitpid(child, &status, WNOHANG)) {
		if (now_ms() >= until) {
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
		sleep_ms(20);
	}
	return status;
}

int nic_script_run(struct xs *xs, const struct nic_seen *n, const char *what, char why[NIC_WHY])
{
	char *script = device_node(xs, 0, n->back, "script"),
	     *gatewaydev = device_node(xs, 0, n->back, "gatewaydev");
	pid_t child = script ? fork() : -1;
	int rc = 0;

	if (!child)
		become(n, script, what, gatewaydev);
	if (child < 0)
		rc = nic_refuse(why, "its script cannot be started");
	else if (wait_for(child) == -1)
		rc = nic_refuse(why, "its script %s has not ended after %u seconds; %s may say why", script,
				nic_script_ms / 1000, nic_script_log);
	free(script);
	free(gatewaydev);
	return rc;
}
