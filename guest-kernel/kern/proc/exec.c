/* SPDX-License-Identifier: MIT */
/*
 * execve: the process gets a new address space with a program in it.
 *
 * Everything that can fail is done first, the new address space too: it is built beside the old one, and an error
 * leaves the caller as it was.
 *
 * The initial stack (System V ABI, 3.4.1, Initial Stack): argc, argv..., 0, envp..., 0, auxiliary vector,
 * then 16 random bytes and the strings themselves up to the top.
 */
#include "kern/proc/exec.h"
#include "kern/fs/random.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/elf.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "x86/linux_abi.h"

#define STACK_TOP    (USER_END - 16 * PAGE_SIZE)
#define STACK_LEAST  (128UL << 10)
#define STACK_MOST   (15UL << 20) /* mmap's addresses begin below */
#define ARGS_MAX     (2UL << 20)  /* strings, and the pointers to them */
#define SCRIPT_LINE  128
#define SCRIPT_DEPTH 4

enum {
	AT_NULL,
	AT_PHDR = 3,
	AT_PHENT,
	AT_PHNUM,
	AT_PAGESZ,
	AT_BASE,
	AT_FLAGS,
	AT_ENTRY,
	AT_UID = 11,
	AT_EUID,
	AT_GID,
	AT_EGID,
	AT_PLATFORM,
	AT_HWCAP,
	AT_CLKTCK,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
};

void exec_args_free(struct exec_args *args)
{
	kfree(args->text);
	args->text = NULL;
}

static int grow(struct exec_args *args, size_t needed)
{
	size_t room = args->room ? args->room : 512;
	char *bigger;

	while (room < needed)
		room *= 2;
	if (room > ARGS_MAX)
		return -E2BIG;
	if (room == args->room)
		return 0;
	bigger = kmalloc(room);
	if (!bigger)
		return -ENOMEM;
	if (args->text)
		memcpy(bigger, args->text, args->len);
	kfree(args->text);
	args->text = bigger;
	args->room = room;
	return 0;
}

int exec_args_add(struct exec_args *args, const char *text)
{
	size_t n = strlen(text) + 1;
	int rc = grow(args, args->len + n);

	if (rc)
		return rc;
	memcpy(args->text + args->len, text, n);
	args->len += n;
	return 0;
}

static int add_user_string(struct exec_args *args, const char *user)
{
	long n;

	for (;;) {
		n = strncpy_from_user(args->text + args->len, user, args->room - args->len);
		if (n != -ENAMETOOLONG)
			break;
		n = grow(args, args->room + 1);
		if (n)
			return n;
	}
	if (n < 0)
		return n;
	args->len += n + 1;
	return 0;
}

static int add_user_vector(struct exec_args *args, const ulong *vector, u32 *count)
{
	ulong p;
	int rc;

	for (; vector; vector++) {
		if (get_user(p, vector))
			return -EFAULT;
		if (!p)
			break;
		rc = add_user_string(args, (const char *)p);
		if (rc)
			return rc;
		++*count;
		if (args->len + (args->argc + args->envc) * sizeof(ulong) > ARGS_MAX)
			return -E2BIG;
	}
	return 0;
}

/* "#! interpreter argument" replaces argv[0] by: interpreter, argument (if any), path of the script. */
static int script_arguments(struct exec_args *args, char *line, const char *script, char **interpreter)
{
	struct exec_args with = {.envc = args->envc, .argc = args->argc};
	size_t skip = args->argc ? strlen(args->text) + 1 : 0;
	char *arg, *end = strchr(line, '\n');
	int rc;

	if (end)
		*end = 0;
	for (line += 2; *line == ' ' || *line == '\t'; line++)
		;
	for (arg = line; *arg && *arg != ' ' && *arg != '\t'; arg++)
		;
	if (*arg)
		*arg++ = 0;
	while (*arg == ' ' || *arg == '\t')
		arg++;
	if (!*line)
		return -ENOEXEC;
	*interpreter = line;
	rc = exec_args_add(&with, line);
	if (!rc && *arg) {
		rc = exec_args_add(&with, arg);
		with.argc++;
	}
	if (!rc)
		rc = exec_args_add(&with, script);
	if (!rc)
		rc = grow(&with, with.len + args->len - skip);
	if (rc) {
		exec_args_free(&with);
		return rc;
	}
	with.argc += args->argc ? 1 : 2;
	memcpy(with.text + with.len, args->text + skip, args->len - skip);
	with.len += args->len - skip;
	exec_args_free(args);
	*args = with;
	return 0;
}

static int open_program(struct inode *at, const char *path, struct file **file)
{
	int rc = file_open(at, path, O_RDONLY, 0, file);

	if (rc)
		return rc;
	if (((*file)->inode->mode & S_IFMT) == S_IFREG && ((*file)->inode->mode & 0111) &&
	    (*file)->inode->ops->peek)
		rc = inode_prepare((*file)->inode);
	else
		rc = -EACCES;
	if (rc)
		file_put(*file);
	return rc;
}

