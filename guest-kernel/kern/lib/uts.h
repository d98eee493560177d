/* SPDX-License-Identifier: MIT */
/* The names that uname() returns. */
#ifndef KERN_LIB_UTS_H
#define KERN_LIB_UTS_H

#define UTS_LEN 65

struct utsname {
	char sysname[UTS_LEN], nodename[UTS_LEN], release[UTS_LEN], version[UTS_LEN], machine[UTS_LEN],
	    domainname[UTS_LEN];
};

extern struct utsname uts;

#endif
