/*
 * Preloaded into a process, it writes down what that process writes to files below POWER_CUT_FOLDER, and when it has them
 * synced, into POWER_CUT_LOG. What is said on standard output stands between, in its order. One record: a letter ("w"rite,
 * "t"runcate, "s"ync, "u"nlink, "o"utput), and the lengths of the name and of the bytes and the offset, each 8 bytes; name; bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int log_file = -1;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWER_CUT_LOG");
  folder = getenv("POWER_CUT_FOLDER");
  if (path && folder) log_file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t done = syscall(SYS_write, log_file, at, length);
    if (done <= 0) abort();
    at += done;
    length -= done;
  }
}

static void record(char what, const char *name, const void *bytes, uint64_t length, uint64_t offset) {
  uint64_t head[3] = {strlen(name), length, offset};
  put(&what, 1);
  put(head, sizeof head);
  put(name, head[0]);
  if (what == 'w' || what == 'o') put(bytes, length);
}

/* The name of a file in the folder, or 0. */
static const char *watched(int fd, char *name, size_t size) {
  char link[40] = "/proc/self/fd/", digits[12];
  int count = 0, at = 14;
  if (log_file < 0 || fd < 0) return 0;
  do digits[count++] = '0' + fd % 10; while ((fd /= 10) > 0);
  while (count > 0) link[at++] = digits[--count];
  link[at] = 0;
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, name, size - 1);
  if (length <= 0) return 0;
  name[length] = 0;
  return strncmp(name, folder, strlen(folder)) == 0 ? name : 0;
}

/* A system call and its record are one step: nobody writes between them. */
#define STEP(call, what, bytes, length, offset)                   \
  char space[4096];                                               \
  const char *name = watched(fd, space, sizeof space);            \
  if (!name) return call;                                         \
  pthread_mutex_lock(&turn);                                      \
  long done = call;                                               \
  int problem = errno;                                            \
  if (done >= 0) record(what, name, bytes, length, offset);       \
  pthread_mutex_unlock(&turn);                                    \
  errno = problem;                                                \
  return done;

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  STEP(syscall(SYS_pwrite64, fd, bytes, length, offset), 'w', bytes, done, offset)
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
  if (fd == 1 && log_file >= 0) {
    pthread_mutex_lock(&turn);
    record('o', "", bytes, length, 0);
    pthread_mutex_unlock(&turn);
    return syscall(SYS_write, fd, bytes, length);
  }
  off64_t offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
  STEP(syscall(SYS_write, fd, bytes, length), 'w', bytes, done, offset)
}

int ftruncate64(int fd, off64_t length) { STEP(syscall(SYS_ftruncate, fd, length), 't', 0, 0, length) }
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int fsync(int fd) { STEP(syscall(SYS_fsync, fd), 's', 0, 0, 0) }
int fdatasync(int fd) { STEP(syscall(SYS_fdatasync, fd), 's', 0, 0, 0) }

int unlink(const char *path) {
  int done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (done == 0 && log_file >= 0 && strncmp(path, folder, strlen(folder)) == 0) {
    int problem = errno;
    pthread_mutex_lock(&turn);
    record('u', path, 0, 0, 0);
    pthread_mutex_unlock(&turn);
    errno = problem;
  }
  return done;
}