/* Opens the program; follows scripts to their interpreters. *program is the path of the file opened. */
static int find_program(struct inode *at, const char *path, struct exec_args *args, struct file **file,
			struct elf_header *h, const char **program)
{
	char line[SCRIPT_LINE], *interpreter;
	int depth, rc;

	rc = open_program(at, path, file);
	for (depth = 0; !rc; depth++) {
		struct inode *inode = (*file)->inode;
		long n = inode->ops->peek(inode, 0, line, sizeof(line) - 1);

		if (n < 2 || line[0] != '#' || line[1] != '!') {
			rc = inode->writers ? -ETXTBSY : elf_check(*file, h);
			if (rc)
				file_put(*file);
			*program = path;
			return rc;
		}
		line[n] = 0;
		file_put(*file);
		if (depth == SCRIPT_DEPTH)
			return -ELOOP;
		rc = script_arguments(args, line, path, &interpreter);
		if (!rc)
			rc = open_program(NULL, interpreter, file);
		path = args->text;
	}
	return rc;
}

/* Writes the strings below the top of the stack, and below them the vectors. Returns the stack pointer. */
static int build_stack(struct mm *mm, const struct exec_args *args, const struct elf_image *image, ulong *sp)
{
	ulong strings = ROUND_DOWN(STACK_TOP - args->len - sizeof(ulong), 16UL), random = strings - 16;
	ulong aux[] = {
	    AT_PHDR,   image->phdr,
	    AT_PHENT,  sizeof(struct elf_segment),
	    AT_PHNUM,  image->phnum,
	    AT_PAGESZ, PAGE_SIZE,
	    AT_BASE,   0,
	    AT_FLAGS,  0,
	    AT_ENTRY,  image->entry,
	    AT_UID,    0,
	    AT_EUID,   0,
	    AT_GID,    0,
	    AT_EGID,   0,
	    AT_HWCAP,  abi_hwcap(),
	    AT_CLKTCK, 100,
	    AT_SECURE, 0,
	    AT_RANDOM, random,
	    AT_EXECFN, strings,
	    AT_NULL,   0,
	};
	size_t words = 1 + args->argc + 1 + args->envc + 1 + ARRAY_SIZE(aux);
	ulong *out, at = strings;
	u8 bytes[16];
	u32 i;

	out = (ulong *)ROUND_DOWN(random - words * sizeof(ulong), 16UL);
	*sp = (ulong)out;
	random_bytes(bytes, sizeof(bytes));
	if (copy_to_user((void *)strings, args->text, args->len) ||
	    copy_to_user((void *)random, bytes, sizeof(bytes)) || put_user((ulong)args->argc, out++))
		return -EFAULT;
	for (i = 0; i < args->argc + args->envc; i++) {
		if (i == args->argc && put_user(0UL, out++))
			return -EFAULT;
		if (put_user(at, out++))
			return -EFAULT;
		at += strlen(args->text + (at - strings)) + 1;
		if (i + 1 == args->argc)
			mm->arg_end = at;
	}
	mm->arg_start = strings;
	if ((!args->envc && put_user(0UL, out++)) || put_user(0UL, out++))
		return -EFAULT;
	return copy_to_user(out, aux, sizeof(aux));
}

static int build_space(struct mm *mm, struct file *file, const struct elf_header *h,
		       const struct exec_args *args, struct elf_image *image, ulong *sp)
{
	ulong stack = ROUND_DOWN((ulong)MIN(limit(LIMIT_STACK), (u64)STACK_MOST), PAGE_SIZE);
	int rc = elf_load(mm, file, h, image);

	if (rc)
		return rc;
	mm_set_program(mm, file->inode);
	stack = MAX(stack, STACK_LEAST + args->len + (args->argc + args->envc) * sizeof(ulong)) & PAGE_MASK;
	if (!area_range_free(mm, STACK_TOP - stack, STACK_TOP))
		return -ENOEXEC;
	if (!area_add(mm, STACK_TOP - stack, STACK_TOP, PROT_READ | PROT_WRITE, AREA_STACK, NULL, 0))
		return -ENOMEM;
	mm->brk_start = mm->brk = image->brk;
	mm->stack_top = STACK_TOP;
	return build_stack(mm, args, image, sp);
}

/* Meanwhile the new address space is in the place of the old one: nothing here sleeps. */
static int build_beside(struct mm *mm, struct file *file, const struct elf_header *h,
			const struct exec_args *args, struct elf_image *image, ulong *sp)
{
	struct mm *old = current->process->mm;
	int rc;

	current->process->mm = mm;
	mm_switch(mm);
	rc = build_space(mm, file, h, args, image, sp);
	current->process->mm = old;
	mm_switch(old);
	return rc;
}

