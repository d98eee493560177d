/* SPDX-License-Identifier: MIT */
/* Split devices: the states that both ends write into the store, as decimal numbers. */
#pragma once

enum xenbus_state {
	XenbusStateUnknown, /* the node is not there */
	XenbusStateInitialising,
	XenbusStateInitWait,    /* the back end has written its offers */
	XenbusStateInitialised, /* the front end has written its ring and port */
	XenbusStateConnected,
	XenbusStateClosing,
	XenbusStateClosed,
	XenbusStateReconfiguring,
	XenbusStateReconfigured,
};
