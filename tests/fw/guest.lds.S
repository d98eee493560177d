/* SPDX-License-Identifier: MIT */
/* Image of a guest test: linked at VIRT_BASE, loaded at pseudo-physical 0; BITS is 32 or 64. */
#if BITS == 64
OUTPUT_FORMAT(elf64-x86-64)
BASE = 0xffffffff80000000;
#else
OUTPUT_FORMAT(elf32-i386)
BASE = 0xc0000000;
#endif
ENTRY(start)
PHDRS {
	text PT_LOAD FLAGS(7);
	note PT_NOTE FLAGS(4);
}
SECTIONS {
	. = BASE + 0x100000;
	.text : AT(ADDR(.text) - BASE) { *(.text.entry) *(.text*) } :text
	.note : AT(ADDR(.note) - BASE) { *(.note.xen) } :text :note
	.rodata : AT(ADDR(.rodata) - BASE) { *(.rodata*) } :text
	.data : AT(ADDR(.data) - BASE) { *(.data*) }
	.bss : AT(ADDR(.bss) - BASE) { *(.bss*) *(COMMON) }
	image_end = .;
	/DISCARD/ : { *(.eh_frame*) *(.comment) *(.note.gnu*) *(.note.GNU*) }
}
