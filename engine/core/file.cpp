#include "engine/core/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/core/system_error.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// An open file. The destructor closes it; close() does so too and reports what the system only says at the end.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, Exit code, std::string_view verb)
      : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw system_error(code, verb, path, errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  std::string read_all(Exit code) {
    std::string content;
    char buffer[65536];
    while (true) {
      const ssize_t count = ::read(fd_, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_error(code, "read", path_, errno);
      if (count == 0) return content;
      content.append(buffer, static_cast<size_t>(count));
    }
  }

  void write_all(std::string_view content) {
    while (!content.empty()) {
      const ssize_t count = ::write(fd_, content.data(), content.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_error(Exit::failed, "write", path_, errno);
      content.remove_prefix(static_cast<size_t>(count));
    }
  }

  /// Ends amid a line.
  bool torn() const {
    char last = '\n';
    const off_t size = ::lseek(fd_, 0, SEEK_END);
    return size > 0 && ::pread(fd_, &last, 1, size - 1) == 1 && last != '\n';
  }

  void sync() {
    if (::fsync(fd_) != 0) throw system_error(Exit::failed, "sync", path_, errno);
  }

  void close() {
    if (::close(std::exchange(fd_, -1)) != 0) throw system_error(Exit::failed, "close", path_, errno);
  }

 private:
  fs::path path_;
  int fd_;
};

void write_and_rename(const fs::path& temporary, const fs::path& path, std::string_view content) {
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, Exit::failed, "create");
  file.write_all(content);
  file.sync();
  file.close();
  if (::rename(temporary.c_str(), path.c_str()) != 0) throw system_error(Exit::failed, "replace", path, errno);
}

}  // namespace

std::string read_file(const fs::path& path, Exit code) { return Descriptor(path, O_RDONLY, code, "read").read_all(code); }

void write_file_atomically(const fs::path& path, std::string_view content) {
  const fs::path temporary = path.string() + ".tmp." + std::to_string(::getpid());
  try {
    write_and_rename(temporary, path, content);
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  const fs::path directory = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  Descriptor(directory, O_RDONLY | O_DIRECTORY, Exit::failed, "sync").sync();
}

void append_line(const fs::path& path, std::string_view line) {
  Descriptor file(path, O_RDWR | O_CREAT | O_APPEND, Exit::failed, "append to");
  file.write_all(fmt::format("{}{}\n", file.torn() ? "\n" : "", line));
  file.close();
}

void cut_torn_line(int descriptor) {
  off_t end = ::lseek(descriptor, 0, SEEK_END);
  for (char last = 0; end > 0 && ::pread(descriptor, &last, 1, end - 1) == 1 && last != '\n';) --end;
  if (end >= 0 && ::ftruncate(descriptor, end) != 0) throw Error(Exit::failed, "cannot cut a torn line: {}", std::strerror(errno));
}

}  // namespace llmrun
