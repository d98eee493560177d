/* SPDX-License-Identifier: MIT */
/* Numbers of virtual disks: the device numbers that Linux had for such names, and for more of them an extended form
 * (Xen's docs/misc/vbd-interface). See disk_spec.h. */
#include "disk_spec.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define EXTENDED     (1L << 28)
#define DISKS_MAX    (1L << 20) /* in the extended form: 20 bits, */
#define PARTS_MAX    256        /* and 8 */
#define XVD_MAJOR    202
#define SD_MAJOR     8
#define HD_MAJOR     3
#define HD_2ND_MAJOR 22

/* A number without leading zeros at *@at; -1: there is none, or it is too large. */
static long digits(const char **at, long below)
{
	const char *p = *at;
	long n = 0;

	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		n = n * 10 + (*p - '0');
		if (n >= below)
			return -1;
	}
	*at = p;
	return n;
}

/* Letters count as digits from 1 to 26: a is disk 0, z 25, aa 26. */
static long letters(const char **at)
{
	const char *p = *at;
	long n = 0;

	for (; *p >= 'a' && *p <= 'z'; p++) {
		n = n * 26 + (*p - 'a' + 1);
		if (n > DISKS_MAX)
			return -1;
	}
	*at = p;
	return n - 1;
}

/* What follows a prefix: letters, and perhaps a partition. */
static bool letters_and_part(const char *p, long *disk, long *part)
{
	*disk = letters(&p);
	*part = 0;
	if (*disk < 0 || !*p)
		return *disk >= 0;
	*part = digits(&p, PARTS_MAX);
	return *part > 0 && !*p;
}

static long xvd(long disk, long part)
{
	if (disk < 16 && part < 16)
		return XVD_MAJOR << 8 | disk << 4 | part;
	return EXTENDED | disk << 8 | part;
}

/* "d0p1" */
static long by_numbers(const char *p)
{
	long disk = digits(&p, DISKS_MAX), part;

	if (disk < 0 || *p++ != 'p')
		return -1;
	part = digits(&p, PARTS_MAX);
	return part < 0 || *p ? -1 : xvd(disk, part);
}

static long bare(const char *name)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(name, &end, 0);
	return errno || end == name || *end || number > INT_MAX ? -1 : (long)number;
}

long vdev_number(const char *name)
{
	long disk, part;

	if (*name == 'd')
		return by_numbers(name + 1);
	if (!strncmp(name, "xvd", 3))
		return letters_and_part(name + 3, &disk, &part) ? xvd(disk, part) : -1;
	if (!strncmp(name, "sd", 2))
		return letters_and_part(name + 2, &disk, &part) && disk < 16 && part < 16
			   ? SD_MAJOR << 8 | disk << 4 | part
			   : -1;
	if (!strncmp(name, "hd", 2))
		return letters_and_part(name + 2, &disk, &part) && disk < 4 && part < 64
			   ? (disk < 2 ? HD_MAJOR : HD_2ND_MAJOR) << 8 | (disk & 1) << 6 | part
			   : -1;
	return bare(name);
}
