/* Stands before the system's fsync, for tests of power cuts: of each database it keeps what is on
 * the disk for certain, and ends the process at a moment that somebody has set.
 *
 * CUT_FOLDER: of databases in here. CUT_KEPT: a folder for their bytes as of their last sync.
 * CUT_AT: a file with a number; each sync takes two from it, one before it and one after it, and
 * where it becomes 0 the process is killed. The bytes are read through the file descriptor that is
 * synced: to close another one of the file would let go of the locks that SQLite holds on it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *find_name(int fd, char *path) {
    char link[64];
    const char *folder = getenv("CUT_FOLDER");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (folder == NULL || length < 0) return NULL;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) != 0) return NULL;
    const char *name = strrchr(path, '/') + 1, *end = strstr(name, ".db");
    return end != NULL && (end[3] == 0 || strcmp(end, ".db-wal") == 0) ? name : NULL;
}

static void pass_moment(void) {
    char text[32] = {0};
    int fd = open(getenv("CUT_AT"), O_RDWR);
    if (fd < 0) return;
    int left = pread(fd, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
    if (left > 0) {
        int length = snprintf(text, sizeof text, "%-8d", left - 1);
        if (pwrite(fd, text, length, 0) != length) abort();
    }
    close(fd);
    if (left == 1) kill(getpid(), SIGKILL);
}

static void keep(int fd, const char *name) {
    char part[PATH_MAX + 8], kept[PATH_MAX], bytes[65536];
    snprintf(kept, sizeof kept, "%s/%s", getenv("CUT_KEPT"), name);
    snprintf(part, sizeof part, "%s.part", kept);
    int copy = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (copy < 0) abort();
    off_t at = 0;
    for (ssize_t count; (count = pread(fd, bytes, sizeof bytes, at)) > 0; at += count)
        if (write(copy, bytes, count) != count) abort();
    close(copy);
    if (rename(part, kept) != 0) abort();
}

static int synced(int fd, const char *function) {
    char path[PATH_MAX];
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
    const char *name = find_name(fd, path);
    if (name == NULL) return next(fd);
    pass_moment();
    int answer = next(fd);
    if (answer == 0) keep(fd, name);
    pass_moment();
    return answer;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }
