/* Faults at the n-th change of a file, for `make soak`: preloaded into a run and all that it starts.
 *
 * SOAK_CONTROL names a file of five 64-bit numbers that all of them map: is it armed; the mode (1: kill the
 * process group with SIGKILL, before the call; 2: from there on every call that would take room fails with
 * ENOSPC); the number of the call; how many there were; whether the fault came. Only regular files count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile int64_t *control;

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("SOAK_CONTROL");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) control = at;
  close(fd);
}

/* Counts a call; 1 if it must fail. `room`: it would take room on the disk. */
static int fault(int room) {
  if (!control || !control[0]) return 0;
  int64_t mine = __sync_add_and_fetch(&control[3], 1);
  if (mine < control[2]) return 0;
  if (control[1] == 1) {
    control[4] = 1;
    kill(0, SIGKILL);
    for (;;) pause();
  }
  if (!room) return 0;
  control[4] = 1;
  errno = ENOSPC;
  return 1;
}

static int is_file(int fd) {
  struct stat about;
  int saved = errno;
  int regular = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  errno = saved;
  return regular;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  if (control && control[0] && is_file(fd) && fault(1)) return -1;
  return real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  if (control && control[0] && is_file(fd) && fault(1)) return -1;
  return real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  REAL(pwrite64);
  if (control && control[0] && is_file(fd) && fault(1)) return -1;
  return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  REAL(pwrite);
  if (control && control[0] && is_file(fd) && fault(1)) return -1;
  return real(fd, data, size, at);
}

int fsync(int fd) { REAL(fsync); return fault(0) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fault(0) ? -1 : real(fd); }
int rename(const char *from, const char *to) { REAL(rename); return fault(0) ? -1 : real(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
  REAL(renameat);
  return fault(0) ? -1 : real(a, from, b, to);
}
int link(const char *from, const char *to) { REAL(link); return fault(1) ? -1 : real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
  REAL(linkat);
  return fault(1) ? -1 : real(a, from, b, to, flags);
}
int unlink(const char *path) { REAL(unlink); return fault(0) ? -1 : real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return fault(1) ? -1 : real(path, mode); }