/* Puts the directory of the path in buf, or for a bare name the current one, before `name`. */
static int beside(struct inode *at, const char *path, const char *name, char *buf)
{
	size_t n = strlen(path);

	while (n && path[n - 1] != '/')
		n--;
	if (*path != '/') {
		int used = path_of_dir(at ? at : current->process->files.cwd, buf, PATH_MAX);

		return used < 0 ? used : snprintf(buf + used, PATH_MAX - used, "/%.*s%s", (int)n, path, name);
	}
	return snprintf(buf, PATH_MAX, "%.*s%s", (int)n, path, name);
}

/* If path is a symbolic link, replaces it by the link's target. */
static bool read_one_link(char *path, char *target, char *buf)
{
	struct inode *inode;
	int n = -1;

	if (path_lookup(NULL, path, 0, &inode))
		return false;
	if ((inode->mode & S_IFMT) == S_IFLNK)
		n = inode->ops->readlink(inode, target, PATH_MAX - 1);
	inode_put(inode);
	if (n <= 0)
		return false;
	target[n] = 0;
	if (*target == '/')
		strlcpy(path, target, PATH_MAX);
	else if (beside(NULL, path, target, buf) > 0)
		strlcpy(path, buf, PATH_MAX);
	return true;
}

/* The absolute path of the program's file, for /proc/<pid>/exe: shells start their own parts through it. */
static char *absolute_program(struct inode *at, const char *path)
{
	char *text = kmalloc(3 * PATH_MAX), *result = NULL;
	const char *name = path + strlen(path);
	int links;

	if (!text)
		return NULL;
	while (name != path && name[-1] != '/')
		name--;
	if (beside(at, path, name, text) > 0) {
		for (links = 0; links < 8 && read_one_link(text, text + PATH_MAX, text + 2 * PATH_MAX);
		     links++)
			;
		result = kstrdup(text);
	}
	kfree(text);
	return result;
}

/* -EAGAIN: another thread was faster; -ERESTARTSYS: killed while waiting. */
static int kill_other_threads(struct process *p)
{
	struct task *t;
	int rc = 0;

	if (p->execing || p->exiting)
		return -EAGAIN;
	p->execing = current;
	list_for_each (t, &p->tasks, siblings) {
		if (t != current)
			signal_send_task(t, SIGKILL, NULL);
	}
	while (p->task_count > 1 && !rc)
		rc = wait_on_killable(&p->child_changed);
	p->execing = NULL;
	if (!rc)
		current->tid = p->pid;
	return rc;
}

static void leave_old_program(struct process *p, const char *path)
{
	signal_reset_handlers(p);
	files_close_on_exec(&p->files);
	process_set_comm(p, path);
	current->signals.altstack = (struct sigaltstack){.flags = SS_DISABLE};
	current->clear_tid = 0;
	current->regs.tls = 0;
	tls_load(0);
	fpu_init(current->regs.fpu);
	fpu_restore(current->regs.fpu);
	p->executed = true;
}

int exec_program(struct inode *at, const char *path, struct exec_args *args)
{
	struct process *p = current->process;
	struct mm *old = p->mm, *mm;
	struct elf_header h;
	struct elf_image image;
	struct file *file;
	char *exe;
	ulong sp;
	const char *program;
	int rc = find_program(at, path, args, &file, &h, &program);

	if (rc)
		return rc;
	exe = absolute_program(program == path ? at : NULL, program);
	mm = mm_create();
	rc = mm ? build_beside(mm, file, &h, args, &image, &sp) : -ENOMEM;
	file_put(file);
	if (!rc)
		rc = kill_other_threads(p);
	if (rc) {
		if (mm)
			mm_put(mm);
		kfree(exe);
		return rc;
	}
	leave_old_program(p, path);
	kfree(p->exe);
	p->exe = exe;
	p->mm = mm;
	mm_switch(mm);
	if (old)
		mm_put(old);
	process_mm_released(p);
	trapframe_init_user(task_frame(current), image.entry, sp);
	return 0;
}

static long do_execve(int dirfd, const char *user_path, const ulong *argv, const ulong *envp)
{
	struct exec_args args = {0};
	struct path_arg path;
	int rc = path_arg_get(&path, dirfd, user_path);

	if (rc)
		return rc;
	rc = grow(&args, 1);
	if (!rc)
		rc = add_user_vector(&args, argv, &args.argc);
	if (!rc)
		rc = add_user_vector(&args, envp, &args.envc);
	if (!rc)
		rc = exec_program(path.at, path.text, &args);
	exec_args_free(&args);
	path_arg_put(&path);
	return rc;
}

long sys_execve(const char *path, const ulong *argv, const ulong *envp)
{
	return do_execve(AT_FDCWD, path, argv, envp);
}

long sys_execveat(int dirfd, const char *path, const ulong *argv, const ulong *envp, int flags)
{
	return flags ? -EINVAL : do_execve(dirfd, path, argv, envp);
}
