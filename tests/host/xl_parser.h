/* SPDX-License-Identifier: MIT */
/* The same configuration as Xen's own parser reads it (Debian's libxlutil), and as ours does, in one form. */
#pragma once

#include <stddef.h>

/*
 * One line for each setting, sorted: name, value, and what it is as a number. NULL: the text is refused. malloc()ed.
 * @text has no zero byte: libxlutil's scanner is stopped by an assertion of its own at one inside quotes.
 */
char *xl_reads(const char *text, size_t len);
char *we_read(const char *text, size_t len);
/*
 * @text as libxlutil would have to be given it to read what we read; *len changes with it. malloc()ed. What is changed is
 * the whole list of what we take and it does not, each for a reason:
 *	a last line without its end    in a comment its scanner needs one; elsewhere it overlooks a single letter there
 *	                               that it refuses on any other line
 *	CR before the end of a line    files come from other systems
 *	\xHH and \OOO inside a text    it documents both, but refuses the first and reads the second as nothing
 */
char *for_xl(const char *text, size_t *len);
