#include "launcher/process/memory_file.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/core/error.h"

namespace llmrun {

MemoryFile::MemoryFile(std::string_view content) : file_(::memfd_create("llmrun", MFD_CLOEXEC)) {
  if (file_ < 0) throw Error(Exit::failed, "cannot make a file in memory: {}", std::strerror(errno));
  while (!content.empty()) {
    const ssize_t written = ::write(file_, content.data(), content.size());
    if (written < 0) {
      const int cause = errno;
      ::close(file_);
      throw Error(Exit::failed, "cannot write a file in memory: {}", std::strerror(cause));
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
}

MemoryFile::~MemoryFile() { ::close(file_); }

std::string MemoryFile::text() const {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::pread(file_, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

std::string MemoryFile::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), file_); }

}  // namespace llmrun
