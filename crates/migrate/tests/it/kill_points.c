/* Loaded before the C library: kills its process right before the n-th change that it makes to a file.
 *
 * What a process leaves behind on a disk is made by these calls and nothing else, so that a process killed before each of
 * them in turn has been killed in every state that it can leave.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long changes;
static long last;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("TOWPATH_TEST_KILL_AT");
    last = text ? atol(text) : 0;
}

/* How many there were, for a process that ends by itself. */
__attribute__((destructor)) static void end(void) {
    const char *path = getenv("TOWPATH_TEST_CHANGES");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        long seen = atomic_load(&changes);
        fprintf(file, "%ld", seen);
        fclose(file);
    }
}

static void change(void) {
    if (atomic_fetch_add(&changes, 1) + 1 == last) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

static void change_of(int descriptor) {
    struct stat found;
    if (fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode)) change();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *bytes, size_t count) {
    change_of(descriptor);
    return NEXT(write)(descriptor, bytes, count);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t at) {
    change_of(descriptor);
    return NEXT(pwrite)(descriptor, bytes, count, at);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t at) {
    change_of(descriptor);
    return NEXT(pwrite64)(descriptor, bytes, count, at);
}

int ftruncate(int descriptor, off_t length) {
    change_of(descriptor);
    return NEXT(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
    change_of(descriptor);
    return NEXT(ftruncate64)(descriptor, length);
}

int fsync(int descriptor) {
    change_of(descriptor);
    return NEXT(fsync)(descriptor);
}

int fdatasync(int descriptor) {
    change_of(descriptor);
    return NEXT(fdatasync)(descriptor);
}

int unlink(const char *path) {
    change();
    return NEXT(unlink)(path);
}
