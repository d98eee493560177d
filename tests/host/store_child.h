/* SPDX-License-Identifier: MIT */
/*
 * A store in a child process, which is what /dev/xen/xenbus is in this program; and in the same process a back end, which is called
 * after each piece of a request, and speaks with the store itself (put_value() and so on, as client 0).
 */
#pragma once

/* @daemon: whose lock the child holds. Before the first xs_shared(). */
void store_child_begin(const char *daemon, void (*back_end)(void));
