#include "engine/checkpoint/storage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace llmrun {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* verb, const fs::path& path) { throw fs::filesystem_error(verb, path, {errno, std::generic_category()}); }

class DiskFile : public OutputFile {
 public:
  explicit DiskFile(const fs::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666)) {
    if (fd_ < 0) fail("create", path);
  }
  ~DiskFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  void write(const void* bytes, int64_t size) override {
    const auto* next = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t count = ::write(fd_, next, static_cast<size_t>(std::min<int64_t>(size, int64_t{1} << 30)));
      if (count < 0 && errno == EINTR) continue;
      if (count == 0) errno = EIO;
      if (count <= 0) fail("write", path_);
      next += count;
      size -= count;
    }
  }
  void sync() override {
    if (::fsync(fd_) != 0) fail("sync", path_);
  }
  void close() override {
    if (::close(std::exchange(fd_, -1)) != 0) fail("close", path_);
  }

 private:
  fs::path path_;
  int fd_;
};

class Disk : public Storage {
 public:
  std::unique_ptr<OutputFile> create(const fs::path& path) override { return std::make_unique<DiskFile>(path); }
  void make_directory(const fs::path& path) override { fs::create_directories(path); }
  void rename(const fs::path& from, const fs::path& to) override { fs::rename(from, to); }
  void sync_directory(const fs::path& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail("open", path);
    const int result = ::fsync(fd), cause = errno;
    ::close(fd);
    if (result == 0 || cause == EINVAL) return;  // EINVAL: a file system that keeps no order of names to sync
    errno = cause;
    fail("sync", path);
  }
  void remove(const fs::path& path) override { fs::remove_all(path); }
};

}  // namespace

Storage& disk() {
  static Disk disk;  // has no state
  return disk;
}

}  // namespace llmrun
