/* SPDX-License-Identifier: MIT */
/*
 * What Ringlet adds to the domctl interface: domains whose kernel runs unmodified in ring 1 (docs/fv.md). Xen has
 * nothing like it, so the names are Ringlet's and the bits are ones that Xen leaves clear.
 */
#pragma once

/* xen_domctl_createdomain.flags */
#define RINGLET_CDF_fv         (1u << 30) /* full virtualisation by deprivileging */
#define RINGLET_CDF_fv_nopatch (1u << 29) /* with it: leave instructions alone that do not trap */

/*
 * DOMCTL_setvcpucontext of such a domain, in the pv32 layout. Registers are those of a processor in protected
 * mode without paging and with flat segments. Two fields that mean nothing else here:
 *	failsafe_callback_eip  frames of RAM: guest frames 0 to n - 1; frame n is the console page
 *	event_callback_eip     event channel port of the console
 */
