/* SPDX-License-Identifier: MIT */
/* Virtual network cards: the front end. */
#ifndef DRIVERS_NETFRONT_H
#define DRIVERS_NETFRONT_H

/* Looks for the cards in the store from now on; they are eth0 and so on. */
void netfront_init(void);

#endif
